/** The answer along a slider's whole range, for each model, with the places where it flips. */

import { button, h, look } from "./dom.js";
import { valued } from "./format.js";
import { activate, described, set, state } from "./state.js";

const SHOWN_FLIPS = 4;

/** Runs of one top class, low and high as parts of the range; `at` is the first value that was tried in each. */
function runs(answer, values) {
  const [low, high] = [values[0], values.at(-1)];
  const part = (value) => (value - low) / (high - low);
  const found = [];
  let flip = 0;
  answer.top.forEach((name, place) => {
    if (found.length && found.at(-1).name === name) return;
    const edge = found.length ? answer.flips[flip++] : low;
    if (found.length) found.at(-1).high = part(edge);
    found.push({ name, low: part(edge), high: 1, at: values[place], edge, from: found.at(-1)?.name });
  });
  return found;
}

function line(confidences, kind) {
  const step = 1000 / (confidences.length - 1);
  const path = confidences.map((confidence, place) => `${place ? "L" : "M"}${(place * step).toFixed(1)} ${(100 - 100 * confidence).toFixed(2)}`).join("");
  return h("path", { d: path, class: kind });
}

function chart(answer, values, first) {
  const kinds = answer.classes.map((name) => (name === first ? "line clean" : "line other"));
  const svg = h("svg", { viewBox: "0 0 1000 100", preserveAspectRatio: "none", "aria-hidden": "true" });
  for (const at of [0, 50, 100]) svg.append(h("line", { x1: 0, x2: 1000, y1: at, y2: at, class: "grid" }));
  for (const { low } of runs(answer, values).slice(1)) svg.append(h("line", { x1: 1000 * low, x2: 1000 * low, y1: 0, y2: 100, class: "flip" }));
  answer.confidences.forEach((confidences, place) => svg.append(line(confidences, kinds[place])));
  return svg;
}

function ribbon(answer, values, first) {
  const spans = runs(answer, values).map(({ name, low, high }) =>
    look(h("span", { class: name === first ? "run before" : "run after" }, h("b", {}, name)), { "--low": low, "--wide": high - low }),
  );
  return h("div", { class: "ribbon", "aria-hidden": "true" }, spans);
}

function flipButtons(answer, values, stage, parameter) {
  const flips = runs(answer, values).slice(1);
  if (!flips.length) return [h("p", { class: "soft small" }, `Does not flip: ${answer.top[0]} all along the slider.`)];
  const go = (at) => () => {
    set(stage.key, parameter.name, at);
    activate(stage.key, parameter.name);
  };
  const buttons = flips.slice(0, SHOWN_FLIPS).map(({ at, edge, from, name }) =>
    button(`${from} → ${name} at ${valued(parameter.name, edge)}`, go(at), { class: "flipto", title: "Go there" }),
  );
  const more = flips.length - SHOWN_FLIPS;
  return more > 0 ? [...buttons, h("span", { class: "soft small" }, `and ${more} more`)] : buttons;
}

/** A click anywhere on the curve goes there. */
function clicked(event, values, stage, parameter) {
  const area = event.currentTarget.getBoundingClientRect();
  const part = Math.max(0, Math.min(1, (event.clientX - area.left) / area.width));
  set(stage.key, parameter.name, values[Math.round(part * (values.length - 1))]);
}

/** The curve of the active slider, or a place for it while it is computed. */
export function curve(stage) {
  const { curve } = state;
  const parameter = described(stage.name).parameters.find(({ name }) => name === state.active.parameter);
  const rows = state.setup.models.map((model, place) => {
    if (!curve || curve.for !== key(stage.key, parameter.name)) return h("div", { class: "along waiting" }, h("p", { class: "soft small" }, state.picture ? "Computing the curve …" : "Here comes the answer along the whole slider."));
    const answer = curve.answers[place];
    if (answer.error) return h("p", { class: "soft small" }, `${model.name}: ${answer.error}.`);
    const first = state.answer?.answers[place].clean[0]?.class;
    const plot = h("div", { class: "plot", onclick: (event) => clicked(event, curve.values, stage, parameter) }, chart(answer, curve.values, first), ribbon(answer, curve.values, first), h("i", { class: "now" }));
    const summary = h("div", { class: "flips", role: "group", "aria-label": `Flips of ${model.name}` }, flipButtons(answer, curve.values, stage, parameter));
    const top = h("p", { class: "along-name" }, h("b", {}, model.name), h("span", { class: "soft" }, "confidence, 0 to 100\u00a0%"));
    return h("div", { class: "along" }, top, plot, summary);
  });
  return h("div", { class: "curves" }, rows);
}

/** Which slider of the stack a curve belongs to. */
export const key = (stage, parameter) => `${stage}.${parameter}`;

