// What there is to go back to: the documents that were opened, and the answers of this sitting.

import { choice } from "./ask.js";
import { nameOf } from "./choice.js";
import { readFiles } from "./documents.js";
import { button, byId, make } from "./dom.js";
import { answer, tell } from "./panes.js";
import { draw, editText, readText, state } from "./view.js";
import { SIGNS, statusOf } from "./words.js";

/** Go to a document, with its answer where it has one. */
export function turnTo(number) {
  const { documents, halt } = state;
  if (halt || !documents[number]) return;
  documents[state.at].text = byId("text").value;
  state.at = number;
  restore(documents[number].run);
}

/** Show a run again, or the document as it was before any. */
function restore(run) {
  const document = state.documents[state.at];
  const whole = Boolean(run?.row);
  state.run = whole ? run : null;
  byId("error").hidden = true;
  byId("text").value = whole ? run.text : document.text;
  if (!whole) {
    tell("", "Not extracted yet.");
    editText(false);
    return;
  }
  Object.assign(document, { text: run.text, run });
  choice.restore(run.asked);
  draw();
  readText();
}

/** Open files; each text of theirs is a document. */
export async function open(files) {
  if (state.halt || !files.length) return;
  const { documents, troubles } = await readFiles(files);
  if (state.halt) {
    byId("file-note").textContent = "An answer was being written. Open the files again.";
    byId("file-note").hidden = false;
    return;
  }
  byId("file-note").textContent = troubles.join("\n");
  byId("file-note").hidden = !troubles.length;
  if (!documents.length) return;
  Object.assign(state, { documents, at: 0 });
  restore(null);
  byId("text").scrollTop = 0;
  byId("extract").focus();
}

/** Begin with nothing. */
export function clear() {
  if (state.halt) return;
  Object.assign(state, { documents: [{ id: "", text: "" }], at: 0 });
  byId("file-note").hidden = true;
  restore(null);
  byId("text").focus();
}

/** List the answers of this sitting; each can be shown again. */
export function fillHistory() {
  const entries = state.runs.map((run) => {
    const [kind] = statusOf(run.row);
    const time = run.time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    const facts = [time, nameOf(run.asked), run.row.status];
    if (run.undo.length) facts.push("edited");
    if (run.saved.startsWith("Saved")) facts.push("saved");
    const first = make("span", "first", run.text.trim().slice(0, 90));
    first.dir = "auto";
    const words = make("span", "", make("b", kind, SIGNS[kind]), ` ${facts.join(" · ")}`);
    const choose = button(words, "", () => comeBack(run));
    choose.append(first);
    return make("li", "", choose);
  });
  byId("entries").replaceChildren(...(entries.length ? entries : [make("li", "quiet", "Nothing yet.")]));
}

function comeBack(run) {
  byId("history").close();
  if (state.halt) return;
  const at = state.documents.findIndex((one) => one.id === run.id && one.text === run.text);
  if (at < 0) state.documents = [{ id: run.id, text: run.text }];
  state.at = Math.max(0, at);
  restore(run);
  answer.focusAt(0);
}
