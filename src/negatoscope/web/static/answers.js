/** The answer of each model: its classes with bars, its confidence, and what changed since clean. */

import { $, h, look } from "./dom.js";
import { percent, points } from "./format.js";
import { on, state } from "./state.js";

const BARS = 5;

/** How the confidence in the class that the model named clean has changed since. */
function change({ clean, now }) {
  const [before] = clean;
  const after = now.find((entry) => entry.class === before.class);
  return after ? `${points(after.confidence - before.confidence)} since clean` : `no longer among its first ${now.length} classes`;
}

function verdict({ clean, now }) {
  const { label } = state.answer;
  const changed = clean[0].class !== now[0].class;
  if (label === null) return changed ? ["bad", "Changed its answer"] : ["good", "Same answer as clean"];
  if (now[0].class === label) return ["good", "Correct"];
  return ["bad", changed ? "Changed its answer" : "Misclassified when clean, too"];
}

/** A model's answer in a sentence. */
function sentence(name, { error, clean, now }) {
  if (error) return `${name}: ${error}.`;
  const was = clean[0].class === now[0].class ? `the same as clean (${percent(clean[0].confidence)})` : `clean it was ${clean[0].class} (${percent(clean[0].confidence)})`;
  return `${name}: ${now[0].class}, ${percent(now[0].confidence)} confidence; ${was}.`;
}

function bar(entry, first, clean) {
  const before = clean.find((other) => other.class === entry.class);
  const kind = entry.class === first ? "before" : "after";
  const tick = before ? look(h("i", { class: "tick" }), { "--at": before.confidence }) : null;
  return h(
    "li",
    {},
    h("span", { class: "name" }, entry.class),
    h("span", { class: "bar", "aria-hidden": "true" }, look(h("i", { class: `fill ${kind}` }), { "--share": entry.confidence }), tick),
    h("span", { class: "value" }, percent(entry.confidence)),
  );
}

function panel(model, answer) {
  if (answer.error) return h("article", { class: "model" }, h("h3", {}, model.name), h("p", { class: "soft small" }, `${answer.error}.`));
  const [before] = answer.clean;
  const [now] = answer.now;
  const [tone, text] = verdict(answer);
  const kind = now.class === before.class ? "before" : "after";
  return h(
    "article",
    { class: "model", "aria-label": `Answer of ${model.name}` },
    h("div", { class: "modelname" }, h("h3", {}, model.name), h("span", { class: `mark ${tone}` }, text)),
    h("p", { class: `named ${kind}` }, h("b", { class: now.class.length > 6 ? "long" : "" }, now.class), h("span", { class: "figure" }, percent(now.confidence)), h("small", {}, "confidence")),
    h("p", { class: "soft small since" }, "Clean: ", h("b", { class: "before" }, before.class), ` (${percent(before.confidence)}); `, change(answer), "."),
    h("ol", { class: "bars", "aria-label": `Most probable classes for ${model.name}` }, answer.now.slice(0, BARS).map((entry) => bar(entry, before.class, answer.clean))),
    answer.canonical && h("p", { class: "turned soft small" }, h("img", { src: answer.canonical, alt: "", class: "grain" }), "Of the picture and its negative it always looks at this one."),
  );
}

let speaking = null;

function speak() {
  clearTimeout(speaking);
  speaking = setTimeout(() => {
    $("spoken").textContent = state.answer.answers.map((answer, place) => sentence(state.setup.models[place].name, answer)).join(" ");
  }, 600);
}

/** Show the answer whenever it changes. */
export function startAnswers() {
  on("answer", () => {
    $("answers").replaceChildren(...state.answer.answers.map((answer, place) => panel(state.setup.models[place], answer)));
    speak();
  });
}
