/** A sheet to draw a digit on: a pen, an eraser, and a pen that the arrow keys move. */

import { $, button, h, toPng } from "./dom.js";

const SIZE = 280;
const INSIDE = 200 / 280;
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The drawing as MNIST has its digits: as large as 20 of 28 pixels, its center of mass in the middle. */
function centered(canvas) {
  const { data } = canvas.getContext("2d").getImageData(0, 0, SIZE, SIZE);
  const sum = { mass: 0, x: 0, y: 0, left: SIZE, right: -1, top: SIZE, bottom: -1 };
  for (let place = 0; place < SIZE * SIZE; place++) {
    const ink = data[4 * place];
    if (ink < 32) continue;
    const [x, y] = [place % SIZE, Math.floor(place / SIZE)];
    Object.assign(sum, { mass: sum.mass + ink, x: sum.x + ink * x, y: sum.y + ink * y });
    Object.assign(sum, { left: Math.min(sum.left, x), right: Math.max(sum.right, x), top: Math.min(sum.top, y), bottom: Math.max(sum.bottom, y) });
  }
  if (!sum.mass) return null;
  const scale = (SIZE * INSIDE) / Math.max(sum.right - sum.left + 1, sum.bottom - sum.top + 1);
  const result = h("canvas", { width: SIZE, height: SIZE });
  const context = result.getContext("2d");
  context.fillRect(0, 0, SIZE, SIZE);
  context.translate(SIZE / 2, SIZE / 2);
  context.scale(scale, scale);
  context.drawImage(canvas, -sum.x / sum.mass, -sum.y / sum.mass);
  return result;
}

function sheet() {
  const canvas = h("canvas", { width: SIZE, height: SIZE, tabindex: 0, role: "application", "aria-label": "Sheet to draw on. Arrow keys move the pen, the space bar puts it down or lifts it.", "aria-describedby": "drawing-help" });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  Object.assign(context, { lineCap: "round", lineJoin: "round", fillStyle: "black" });
  context.fillRect(0, 0, SIZE, SIZE);
  return { canvas, context, eraser: false, width: 22, at: [SIZE / 2, SIZE / 2], down: false };
}

function stroke(pen, to) {
  const { context, at, eraser, width } = pen;
  Object.assign(context, { strokeStyle: eraser ? "black" : "white", lineWidth: eraser ? 2 * width : width });
  context.beginPath();
  context.moveTo(...at);
  context.lineTo(...to);
  context.stroke();
  pen.at = to;
}

function place(canvas, event) {
  const area = canvas.getBoundingClientRect();
  return [((event.clientX - area.left) / area.width) * SIZE, ((event.clientY - area.top) / area.height) * SIZE];
}

function listen(pen, done) {
  const { canvas } = pen;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    Object.assign(pen, { at: place(canvas, event), down: true });
    stroke(pen, pen.at);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!pen.down || !canvas.hasPointerCapture(event.pointerId)) return;
    for (const part of event.getCoalescedEvents?.() ?? [event]) stroke(pen, place(canvas, part));
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => {
      pen.down = false;
      done();
    });
  }
  canvas.addEventListener("keydown", (event) => typed(pen, event, done));
}

/** The space bar puts the pen down or lifts it, the arrow keys move it. */
function typed(pen, event, done) {
  const by = KEYS[event.key];
  if (event.key === " ") {
    pen.down = !pen.down;
    if (pen.down) stroke(pen, pen.at);
    else done();
  } else if (by) {
    const to = pen.at.map((value, axis) => Math.max(0, Math.min(SIZE, value + 10 * by[axis])));
    if (pen.down) stroke(pen, to);
    pen.at = to;
  } else return;
  event.preventDefault();
  $("drawing").querySelector(".where").textContent = `Pen ${pen.down ? "down" : "up"}, ${Math.round((100 * pen.at[0]) / SIZE)} % from the left, ${Math.round((100 * pen.at[1]) / SIZE)} % from the top.`;
}

function tools(pen) {
  const made = ["Pen", "Eraser"].map((name) => button(name, () => use(name === "Eraser"), { class: "chip" }));
  const use = (eraser) => {
    pen.eraser = eraser;
    made.forEach((tool, place) => tool.setAttribute("aria-pressed", String(Boolean(place) === eraser)));
  };
  use(false);
  return made;
}

let pen = null;

function build(done) {
  pen = sheet();
  const send = async () => {
    const picture = centered(pen.canvas);
    if (picture) done(await toPng(picture));
  };
  const clear = button("Clear", () => pen.context.fillRect(0, 0, SIZE, SIZE), { class: "quiet" });
  const close = button("Done", () => $("drawing").close(), { class: "strong" });
  $("drawing").append(
    h("h2", { id: "drawing-title" }, "Draw a digit"),
    h("p", { class: "soft small", id: "drawing-help" }, "The answer follows every stroke. Your drawing is centered and sized as the digits of MNIST are."),
    h("div", { class: "chips", role: "group", "aria-label": "Tools" }, tools(pen), clear),
    pen.canvas,
    h("p", { class: "soft small where", role: "status" }),
    close,
  );
  listen(pen, send);
}

/** Open the dialog; `done` gets the drawing as a PNG after every stroke. */
export function draw(done) {
  if (!pen) build(done);
  $("drawing").showModal();
  pen.canvas.focus();
}
