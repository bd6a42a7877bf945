/** A tour of six steps, for a class: it points at a part of the table, says what to do there, and can be left. */

import { $, button, h } from "./dom.js";
import { PATH, set, setStack, state } from "./state.js";

const STEPS = [
  ["#box", "A picture on the light table", "On the left lies a picture as it is. A person reads it at once. Choose another one from the pictures whenever you like."],
  ["#box", "What the model really sees", "On the right is the same picture as it reaches the model: at the model's own size, with nothing smoothed. Often it is only 28 × 28 pixels."],
  ["#answers", "The answer", "The model names a class, and how confident it is. The blue bar is the class that it names for the clean picture."],
  [".card[data-path]", "Slide it to its negative", "Drag this slider from left to right. White becomes black, black becomes white; the shape stays. You still read it. Does the model?", slide],
  [".card[data-path] .curves", "Where it flips", "The curve is the model's confidence all along the slider. Each button below it goes to a place where the answer flips: press one."],
  ["#transforms", "Now you", "Add other transforms, stack them, draw a digit of your own, and compare models: does one of them give the same answer for a picture and its negative?"],
];

let place = 0;

$("tour").addEventListener("keydown", (event) => event.key === "Escape" && end());

/** In the fourth step the slider goes to the negative by itself, unless motion is to be reduced. */
function slide() {
  const stage = state.stack.find(({ name }) => name === PATH);
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return set(stage.key, "share", 1);
  const begun = performance.now();
  const tick = (now) => {
    if (place !== 3 || $("tour").hidden) return;
    const share = Math.min(1, (now - begun) / 2500);
    set(stage.key, "share", Number(share.toFixed(2)));
    if (share < 1) requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}

function point(selector) {
  for (const old of document.querySelectorAll(".pointed")) old.classList.remove("pointed");
  const target = document.querySelector(selector);
  target?.classList.add("pointed");
  target?.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
}

function end() {
  $("tour").hidden = true;
  point("none");
  $("start-tour").focus();
}

function go(to) {
  place = to;
  const [selector, title, text, act] = STEPS[place];
  const last = place === STEPS.length - 1;
  const dots = h("div", { class: "dots", "aria-hidden": "true" }, STEPS.map((_, at) => h("i", { class: at === place ? "here" : "" })));
  const next = button(last ? "Start" : "Next", () => (last ? end() : go(place + 1)), { class: "strong", id: "tour-next" });
  const back = place ? button("Back", () => go(place - 1), { class: "quiet" }) : null;
  $("tour").replaceChildren(
    h("p", { class: "soft small" }, `Step ${place + 1} of ${STEPS.length}`),
    h("h2", { id: "tour-title", tabindex: -1 }, title),
    h("p", {}, text),
    h("div", { class: "chips" }, dots, back, next, button("Leave the tour", end, { class: "quiet" })),
  );
  point(selector);
  act?.();
  $("tour-title").focus({ preventScroll: true });
}

/** Begin at the first step. */
export function begin() {
  setStack([]);
  $("tour").hidden = false;
  go(0);
}
