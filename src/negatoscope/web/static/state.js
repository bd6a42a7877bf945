/** The state of the table: a picture and a stack of transforms. It stands in the address, after the #. */

import { parsed, written } from "./spec.js";

export const PATH = "negative_path";

/**
 * `stack` holds stages in order: {key, name, parameters}. `active` is {key, parameter}: the slider whose curve is shown.
 */
export const state = { setup: null, picture: null, stack: [], active: null, answer: null, curve: null };

const events = new EventTarget();
let last = 0;

/** Listen: "picture", "stack" (stages came, went or moved), "value" (a setting changed), "active", "answer", "curve". */
export const on = (name, listener) => events.addEventListener(name, listener);
export const emit = (name) => events.dispatchEvent(new Event(name));

/** What the registry says of a transform. */
export const described = (name) => state.setup.transforms.find((transform) => transform.name === name);

/** Whether a parameter has a slider. */
export const isSlider = (parameter) => parameter.low !== null && parameter.low !== undefined;

/** A stage of a stack; settings without a control, such as a seed, stay as they are. */
export function stage(name, settings = {}) {
  const known = described(name)?.parameters ?? [];
  const parameters = Object.fromEntries(known.map((parameter) => [parameter.name, settings[parameter.name] ?? parameter.default]));
  return { key: ++last, name, parameters: { ...settings, ...parameters } };
}

/** Whether a stage changes nothing where its sliders stand. */
export function isIdentity({ name, parameters }) {
  const sliders = described(name).parameters.filter((parameter) => parameter.identity !== null && parameter.identity !== undefined);
  return sliders.length > 0 && sliders.every((parameter) => parameters[parameter.name] === parameter.identity);
}

/** The stages that are applied: those that change nothing are left out, but for the one whose curve is asked for. */
export const applied = (kept = null) => state.stack.filter((stage) => stage.key === kept || !isIdentity(stage));

/** Stages as they are sent. */
export const bare = (stages) => stages.map(({ name, parameters }) => ({ name, parameters }));

/** The slider of a stage whose curve is shown first. */
const slider = (stage) => described(stage.name).parameters.find(isSlider)?.name ?? null;

/** Show the curve along a slider. */
export function activate(key, parameter) {
  if (state.active?.key === key && state.active.parameter === parameter) return;
  state.active = { key, parameter };
  emit("active");
}

/** Replace the stack; the path to the negative is always in it, and first unless it is placed elsewhere. */
export function setStack(stages) {
  const known = stages.filter(({ name }) => described(name)).map(({ name, parameters }) => stage(name, parameters));
  state.stack = known.some(({ name }) => name === PATH) || !described(PATH) ? known : [stage(PATH), ...known];
  const first = state.stack.find((stage) => slider(stage) !== null && !isIdentity(stage)) ?? state.stack.find((stage) => slider(stage) !== null);
  state.active = first ? { key: first.key, parameter: slider(first) } : null;
  emit("stack");
}

/** Put a transform at the end of the stack and show its curve. */
export function add(name) {
  const added = stage(name);
  state.stack.push(added);
  const parameter = slider(added);
  if (parameter) state.active = { key: added.key, parameter };
  emit("stack");
  return added;
}

/** Take a stage off the stack. */
export function remove(key) {
  setStackTo(state.stack.filter((stage) => stage.key !== key));
}

/** Move a stage to a place, counted from 0. */
export function move(key, place) {
  const moved = state.stack.find((stage) => stage.key === key);
  const rest = state.stack.filter((stage) => stage !== moved);
  rest.splice(Math.max(0, Math.min(place, rest.length)), 0, moved);
  setStackTo(rest);
}

function setStackTo(stack) {
  state.stack = stack;
  if (!stack.some(({ key }) => key === state.active?.key)) {
    const first = stack.find((stage) => slider(stage) !== null);
    state.active = first ? { key: first.key, parameter: slider(first) } : null;
  }
  emit("stack");
}

/** Change one setting. */
export function set(key, parameter, value) {
  state.stack.find((stage) => stage.key === key).parameters[parameter] = value;
  emit("value");
}

/** Put a picture on the table: {id, name, label}. */
export function setPicture(picture) {
  state.picture = picture;
  emit("picture");
}

/** The state as what stands after the #. */
export function fragment() {
  const query = new URLSearchParams();
  if (state.picture) query.set("picture", state.picture.id);
  const spec = written(applied());
  if (spec) query.set("stack", spec);
  return `#${query}`;
}

/** What an address says: {picture, stack}, both may be missing. */
export function fromFragment(text) {
  const query = new URLSearchParams(text.replace(/^#/, ""));
  return { picture: query.get("picture"), stack: parsed(query.get("stack") ?? "") };
}
