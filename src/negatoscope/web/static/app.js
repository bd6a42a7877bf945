/** The page: it reads the setup, builds its parts and asks for answers whenever the state changes. */

import { get, latest, load, Refused } from "./api.js";
import { startAnswers } from "./answers.js";
import { startControls } from "./controls.js";
import { key } from "./curve.js";
import { $, problem } from "./dom.js";
import { startFind } from "./find.js";
import { choosePicture, startPictures } from "./pictures.js";
import { startShare } from "./share.js";
import { applied, bare, emit, fragment, fromFragment, on, setStack, state } from "./state.js";
import { startTable } from "./table.js";
import { startViews } from "./views.js";

/** The answer to what is on the table now. */
function ask() {
  if (!state.picture) return;
  const picture = state.picture.id;
  latest("answer", { picture, stack: bare(applied()) }, (answer) => {
    state.answer = { ...answer, for: picture };
    if (state.picture.id === picture) state.picture.label ??= answer.label; // an address has none
    problem("");
    document.body.dataset.answered = "true";
    emit("answer");
  });
  history.replaceState(null, "", `${location.pathname}${location.search}${fragment()}`);
}

let asked = "";

/** The curve of the active slider, if anything but that slider changed. */
function askCurve() {
  if (!state.picture || !state.active) return;
  const { key: active, parameter } = state.active;
  const stages = applied(active);
  const stack = bare(stages);
  const index = stages.findIndex((stage) => stage.key === active);
  const others = stack.map((stage, place) => (place === index ? { ...stage.parameters, [parameter]: null } : stage));
  const question = JSON.stringify([state.picture.id, others, index, parameter, active]);
  if (question === asked) return;
  asked = question;
  latest("curve", { picture: state.picture.id, stack, index, parameter }, (answer) => {
    state.curve = { ...answer, for: key(active, parameter) };
    emit("curve");
  });
}

/** Another address in the same tab: what it names is put on the table. */
function openAddress() {
  const { picture, stack } = fromFragment(location.hash);
  if (picture && picture !== state.picture?.id) choosePicture(picture);
  setStack(stack);
}

const tour = async () => (await load("tour")).begin();

async function start() {
  state.setup = await get("/api/setup");
  $("version").textContent = `negatoscope ${state.setup.version}`;
  startViews();
  if (state.setup.models.length) await startAll();
  document.body.dataset.ready = "true";
}

async function startAll() {
  const { picture, stack } = fromFragment(location.hash);
  startTable();
  startAnswers();
  startControls();
  startShare();
  startFind();
  for (const event of ["picture", "stack", "value"]) on(event, ask);
  for (const event of ["picture", "stack", "value", "active"]) on(event, askCurve);
  setStack(stack);
  await startPictures(picture);
  addEventListener("hashchange", () => openAddress());
  $("start-tour").addEventListener("click", tour);
  if (state.picture && new URLSearchParams(location.search).has("tour")) await tour();
}

addEventListener("unhandledrejection", (event) => {
  if (!(event.reason instanceof Refused)) return;
  event.preventDefault();
  problem(event.reason.message);
});

start();
