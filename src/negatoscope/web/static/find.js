/** "Find what fools it": a bounded search over a space of transforms for a setting that changes the answer. */

import { latest } from "./api.js";
import { $, button, h, problem } from "./dom.js";
import { counted, words } from "./format.js";
import { on, setStack, state } from "./state.js";

const BUDGET = 100;

function found({ found, spec, stack, queries }) {
  if (found) setStack(stack);
  $("found").textContent = found
    ? `Fooled after ${counted(queries, "try").replace("trys", "tries")}: ${spec}`
    : `Not fooled in ${counted(queries, "try").replace("trys", "tries")}: ${state.setup.models[0].name} gives the right answer everywhere it was asked.`;
}

function search(space, pressed) {
  pressed.disabled = true;
  $("found").textContent = `Searching ${words(space)}, at most ${BUDGET} tries …`;
  const over = (then) => (value) => {
    pressed.disabled = false;
    then(value);
  };
  const failed = (refusal) => {
    $("found").textContent = "";
    problem(refusal.message);
  };
  latest("search", { picture: state.picture.id, space, budget: BUDGET }, over(found), over(failed));
}

/** Build the buttons, one a space, where the search exists. */
export function startFind(spaces) {
  $("finder").hidden = !state.setup.search;
  if (!state.setup.search) return;
  const made = spaces.map((space) => button(words(space), (event) => search(space, event.currentTarget), { class: "chip", "data-space": space }));
  $("find").append(h("div", { class: "chips", role: "group", "aria-label": "Search a space" }, made), h("p", { class: "small", id: "found", role: "status" }));
  on("picture", () => ($("found").textContent = ""));
}
