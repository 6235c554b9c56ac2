// What is shown: the page's state, its two panes, and what is said about them.

import { byId } from "./dom.js";
import { answer, drawAnswer, hooks, jump, reader, tell } from "./panes.js";

/** A run is {asked, schema, text, id, written, tree, row, undo, saved, time}: one text, one answer. */
export const state = {
  documents: [{ id: "", text: "" }], // each with its `run`, once it has one
  at: 0, // which of them is shown
  run: null, // the run that is shown
  runs: [], // all that have an answer, the newest first
  halt: null, // an AbortController while an answer is awaited
  keeps: true, // whether the server takes corrections
};

const narrow = matchMedia("(max-width: 56rem)");

hooks.jump = (pointer, move) => {
  if (!byId("text").hidden && byId("text").value === state.run.text) readText();
  jump(pointer, move);
};

/** Say that something failed, with a way to try again. */
export function complain(error) {
  byId("error-words").textContent = error.message;
  byId("error").hidden = false;
  tell("bad", state.run?.written ? "Broken off: this is not complete." : "Not answered.");
}

/** Draw the answer of the run, and its marks in the text. */
export function draw() {
  drawAnswer(state.run);
  show();
}

/** Show and hide what there is something to be done with. */
export function show() {
  const { run, halt, documents, at, keeps } = state;
  const tree = Boolean(run?.tree) && !halt;
  for (const id of ["copy", "download", "saving"]) byId(id).hidden = !tree;
  byId("undo").hidden = !tree || !run.undo.length;
  byId("facts").hidden = !halt && !run?.row;
  if (!tree) byId("review").hidden = true;
  byId("values").hidden = !(run?.tree || run?.written);
  if (byId("values").hidden) answer.show([]);
  byId("extract").hidden = byId("hint").hidden = Boolean(halt);
  byId("stop").hidden = !halt;
  byId("answer").setAttribute("aria-busy", Boolean(halt));
  byId("save").hidden = !keeps || run?.tree?.kind !== "object"; // pairs are of objects
  byId("saved").textContent = keeps
    ? (run?.saved ?? "")
    : "This server keeps no corrections. Start it with --corrections FILE.";
  byId("pager").hidden = documents.length < 2;
  byId("place").textContent = `${documents[at].id || "text"}, ${at + 1} of ${documents.length}`;
  const stale = Boolean(run) && !byId("text").hidden && byId("text").value !== run.text;
  byId("answer").classList.toggle("stale", stale);
}

/** Show the text of the run with its values marked. */
export function readText() {
  const { run } = state;
  reader.show(run.text, run.tree ? answer.rows : []);
  byId("reader").hidden = byId("edit-text").hidden = false;
  byId("text").hidden = true;
  show();
}

/** Show the text as something that can be written. */
export function editText(focus = true) {
  byId("reader").hidden = byId("edit-text").hidden = true;
  byId("text").hidden = false;
  if (focus) byId("text").focus();
  show();
}

/** On a narrow screen, where the answer stands below the text, go down to it. */
export function goDown() {
  if (narrow.matches) byId("answer-title").scrollIntoView({ block: "start" });
}
