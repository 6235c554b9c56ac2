// The server: requests, the stream of an answer, and what went wrong in plain words.

import { parseExact } from "./json.js";

const KEY = "setaccio-key";
let key = "";
try {
  key = sessionStorage.getItem(KEY) ?? "";
} catch {
  // Where the browser keeps nothing, the key is asked for again.
}

/** Present this key from now on, in this tab. */
export function useKey(given) {
  key = given.trim();
  try {
    sessionStorage.setItem(KEY, key);
  } catch {
    // As above.
  }
}

/** A failed request: `kind` is lost, key, busy, refused or broken. */
export class Failure extends Error {
  constructor(kind, message, details = {}) {
    super(message);
    this.kind = kind;
    this.param = details.param ?? "";
  }
}

const LOST = "The server does not answer. Your text is kept: see that the server runs, and try again.";

async function ask(path, options = {}) {
  const headers = { ...(options.body && { "Content-Type": "application/json" }), ...options.headers };
  if (key) headers.Authorization = `Bearer ${key}`;
  let answer;
  try {
    answer = await fetch(path, { cache: "no-store", ...options, headers });
  } catch (error) {
    throw error.name === "AbortError" ? error : new Failure("lost", LOST);
  }
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

async function refusal(answer) {
  let said = {};
  try {
    said = (await answer.json()).error ?? {};
  } catch {
    // Something between this page and the server answered.
  }
  const words = said.message || `The server answered ${answer.status} ${answer.statusText}`.trim();
  const wait = answer.headers.get("Retry-After");
  if (answer.status === 401) return new Failure("key", words);
  if ([429, 503].includes(answer.status)) {
    return new Failure("busy", wait ? `${words} Try again in ${wait} s.` : words, said);
  }
  return new Failure(answer.status < 500 ? "refused" : "broken", words, said);
}

/** What a path gives. */
export async function get(path) {
  return (await ask(path)).json();
}

/** A row that a path gives with its text; of its numbers only the answer's own keep their digits. */
export async function getRow(path) {
  const text = await (await ask(path)).text();
  const [said, exact] = [JSON.parse(text), parseExact(text)];
  Object.assign(said.row, { data: exact.row.data });
  return Object.assign(said, { gold: exact.gold });
}

/** Tell a path something that has no answer. */
export async function send(path) {
  await ask(path, { method: "POST" });
}

/** What a path gives for a JSON value. */
export async function post(path, value, signal) {
  return (await ask(path, { method: "POST", body: JSON.stringify(value), signal })).json();
}

/** What a path gives for the bytes of a file. */
export async function postFile(path, bytes) {
  const headers = { "Content-Type": "application/octet-stream" };
  return (await ask(path, { method: "POST", body: bytes, headers })).json();
}

/** Send a value and hand on each server-sent event: handle(name, data). */
export async function stream(path, value, signal, handle) {
  const body = JSON.stringify(value);
  const answer = await ask(path, { method: "POST", body, signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value: piece } = await reader.read();
      if (done) return;
      const events = (rest + piece).replace(/\r\n?(?!$)/g, "\n").split("\n\n");
      rest = events.pop();
      for (const event of events) dispatch(event, handle);
    }
  } catch (error) {
    if (error.name === "AbortError" || error instanceof Failure) throw error;
    throw new Failure("lost", LOST);
  }
}

function dispatch(event, handle) {
  let name = "message";
  const data = [];
  for (const line of event.split("\n")) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
  }
  if (!data.length) return;
  const text = data.join("\n");
  const said = JSON.parse(text);
  // Only the answer's own numbers keep their digits; the others are there to be computed with.
  if (name === "done") (said.row ?? said).data = (parseExact(text).row ?? parseExact(text)).data;
  handle(name, said);
}

export const lost = () => new Failure("lost", LOST);
