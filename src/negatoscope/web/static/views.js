/** Which view is shown: the light table, or what the audit found. */

import { load } from "./api.js";
import { $, problem } from "./dom.js";
import { setStack, state } from "./state.js";

function show(view) {
  $("table-view").hidden = view !== "table";
  $("audit-view").hidden = view !== "audit";
  $("start-tour").hidden = view !== "table";
  for (const choice of document.querySelectorAll(".view")) choice.setAttribute("aria-pressed", String(choice.dataset.view === view));
  scrollTo(0, 0);
}

async function choose(view) {
  show(view);
  if (view !== "audit") return;
  try {
    await (await load("audit")).openAudit(() => show("table"));
  } catch (refusal) {
    problem(refusal.message);
  }
}

/** Let the buttons at the top of the page change the view; without a model there is only the audit. */
export function startViews() {
  const { audit, models } = state.setup;
  $("views").hidden = !audit || !models.length;
  for (const choice of document.querySelectorAll(".view")) choice.addEventListener("click", () => choose(choice.dataset.view));
  $("home").addEventListener("click", (event) => {
    event.preventDefault();
    if (!models.length) return;
    show("table");
    setStack([]);
  });
  if (!models.length) choose("audit");
  $("skip").hidden = !models.length;
  $("skip").addEventListener("click", (event) => {
    event.preventDefault();
    show("table");
    $("stack").querySelector("input, button").focus();
  });
}
