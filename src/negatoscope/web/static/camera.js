/** A picture from the camera; nothing is recorded, and the camera is off once the dialog is closed. */

import { $, button, h, problem, toPng } from "./dom.js";

const REASONS = {
  NotAllowedError: "The camera was not allowed: allow it for this address in the browser, then try again.",
  NotFoundError: "No camera was found: connect one, or open a picture as a file.",
  NotReadableError: "The camera is in use by another program: close that one, then try again.",
};

/** The middle square of what the camera sees. */
function square(video) {
  const side = Math.min(video.videoWidth, video.videoHeight);
  const canvas = h("canvas", { width: side, height: side });
  canvas.getContext("2d").drawImage(video, (side - video.videoWidth) / 2, (side - video.videoHeight) / 2);
  return canvas;
}

let opening = false;

async function open() {
  if (opening || $("photographing").open) return; // a second stream would stay on
  opening = true;
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch (error) {
    problem(REASONS[error.name] ?? "The camera could not be opened: open a picture as a file instead.");
    return;
  } finally {
    opening = false;
  }
  problem("");
  $("photographing").showModal();
  await video.play();
}

let video = null;

function build(done) {
  video = h("video", { playsinline: true, "aria-label": "What the camera sees" });
  video.muted = true;
  const dialog = $("photographing");
  const take = async () => {
    const picture = await toPng(square(video));
    dialog.close();
    done(picture);
  };
  dialog.append(
    h("h2", { id: "photographing-title" }, "Take a picture"),
    h("div", { class: "viewfinder" }, video),
    h("div", { class: "chips" }, button("Take the picture", take, { class: "strong" }), button("Cancel", () => dialog.close(), { class: "quiet" })),
  );
  dialog.addEventListener("close", () => {
    for (const track of video.srcObject?.getTracks() ?? []) track.stop();
    video.srcObject = null;
  });
}

/** Open the dialog; `done` gets the photograph as a PNG. */
export async function photograph(done) {
  if (!video) build(done);
  await open();
}
