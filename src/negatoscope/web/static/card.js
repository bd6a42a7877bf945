/** The two-by-two card for a slide: the picture and what became of it, with the answer to each. */

import { h, loaded, property, toPng } from "./dom.js";
import { percent } from "./format.js";
import { state } from "./state.js";
import { frames, seenFirst } from "./table.js";

const WIDE = 1600;
const HEAD = 116;
const EDGE = 80;
const CELL = (WIDE - 3 * EDGE) / 2;
const ROW = 46;

function text(context, words, x, y, { size = 32, weight = 400, color = "ink", align = "left", family = "sans" } = {}) {
  context.font = `${weight} ${size}px ${property(family)}`;
  Object.assign(context, { fillStyle: property(color), textAlign: align, textBaseline: "alphabetic" });
  let shown = words;
  while (context.measureText(shown).width > CELL && shown.length > 4) shown = `${shown.slice(0, -2).trimEnd()}…`;
  context.fillText(shown, x, y);
}

/** A picture in a frame of film, as large as fits, its pixels not smoothed where it is small. */
function film(context, image, x, y, title) {
  context.fillStyle = property("film");
  context.beginPath();
  context.roundRect(x, y, CELL, CELL, 8);
  context.fill();
  const inner = CELL - 32;
  const scale = Math.min(inner / image.naturalWidth, inner / image.naturalHeight);
  const [wide, high] = [image.naturalWidth * scale, image.naturalHeight * scale];
  context.imageSmoothingEnabled = scale < 2;
  context.drawImage(image, x + (CELL - wide) / 2, y + (CELL - high) / 2, wide, high);
  text(context, title, x, y + CELL + 44, { size: 26, color: "soft" });
}

function bars(context, entries, first, x, y) {
  entries.slice(0, 3).forEach((entry, place) => {
    const top = y + place * ROW;
    const color = entry.class === first ? "before" : "after";
    context.fillStyle = property("faint");
    context.fillRect(x + 240, top, CELL - 380, 24);
    context.fillStyle = property(color);
    context.fillRect(x + 240, top, (CELL - 380) * entry.confidence, 24);
    text(context, entry.class.length > 14 ? `${entry.class.slice(0, 13)}…` : entry.class, x, top + 22, { size: 28, weight: place ? 400 : 650 });
    text(context, percent(entry.confidence), x + CELL, top + 22, { size: 28, weight: place ? 400 : 650, align: "right" });
  });
}

/** The card as a canvas. */
export async function card() {
  const { answer, setup } = state;
  const [picture, seen] = await frames();
  const models = answer.answers.map((each, place) => ({ ...each, name: setup.models[place].name })).filter(({ error }) => !error).slice(0, 2);
  const high = Math.round(HEAD + CELL + HEAD + models.length * 5.1 * ROW + 10);
  const canvas = h("canvas", { width: WIDE, height: high });
  const context = canvas.getContext("2d");
  context.fillStyle = property("paper");
  context.fillRect(0, 0, WIDE, high);
  const right = 2 * EDGE + CELL;
  text(context, "negatoscope", EDGE, 76, { size: 30, weight: 650 });
  text(context, answer.spec, WIDE - EDGE, 76, { size: 24, color: "soft", align: "right", family: "mono" });
  film(context, picture, EDGE, HEAD, "The picture");
  film(context, seen, right, HEAD, "What the model sees");
  models.forEach(({ name, clean, now }, place) => {
    const top = HEAD + CELL + HEAD + place * 5.1 * ROW;
    for (const [x, entries] of [[EDGE, clean], [right, now]]) {
      text(context, name, x, top, { size: 28, weight: 650 });
      bars(context, entries, clean[0].class, x, top + 26);
    }
  });
  return canvas;
}

/** The card as a PNG. */
export const cardPng = async () => toPng(await card());

/** What the first model sees, enlarged without smoothing to at least 512 pixels, as a PNG. */
export async function seenPng() {
  const image = await loaded(seenFirst());
  const times = Math.max(1, Math.ceil(512 / Math.max(image.naturalWidth, image.naturalHeight)));
  const canvas = h("canvas", { width: image.naturalWidth * times, height: image.naturalHeight * times });
  const context = canvas.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  return toPng(canvas);
}
