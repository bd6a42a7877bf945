/** What an audit found: accuracy under each transform, and the pictures that failed, each a way back to the table. */

import { get, newest } from "./api.js";
import { $, button, h, look } from "./dom.js";
import { counted, percent } from "./format.js";
import { setPicture, setStack, state } from "./state.js";

const SORTS = { confidence: "Most confident errors", loss: "Most confident before, too", sample: "Order of the data" };
const PAGE = 24;
let audit = null;
let chosen = null;
let shown = 0;

const rate = (transform) =>
  h(
    "button",
    { type: "button", class: "rate", "aria-pressed": "false", "data-spec": transform.spec, onclick: () => choose(transform) },
    h("code", {}, transform.spec),
    h("span", { class: "bar", "aria-hidden": "true" }, look(h("i"), { "--share": transform.accuracy ?? 0 })),
    h("span", { class: "value" }, transform.accuracy === null ? "no images count" : percent(transform.accuracy)),
    h("span", { class: "soft small" }, `${counted(transform.failures, "failure")} of ${transform.n.toLocaleString("en-US")}`),
  );

function pair(found, leave) {
  const alt = (when, { class: name }) => `${when}: classified as ${name}`;
  const open = () => {
    if (!state.setup.models.length) return;
    setPicture({ id: found.id, name: found.name, label: found.label });
    setStack(found.stack);
    leave();
  };
  const name = `${found.label} misclassified as ${found.after.class}${found.stack.length ? ": on the light table" : ""}`;
  const frames = h("span", { class: "frames" }, h("img", { src: found.clean, alt: alt("clean", found.before), class: "grain" }), found.changed && h("img", { src: found.changed, alt: alt("changed", found.after), class: "grain" }));
  const said = (when, top, kind) => h("span", { class: kind }, h("span", { class: "soft" }, when), h("b", {}, top.class), percent(top.confidence));
  return h("button", { type: "button", class: "pair", title: name, onclick: open }, frames, h("span", { class: "predictions" }, said("clean", found.before, ""), said("transformed", found.after, "after")));
}

const failures = newest((query) => get("/api/audit/failures", query));

async function list(offset) {
  const query = { transform: chosen.spec, class: $("audit-class").value, sort: $("audit-sort").value, offset, limit: PAGE };
  const answer = await failures(query);
  if (!answer) return;
  const { total, pairs } = answer;
  const made = pairs.map((found) => pair(found, leave));
  if (offset) $("pairs").append(...made);
  else $("pairs").replaceChildren(...made);
  shown = offset + pairs.length;
  $("pairs-total").textContent = total ? `${counted(total, "picture")} correct clean and misclassified under ${chosen.spec}` : `No picture of this choice fails under ${chosen.spec}.`;
  $("more-pairs").hidden = shown >= total;
}

function choose(transform) {
  chosen = transform;
  for (const row of document.querySelectorAll(".rate")) row.setAttribute("aria-pressed", String(row.dataset.spec === transform.spec));
  return list(0);
}

const select = (id, label, options) =>
  h("label", { class: "field" }, h("span", {}, label), h("select", { id, onchange: () => list(0) }, options.map(([value, text]) => h("option", { value }, text))));

let leave = () => {};

/** Build the view once; `back` shows the table. */
export async function openAudit(back) {
  leave = back;
  if (audit) return;
  audit = await get("/api/audit");
  const [first] = audit.transforms;
  const choice = ` Choose a transform to see what fails${state.setup.models.length ? ", and a pair to put it on the light table" : "; name the model beside --audit to put pairs on the light table"}.`;
  $("audit").append(
    h("p", {}, audit.verdict),
    h("p", { class: "soft small" }, `${audit.model} on ${counted(audit.n, "picture")} of ${audit.dataset}; clean accuracy ${percent(audit.clean_accuracy)}.${first ? choice : ""}`),
  );
  if (!first) return;
  $("audit").append(
    h("div", { class: "rates", role: "group", "aria-label": "Accuracy under each transform" }, audit.transforms.map(rate)),
    h("div", { class: "filters" }, select("audit-class", "Class", [["", "All classes"], ...audit.classes.map((name) => [name, name])]), select("audit-sort", "Sort", Object.entries(SORTS))),
    h("p", { class: "soft small", id: "pairs-total", role: "status" }),
    h("div", { class: "strip", id: "pairs" }),
    button("More pairs", () => list(shown), { class: "quiet", id: "more-pairs", hidden: true }),
  );
  await choose(audit.transforms.reduce((worst, each) => (each.failures > worst.failures ? each : worst), first));
}
