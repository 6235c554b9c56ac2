// The two panes that every page has: the text with its marks, and the answer; and what is said of both.

import { Answer } from "./answer.js";
import { byId, count, make } from "./dom.js";
import { Reader } from "./source.js";
import { rowsOf } from "./tree.js";
import { doubtfulOf, factsOf, SIGNS, statusOf } from "./words.js";

/** What the rows of the answer do: edit, add, remove, undo; changes.js fills it. */
export const hooks = { light, jump };
export const answer = new Answer(byId("values"), hooks);
export const reader = new Reader(byId("reader"), light, (pointer) => answer.focus(pointer));

function light(pointers, scroll) {
  answer.light(pointers);
  reader.light(pointers, scroll);
}

/** Go from a value to its place in the text. */
export function jump(pointer, move) {
  const mark = reader.light([pointer], true);
  if (mark && move) reader.focus(mark);
}

/** Say how things stand: good, warn, bad, busy or nothing of these. */
export function tell(kind, words) {
  byId("status").className = kind;
  byId("status").replaceChildren(...(kind ? [make("b", "", SIGNS[kind]), " "] : []), words);
}

let fading = 0;
/** Say something that need not stay. */
export function mention(words) {
  byId("said").textContent = words;
  clearTimeout(fading);
  fading = setTimeout(() => byId("said").replaceChildren(), 5000);
}

/** Draw an answer {row, tree, schema, text}, its marks in the text, and what is said of it. */
export function drawAnswer({ row, tree, schema, text }) {
  const rows = tree ? [...rowsOf(tree, schema)] : [];
  answer.show(rows, { schema });
  reader.show(text, rows);
  tell(...statusOf(row));
  byId("numbers").textContent = tree ? factsOf(row, rows).join(" · ") : "";
  const doubtful = doubtfulOf(rows);
  byId("review").hidden = !doubtful;
  byId("review").textContent = `Look at ${count(doubtful, "doubtful value")}`;
}

/** A row's spans with their places as JavaScript counts; `place` is a placeFinder's. */
export function placeSpans(spans, place) {
  const placed = Object.entries(spans).map(([pointer, span]) => [
    pointer,
    { ...span, from: place(span.start), to: place(span.end) },
  ]);
  return Object.fromEntries(placed);
}
