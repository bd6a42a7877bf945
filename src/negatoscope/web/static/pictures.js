/** Where pictures come from: the data set by class, a file, the clipboard, the camera or a drawing. */

import { addressed, get, load, newest, Refused, upload } from "./api.js";
import { $, h, problem } from "./dom.js";
import { counted } from "./format.js";
import { on, setPicture, state } from "./state.js";

const PAGE = 48;
let shown = [];

const label = ({ name, label }) => `Picture ${name}${label ? `, class ${label}` : ""}`;

/** A picture of the contact sheet. */
function thumbnail(picture) {
  const image = h("img", { src: addressed(`/picture/${picture.id}.png`), alt: "", loading: "lazy", class: "grain" });
  return h("button", { type: "button", class: "thumb", "data-id": picture.id, "aria-label": label(picture), "aria-pressed": "false", title: label(picture), onclick: () => setPicture(picture) }, image);
}

function mark() {
  for (const thumb of $("sheet").children) thumb.setAttribute("aria-pressed", String(thumb.dataset.id === state.picture?.id));
}

const listed = newest((query) => get("/api/pictures", query));

/** The first or the next pictures of the chosen class; none where another choice came meanwhile. */
async function list(offset) {
  const [kind, name] = $("class").value.split(/:(.*)/s);
  const query = { offset, limit: PAGE, ...(kind === "class" ? { class: name } : kind === "failing" ? { failing: 1 } : {}) };
  const answer = await listed(query);
  if (!answer) return [];
  const { pictures, total } = answer;
  shown = offset ? [...shown, ...pictures] : pictures;
  if (offset) $("sheet").append(...pictures.map(thumbnail));
  else $("sheet").replaceChildren(...pictures.map(thumbnail));
  $("more").hidden = shown.length >= total;
  mark();
  return pictures;
}

const option = (value, text) => h("option", { value }, text);

function classes() {
  const { dataset, audit } = state.setup;
  for (const part of ["class", "sheet"]) $(part).closest(".field, .sheet").hidden = !dataset;
  if (!dataset) return;
  const total = dataset.classes.reduce((sum, { n }) => sum + n, 0);
  const named = dataset.classes.map(({ name, n }) => option(`class:${name}`, `${name} (${n.toLocaleString("en-US")})`));
  $("class").replaceChildren(...(audit ? [option("failing:", "Misclassified in the audit")] : []), option("all:", `All classes (${total.toLocaleString("en-US")})`), ...named);
  $("dataset").textContent = `${dataset.name}: ${counted(total, "picture")}`;
}

/** Put bytes on the table; whatever is wrong with them is said in words. */
export async function lay(blob, name) {
  problem("");
  try {
    const { id } = await upload(blob);
    setPicture({ id, name, label: null });
    $("spoken").textContent = `${name} is on the light table.`;
  } catch (refusal) {
    if (!(refusal instanceof Refused)) throw refusal;
    problem(refusal.message);
  }
}

/** The first picture among files, if there is one. */
function layFiles(files) {
  const file = [...files].find(({ type }) => type.startsWith("image/")) ?? files[0];
  if (file) lay(file, file.name || "pasted picture");
}

function listenForFiles() {
  $("open-file").addEventListener("click", () => $("file").click());
  $("file").addEventListener("change", () => {
    layFiles($("file").files);
    $("file").value = "";
  });
  addEventListener("paste", (event) => layFiles(event.clipboardData.files));
  addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    $("dropping").hidden = false;
  });
  addEventListener("dragleave", (event) => event.relatedTarget === null && ($("dropping").hidden = true));
  addEventListener("drop", (event) => {
    event.preventDefault();
    $("dropping").hidden = true;
    layFiles(event.dataTransfer.files);
  });
}

/** Build the contact sheet and put a picture on the table: the one that the address names, else the first. */
export async function startPictures(wanted) {
  classes();
  listenForFiles();
  $("draw").addEventListener("click", async () => (await load("draw")).draw((blob) => lay(blob, "drawing")));
  $("camera").addEventListener("click", async () => (await load("camera")).photograph((blob) => lay(blob, "photograph")));
  $("camera").hidden = !navigator.mediaDevices?.getUserMedia;
  $("class").addEventListener("change", () => list(0).then(([first]) => first && setPicture(first)));
  $("more").addEventListener("click", () => list(shown.length));
  on("picture", mark);
  let [first] = state.setup.dataset ? await list(0) : [];
  if (state.setup.dataset && !first && state.setup.audit) {
    $("class").value = "all:"; // nothing fails
    [first] = await list(0);
  }
  if (wanted) choosePicture(wanted);
  else if (first) setPicture(shown.find(({ id }) => id === state.setup.first) ?? first);
}

/** Put the picture with an id on the table. */
export function choosePicture(id) {
  setPicture(shown.find((picture) => picture.id === id) ?? { id, name: "", label: null });
}
