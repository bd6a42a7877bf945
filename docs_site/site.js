// The menu of narrow screens, buttons that copy code, and a search in an index that is loaded when it is first needed: no server, no network.
const base = document.documentElement.dataset.top;
const menu = document.querySelector(".menu");
const contents = document.querySelector(".contents");
const find = document.querySelector(".find");
const field = document.getElementById("site-search");
const results = document.getElementById("site-results");
const spoken = document.getElementById("site-status");
const SHOWN = 12;
const COPY = '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z"/></svg>';
const DONE = '<svg viewBox="0 0 16 16" aria-hidden="true"><path d="m3 8.5 3.5 3.5L13 4.5"/></svg>';
let index = null;

function openMenu(open) {
  document.body.toggleAttribute("data-menu", open);
  menu.setAttribute("aria-expanded", open);
}

function loadIndex() {
  if (index) return;
  index = [];
  window.searched = (entries) => {
    index = entries.map(([page, heading, address, text]) => ({ page, heading, address, text, all: `${page} ${heading} ${text}`.toLowerCase() }));
    search();
  };
  document.head.append(Object.assign(document.createElement("script"), { src: `${base}search.js` }));
}

function rank(entry, words) {
  const heading = entry.heading.toLowerCase(), page = entry.page.toLowerCase();
  return words.reduce((sum, word) => sum + (heading === word ? 40 : heading.startsWith(word) ? 20 : heading.includes(word) ? 12 : 0)
    + (page.includes(word) ? 6 : 0) + Math.min(entry.all.split(word).length - 1, 5), entry.page === entry.heading ? 2 : 0);
}

function marked(text, words) {
  const places = words.map((word) => text.toLowerCase().indexOf(word)).filter((at) => at >= 0);
  const first = Math.max(0, Math.min(...places, text.length) - 40) * (places.length > 0);
  const piece = (first ? "… " : "") + text.slice(first, first + 160);
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  return piece.split(new RegExp(`(${escaped})`, "i")).map((part, n) => (n % 2 ? Object.assign(document.createElement("mark"), { textContent: part }) : part));
}

function item(entry, words) {
  const link = Object.assign(document.createElement("a"), { href: base + entry.address });
  const where = document.createElement("b");
  where.append(...marked(entry.heading, words));
  const page = Object.assign(document.createElement("span"), { className: "soft small", textContent: entry.page === entry.heading ? "" : entry.page });
  const text = Object.assign(document.createElement("p"), { className: "soft small" });
  text.append(...marked(entry.text, words));
  link.append(where, " ", page, text);
  return link;
}

function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  results.hidden = !words.length;
  if (!words.length || !index) return;
  const hits = index.filter(({ all }) => words.every((word) => all.includes(word)))
    .map((entry) => ({ entry, points: rank(entry, words) })).sort((a, b) => b.points - a.points);
  results.replaceChildren(...hits.slice(0, SHOWN).map(({ entry }) => item(entry, words)));
  spoken.textContent = hits.length ? `${hits.length} found` : "Nothing found";
  if (!hits.length) results.append(Object.assign(document.createElement("p"), { className: "soft", textContent: "Nothing found" }));
}

function step(event) {
  const links = [field, ...results.querySelectorAll("a")];
  const at = links.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1 }[event.key];
  if (event.key === "Enter" && at === 0 && links[1]) links[1].click();
  if (event.key === "Escape") { field.focus(); results.hidden = true; }
  if (next === undefined || !links[next]) return;
  event.preventDefault();
  links[next].focus();
}

// Of a console its commands alone: neither what the prompt looks like nor what they print.
function copiedText(code) {
  const copied = code.cloneNode(true);
  const isConsole = copied.querySelector(".gp");
  for (const part of copied.querySelectorAll(".gp, .go")) part.remove();
  const lines = copied.textContent.split("\n");
  return (isConsole ? lines.filter(Boolean) : lines).join("\n").trimEnd();
}

async function writeClipboard(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = Object.assign(document.createElement("textarea"), { value: text, className: "hidden" });
  document.body.append(area); // a page from a server without HTTPS has no clipboard of today
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("the browser copies nothing");
}

function addCopyButton(block) {
  const text = copiedText(block.querySelector("code"));
  const button = Object.assign(document.createElement("button"), { type: "button", className: "copy", innerHTML: COPY, title: "Copy" });
  button.setAttribute("aria-label", "Copy");
  button.addEventListener("click", async () => {
    const copied = await writeClipboard(text).then(() => true, () => false);
    button.focus();
    spoken.textContent = copied ? "Copied" : "Not copied: select the text";
    button.innerHTML = copied ? DONE : COPY;
    setTimeout(() => { button.innerHTML = COPY; spoken.textContent = ""; }, 2000);
  });
  if (text) block.append(button);
}

find.hidden = menu.hidden = false;
document.querySelectorAll("article .code").forEach(addCopyButton);
document.body.toggleAttribute("data-script", true);
menu.addEventListener("click", () => openMenu(!document.body.hasAttribute("data-menu")));
field.addEventListener("focus", loadIndex);
field.addEventListener("input", search);
find.addEventListener("keydown", step);
document.addEventListener("click", (event) => { if (!find.contains(event.target)) results.hidden = true; });
results.addEventListener("click", () => { results.hidden = true; });
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.target.closest("input") || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  field.focus();
});
if (contents && matchMedia("(min-width: 80rem)").matches) contents.open = true;

const here = document.querySelector(".pages [aria-current]");
if (here) here.closest(".pages").scrollTop = here.offsetTop - innerHeight / 2;
