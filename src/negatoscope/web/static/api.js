/** What the page asks of the command that serves it. */

import { problem } from "./dom.js";

const TAB = crypto.getRandomValues(new Uint32Array(4)).join("-"); // no randomUUID without https
const AGAIN = "Is `negatoscope view` still running? Start it again and open the address that it prints.";
const GONE = `No answer from this computer. ${AGAIN}`;

const token = takeToken();

/** The token leaves the address, so that no link that is copied holds it; a reload of this tab finds it here. */
function takeToken() {
  const query = new URLSearchParams(location.search);
  const given = query.get("token");
  if (given === null) return sessionStorage.getItem("token") ?? "";
  sessionStorage.setItem("token", given);
  query.delete("token");
  history.replaceState(null, "", `${location.pathname}${query.size ? `?${query}`.replace("tour=", "tour") : ""}${location.hash}`);
  return given;
}

/** A question that got no answer; its message is a sentence for people. */
export class Refused extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}

async function request(path, options = {}) {
  const headers = { "X-Token": token, "X-Tab": TAB, ...options.headers };
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch {
    throw new Refused(GONE, 0);
  }
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(body.error ?? `The server answered ${response.status}. ${AGAIN}`, response.status);
  return body;
}

/** Read something. */
export const get = (path, query = {}) => request(`${path}?${new URLSearchParams(query)}`);

/** Send a question. */
export const post = (path, body) =>
  request(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

/** Send a picture's bytes. */
export const upload = (blob) =>
  request("/api/upload", { method: "POST", headers: { "Content-Type": blob.type || "application/octet-stream" }, body: blob });

/** The address of a picture of the server, for an element that cannot send headers. */
export const addressed = (path) => `${path}?token=${encodeURIComponent(token)}`;

/** A part of the page that is fetched when it is needed. */
export const load = (name) =>
  import(`./${name}.js`).catch((error) => {
    throw error instanceof TypeError ? new Refused(GONE, 0) : error;
  });

/** The same function, but its answer is null where it was called again meanwhile: a late answer is not shown. */
export function newest(ask) {
  let calls = 0;
  return async (...args) => {
    const call = (calls += 1);
    const answer = await ask(...args);
    return call === calls ? answer : null;
  };
}

const waiting = new Map();
const busy = new Set();

/**
 * Ask for something of which only the newest matters: of each kind one question is under way at a time, and what comes
 * meanwhile takes the place of what waits.
 */
export function latest(kind, body, done, failed = (refusal) => problem(refusal.message)) {
  waiting.set(kind, { body, done, failed });
  if (!busy.has(kind)) next(kind);
}

async function next(kind) {
  const question = waiting.get(kind);
  if (!question) return;
  waiting.delete(kind);
  busy.add(kind);
  try {
    question.done(await post(`/api/${kind}`, question.body));
  } catch (refusal) {
    if (!(refusal instanceof Refused)) throw refusal;
    if (refusal.status === 429) await again(kind, question);
    else if (refusal.status !== 409) question.failed(refusal);
  } finally {
    busy.delete(kind);
    next(kind);
  }
}

/** A server that is busy is asked again after a moment, unless there is a newer question by then. */
async function again(kind, question) {
  await new Promise((resolve) => setTimeout(resolve, 300));
  if (!waiting.has(kind)) waiting.set(kind, question);
}
