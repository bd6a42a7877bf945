/** Elements without a framework; text is only ever set as text. */

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "path", "line", "rect", "circle", "g"]);

/** The element with an id. */
export const $ = (id) => document.getElementById(id);

/** A new element: `h("button", { class: "quiet", onclick: go }, "Go")`. What is null or false is left out. */
export function h(tag, attributes = {}, ...children) {
  const element = SVG_TAGS.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Change custom properties of an element, which a policy without inline styles allows. */
export function look(element, properties) {
  for (const [name, value] of Object.entries(properties)) element.style.setProperty(name, value);
  return element;
}

/** A button. */
export const button = (label, onclick, attributes = {}) => h("button", { type: "button", onclick, ...attributes }, label);

/** An image that is ready to be drawn. */
export async function loaded(source) {
  const image = new Image();
  image.src = source;
  await image.decode();
  return image;
}

/** Offer a blob as a file. */
export function download(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

/** A canvas as a PNG. */
export const toPng = (canvas) => new Promise((resolve) => canvas.toBlob(resolve, "image/png"));

/** Say a sentence where everybody sees and hears it; "" takes it away. */
export function problem(sentence) {
  $("problem").textContent = sentence;
  $("problem").hidden = !sentence;
}

/** A color or another custom property of the page. */
export const property = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
