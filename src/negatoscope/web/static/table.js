/** The lit box: the picture, and beside it what each model really sees. */

import { addressed } from "./api.js";
import { $, h, loaded } from "./dom.js";
import { pixels } from "./format.js";
import { on, state } from "./state.js";

const named = (models) => `What ${models.join(" and ")} ${models.length > 1 ? "see" : "sees"}`;

/** What stands over the one frame: it is of every model that can take the transforms. */
function together(models) {
  if (models.length < state.setup.models.length) return named(models);
  return ["What the model sees", "What both models see"][models.length - 1] ?? "What all models see";
}

/** What models see, once for each different image: [{ image, models }]. */
function distinct(answers) {
  const groups = new Map();
  answers.forEach(({ error, seen }, place) => error || groups.set(seen, [...(groups.get(seen) ?? []), state.setup.models[place].name]));
  return [...groups].map(([image, models]) => ({ image, models }));
}

const frame = (image, title, size, kind) =>
  h("figure", { class: `frame ${kind}` }, h("div", { class: "film" }, image), h("figcaption", {}, h("b", {}, title), h("span", {}, size)));

/** Images keep their elements while a slider moves, so that nothing flickers. */
function show(place, source, title, kind, alt) {
  const box = $("box");
  let figure = box.children[place];
  if (!figure) {
    figure = frame(h("img", { alt: "" }), "", "", kind);
    box.append(figure);
  }
  const image = figure.querySelector("img");
  figure.className = `frame ${kind}`;
  figure.querySelector("b").textContent = title;
  image.alt = alt;
  if (image.getAttribute("src") === source) return;
  image.onload = () => {
    const small = image.naturalWidth < 320;
    image.classList.toggle("grain", small || kind === "seen");
    figure.querySelector("span").textContent = pixels(image.naturalWidth, image.naturalHeight);
  };
  image.src = source;
}

function showPicture() {
  const { picture } = state;
  $("box").querySelector(".empty")?.remove();
  const label = picture.label ? ` of class ${picture.label}` : "";
  show(0, addressed(`/picture/${picture.id}.png`), picture.label ? `Picture: ${picture.label}` : "Picture", "original", `The picture${label}`);
}

function showSeen() {
  showPicture();
  const groups = distinct(state.answer.answers);
  groups.forEach(({ image, models }, place) => {
    show(place + 1, image, groups.length > 1 ? named(models) : together(models), "seen", `${named(models)}: ${state.answer.spec}`);
  });
  while ($("box").children.length > groups.length + 1) $("box").lastChild.remove();
  $("box").dataset.frames = groups.length + 1;
}

/** Show what is on the table whenever it changes. */
export function startTable() {
  on("picture", showPicture);
  on("answer", showSeen);
}

/** What the first model sees that can take the transforms. */
export const seenFirst = () => state.answer.answers.find(({ error }) => !error).seen;

/** The two pictures as images that can be drawn: the original, and what the first model sees. */
export async function frames() {
  return Promise.all([loaded(addressed(`/picture/${state.picture.id}.png`)), loaded(seenFirst())]);
}
