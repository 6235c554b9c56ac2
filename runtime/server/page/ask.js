// Asking the server: what it has, and the answer as it is written.

import { Failure, get, lost, stream } from "./api.js";
import { Choice } from "./choice.js";
import { byId } from "./dom.js";
import { parsePartial } from "./json.js";
import { answer, placeSpans, tell } from "./panes.js";
import { placeFinder } from "./source.js";
import { grow, rowsOf } from "./tree.js";
import { complain, draw, editText, goDown, readText, show, state } from "./view.js";

const MOST_KEPT = 200; // answers of a sitting
export const choice = new Choice();
let again = load;

/** Do once more what failed. */
export const retry = () => again();

/** Say what failed where it can be put right: at the key, at the schema, or with "Try again". */
export function fail(error, act) {
  again = act;
  if (error.kind === "key") {
    byId("ask-key").hidden = false;
    byId("key").focus();
    tell("warn", "The server asks for an API key.");
  } else if (error.param === "schema" && error.kind === "refused") {
    choice.complain(error.message);
    tell("bad", "The schema can not be used; what is wrong stands below it.");
  } else {
    complain(error);
  }
}

/** Ask for tasks and models. */
export async function load() {
  byId("error").hidden = true;
  try {
    const [tasks, models, health] = await Promise.all(["tasks", "v1/models", "health"].map(get));
    const names = models.data.map(({ id }) => id);
    state.keeps = health.corrections !== false;
    choice.offer(tasks, names);
    byId("model").textContent = names.at(-1) ?? "";
    if (!state.run) tell("", "The answer appears here, and each of its values leads to its place in the text.");
    show();
  } catch (error) {
    fail(error, load);
  }
}

/** Extract from the text that is shown. */
export async function extract() {
  if (state.halt) return;
  const document = state.documents[state.at];
  document.text = byId("text").value;
  if (!document.text.trim()) {
    tell("warn", "There is no text yet. Paste one, type it, or drop a file.");
    editText();
    return;
  }
  const asked = choice.asked();
  if (!asked) return;
  const text = document.text.toWellFormed?.() ?? document.text;
  const source = document.read?.text === text ? { documents: [document.read] } : { text };
  const run = { asked, source, text, id: document.id, schema: choice.schemaOf(asked), written: "" };
  Object.assign(run, { tree: null, row: null, undo: [], saved: "" });
  state.run = document.run = run;
  const clock = begin();
  try {
    await receive(run);
    finish(run);
  } catch (error) {
    if (error.name === "AbortError") tell("warn", "Stopped by you: this is not complete.");
    else fail(error instanceof Failure ? error : new Failure("broken", String(error)), extract);
  } finally {
    clearInterval(clock);
    state.halt = null;
    if (run.row) draw();
    else show();
  }
}

function begin() {
  const since = performance.now();
  state.halt = new AbortController();
  byId("error").hidden = true;
  choice.complain("");
  readText();
  tell("busy", "Reading the text.");
  goDown();
  const tick = () => {
    byId("numbers").textContent = `${Math.round((performance.now() - since) / 1000)} s`;
  };
  tick();
  return setInterval(tick, 1000);
}

async function receive(run) {
  let frame = 0;
  const body = { ...run.source, ...run.asked, stream: true };
  await stream("extract", body, state.halt.signal, (name, data) => {
    if (name === "error") throw new Failure("broken", data.error?.message ?? "The server gave up.");
    if (name === "done") run.row = data;
    if (name === "reset") run.written = "";
    if (name !== "delta") return;
    if (!run.written) tell("busy", "Writing the answer.");
    run.written += data.text;
    frame ||= requestAnimationFrame(() => {
      frame = 0;
      if (!run.row) drawWriting(run);
    });
  });
  if (!run.row) throw lost();
}

function drawWriting({ written, schema }) {
  const value = parsePartial(written);
  if (value === undefined) return;
  const box = byId("values");
  const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 60;
  box.hidden = false;
  answer.show([...rowsOf(grow(value), schema)], { schema, writing: true });
  if (atEnd) box.scrollTop = box.scrollHeight;
}

function finish(run) {
  const { row } = run;
  const nothing = row.data === null && row.status !== "ok";
  run.tree = nothing
    ? null
    : grow(row.data, { spans: placeSpans(row.spans, placeFinder(run.text)), confidence: row.confidence });
  run.written = "";
  run.time = new Date();
  state.runs.unshift(run);
  state.runs.splice(MOST_KEPT);
  byId("values").scrollTop = 0;
}
