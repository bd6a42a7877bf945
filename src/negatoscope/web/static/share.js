/** What is taken away from the table: the address, the command, the lines of Python, the picture and the card. */

import { load } from "./api.js";
import { $, button, download, h } from "./dom.js";
import { fragment, on, state } from "./state.js";

/** The address without its token. */
const address = () => `${location.origin}/${fragment()}`;

/** A button that copies a text; `written` gives it. */
function copier(label, written, attributes) {
  const copied = async () => {
    await navigator.clipboard.writeText(written());
    made.textContent = "Copied";
    $("spoken").textContent = "Copied.";
    setTimeout(() => (made.textContent = label), 1500);
  };
  const made = button(label, copied, { ...attributes, hidden: !navigator.clipboard });
  return made;
}

function snippet(title, id, label) {
  const code = h("code", { id });
  const copy = copier("Copy", () => code.textContent, { class: "quiet", "aria-label": label });
  return h("div", { class: "snippet" }, h("div", { class: "line" }, h("h3", {}, title), copy), h("pre", { tabindex: 0, role: "group", "aria-label": title }, code));
}

/** Build the section, and keep it as the answer is. */
export function startShare() {
  $("share").append(
    h("div", { class: "chips" }, [
      copier("Copy the address", address, { id: "copy-address" }),
      button("Download the picture", async () => download(await (await load("card")).seenPng(), "picture.png"), { id: "download-picture" }),
      button("Download the card", async () => download(await (await load("card")).cardPng(), "card.png"), { id: "download-card" }),
    ]),
    h("div", { class: "snippets" }, snippet("As a command", "command", "Copy the command"), snippet("In Python", "python", "Copy the lines of Python")),
    h("p", { class: "soft small" }, "The address holds the picture and the stack, never the token: whoever opens it needs a table of their own."),
  );
  on("answer", () => {
    $("command").textContent = state.answer.command;
    $("python").textContent = state.answer.python;
  });
}
