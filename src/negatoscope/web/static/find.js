/** "Find what fools it": a bounded search over a space of transforms for a setting that changes the answer. */

import { latest } from "./api.js";
import { $, button, h, problem } from "./dom.js";
import { counted, words } from "./format.js";
import { on, setStack, state } from "./state.js";

const BUDGET = 100;

const tries = (n) => counted(n, "try").replace(/trys$/, "tries");

function found({ found, label, spec, stack, queries }) {
  const clean = found && !stack.length;
  if (found && !clean) setStack(stack);
  $("found").textContent = clean
    ? "Misclassified when clean: there is nothing to search for."
    : found
      ? `Fooled in ${tries(queries)}: ${spec}`
      : `Not fooled in ${tries(queries)}: still ${label}. It came closest at ${spec}.`;
}

/** One search at a time. */
function enable(enabled) {
  for (const space of $("find").querySelectorAll("button")) space.disabled = !enabled;
}

function search(space) {
  enable(false);
  $("found").textContent = `Searching ${words(space)}, at most ${BUDGET} tries …`;
  const picture = state.picture.id;
  const over = (then) => (value) => {
    enable(true);
    if (state.picture.id === picture) then(value);
  };
  const failed = (refusal) => {
    $("found").textContent = "";
    problem(refusal.message);
  };
  latest("search", { picture, space, model: Number($("find-model").value), budget: BUDGET }, over(found), over(failed));
}

/** Build the buttons, one a space, where the search exists. */
export function startFind() {
  const { models, spaces } = state.setup;
  $("finder").hidden = !spaces.length;
  if (!spaces.length) return;
  const made = spaces.map(({ name, summary }) => button(words(name), () => search(name), { class: "chip", title: summary }));
  const select = h("select", { id: "find-model" }, models.map(({ name }, place) => h("option", { value: place }, name)));
  $("find").append(h("label", { class: "field", hidden: models.length < 2 }, h("span", {}, "Model"), select), h("div", { class: "chips", role: "group", "aria-label": "Search a space" }, made), h("p", { class: "small", id: "found", role: "status" }));
  on("picture", () => ($("found").textContent = ""));
}
