/** The stack of transforms: a slider or buttons for each setting; its order is dragged, or moved by keyboard. */

import { curve } from "./curve.js";
import { draggable } from "./drag.js";
import { $, button, h, look } from "./dom.js";
import { valued, words } from "./format.js";
import { activate, add, described, move, on, PATH, remove, set, setStack, state } from "./state.js";

const NICE = [10, 5, 2, 1].flatMap((digit) => [1, 0.1, 0.01, 0.001].map((power) => digit * power)).sort((a, b) => b - a);

/** A step of which a range has at least a hundred and that meets the identity and the end. */
function step({ type, low, high, identity }) {
  if (type === "int") return 1;
  const whole = (length, step) => Math.abs(length / step - Math.round(length / step)) < 1e-9;
  return NICE.find((step) => step <= (high - low) / 100 && whole(high - low, step) && whole((identity ?? low) - low, step)) ?? "any";
}

const GROUPS = { controls: "controls: a person would be lost, too" };

const part = ({ low, high }, value) => (value - low) / (high - low);

function slider(stage, parameter) {
  const id = `s${stage.key}-${parameter.name}`;
  const label = h("label", { for: id }, stage.name === PATH ? "From the picture to its negative" : words(parameter.name));
  const input = h("input", { type: "range", id, min: parameter.low, max: parameter.high, step: step(parameter), value: stage.parameters[parameter.name] });
  input.addEventListener("input", () => set(stage.key, parameter.name, Number(input.value)));
  for (const event of ["focus", "pointerdown"]) input.addEventListener(event, () => activate(stage.key, parameter.name));
  const marks = parameter.identity === null || parameter.identity === undefined ? null : look(h("i", { class: "identity", title: "changes nothing here" }), { "--at": part(parameter, parameter.identity) });
  const ends = h("div", { class: "ends", "aria-hidden": "true" }, ends_of(stage, parameter));
  return h("div", { class: "setting", "data-parameter": parameter.name }, h("div", { class: "line" }, label, h("output", { for: id })), h("div", { class: "track" }, marks, input), ends);
}

function ends_of(stage, parameter) {
  if (stage.name === PATH) return [h("span", {}, "picture"), look(h("span", { class: "middle" }, "gray"), { "--at": 0.5 }), h("span", {}, "negative")];
  return [h("span", {}, valued(parameter.name, parameter.low)), h("span", {}, valued(parameter.name, parameter.high))];
}

function choices(stage, parameter) {
  const options = parameter.choices.map((choice) =>
    button(valued(parameter.name, choice), () => set(stage.key, parameter.name, choice), { class: "chip", "data-choice": choice }),
  );
  return h("div", { class: "setting", "data-parameter": parameter.name }, h("span", { class: "line" }, words(parameter.name)), h("div", { class: "chips", role: "group", "aria-label": words(parameter.name) }, options));
}

const control = (stage, parameter) => (parameter.choices.length ? choices : slider)(stage, parameter);

function card(stage, place) {
  const title = words(stage.name);
  const handle = button("", () => {}, { class: "handle", "aria-label": `Move ${title}, ${place + 1} of ${state.stack.length}: arrow keys up and down`, title: "Drag, or move with the arrow keys" });
  handle.append(h("svg", { viewBox: "0 0 10 16", "aria-hidden": "true" }, [3, 8, 13].flatMap((y) => [2.5, 7.5].map((x) => h("circle", { cx: x, cy: y, r: 1.4 })))));
  handle.addEventListener("keydown", (event) => moved(event, stage, place));
  const away = stage.name === PATH ? null : button("×", () => removed(stage.key, place), { class: "away", "aria-label": `Remove ${title}`, title: "Remove" });
  const { parameters, summary } = described(stage.name);
  const item = h("li", { class: "card", "data-key": stage.key, "data-path": stage.name === PATH }, h("div", { class: "cardname" }, handle, h("h3", {}, title), h("p", { class: "soft small" }, summary), away), parameters.map((parameter) => control(stage, parameter)));
  draggable(item, handle, (to) => move(stage.key, to));
  return item;
}

function removed(key, place) {
  remove(key);
  const handles = $("stack").querySelectorAll(".handle");
  handles[Math.min(place, handles.length - 1)]?.focus();
}

/** The arrow keys on a handle move its card and keep the focus. */
function moved(event, stage, place) {
  const by = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!by) return;
  event.preventDefault();
  const to = Math.max(0, Math.min(state.stack.length - 1, place + by));
  move(stage.key, to);
  $("stack").querySelector(`[data-key="${stage.key}"] .handle`).focus();
  $("spoken").textContent = `${words(stage.name)} is now ${to + 1} of ${state.stack.length}.`;
}

/** Build the cards again. */
function draw() {
  const focused = document.activeElement?.id;
  $("stack").replaceChildren(...state.stack.map(card));
  if (focused?.startsWith("s")) document.getElementById(focused)?.focus();
  refresh();
  drawCurve();
}

/** Show where every setting stands, without building anything. */
function refresh() {
  for (const stage of state.stack) {
    const item = $("stack").querySelector(`[data-key="${stage.key}"]`);
    for (const parameter of described(stage.name).parameters) {
      const value = stage.parameters[parameter.name];
      const setting = item.querySelector(`[data-parameter="${parameter.name}"]`);
      for (const chip of setting.querySelectorAll("[data-choice]")) chip.setAttribute("aria-pressed", String(chip.dataset.choice === String(value)));
      const input = setting.querySelector("input[type=range]");
      if (!input) continue;
      if (Number(input.value) !== value) input.value = value;
      input.setAttribute("aria-valuetext", valued(parameter.name, value));
      setting.querySelector("output").textContent = valued(parameter.name, value);
      look(setting, { "--now": part(parameter, value) });
    }
  }
}

/** Show the curve beneath the active slider, and nowhere else. */
function drawCurve() {
  const focused = document.activeElement?.closest?.(".curves");
  for (const old of $("stack").querySelectorAll(".curves")) old.remove();
  const stage = state.stack.find(({ key }) => key === state.active?.key);
  if (!stage) return;
  const item = $("stack").querySelector(`[data-key="${stage.key}"]`);
  item.querySelector(`[data-parameter="${state.active.parameter}"]`).append(curve(stage));
  if (focused) item.querySelector(".flipto, input")?.focus();
  refresh();
}

/** A stack in words: "hue shift 90°, negative". */
const briefly = (stack) => stack.map(({ name, parameters }) => [words(name), ...Object.entries(parameters).map(([key, value]) => valued(key, value))].join(" ")).join(", ");

function presets() {
  const made = state.setup.presets.map(({ name, stack }) => button(briefly(stack), () => setStack(stack), { class: "chip", title: name }));
  $("presets").replaceChildren(...made);
}

/** Transforms in their groups. */
function palette() {
  const chip = ({ name, summary }) => {
    const say = () => ($("summary").textContent = summary);
    return button(words(name), () => added(name), { class: "chip", title: summary, onfocus: say, onpointerenter: say });
  };
  const made = state.setup.groups.map((group) => {
    const fitting = state.setup.transforms.filter((transform) => transform.group === group && transform.name !== PATH);
    return h("div", {}, h("h4", {}, GROUPS[group] ?? words(group)), h("div", { class: "chips", role: "group", "aria-label": words(group) }, fitting.map(chip)));
  });
  $("palette").replaceChildren(...made);
}

function added(name) {
  const { key } = add(name);
  const item = $("stack").querySelector(`[data-key="${key}"]`);
  item.scrollIntoView({ block: "nearest" });
  (item.querySelector("input, .chip") ?? item.querySelector(".handle")).focus();
  $("spoken").textContent = `${words(name)} is ${state.stack.length} of ${state.stack.length}.`;
}

/** Build the controls, and keep them as the state is. */
export function startControls() {
  presets();
  palette();
  $("reset").addEventListener("click", () => setStack([]));
  on("stack", draw);
  on("value", refresh);
  on("active", drawCurve);
  on("curve", drawCurve);
}
