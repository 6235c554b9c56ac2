// What is pressed, dropped and typed. Nothing is kept but in this tab.

import { useKey } from "./api.js";
import { extract, load, retry } from "./ask.js";
import { byId } from "./dom.js";
import { copyJson, downloadJson, save, undo } from "./edits.js";
import { listen, setUpDialog, setUpTheme } from "./keys.js";
import { answer } from "./panes.js";
import { clear, fillHistory, open, turnTo } from "./sitting.js";
import { editText, show, state } from "./view.js";

const when = (id, type, act) => byId(id).addEventListener(type, act);
const stop = () => (state.halt ? state.halt.abort() : false);
const turn = (step) => turnTo(state.at + step);

when("extract", "click", extract);
when("stop", "click", stop);
when("retry", "click", retry);
when("undo", "click", undo);
when("copy", "click", copyJson);
when("download", "click", downloadJson);
when("save", "click", save);
when("review", "click", () => answer.nextDoubtful());
when("edit-text", "click", () => editText());
when("clear", "click", clear);
when("previous", "click", () => turn(-1));
when("next", "click", () => turn(1));
when("text", "input", show);
when("open-file", "click", () => byId("file").click());
when("open-history", "click", fillHistory);
when("file", "change", async () => {
  await open([...byId("file").files]);
  byId("file").value = "";
});
when("ask-key", "submit", async (event) => {
  event.preventDefault();
  useKey(byId("key").value);
  byId("key").value = "";
  byId("ask-key").hidden = true;
  if (!byId("task").options.length) await load();
  else retry();
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
addEventListener("dragleave", () => document.body.classList.remove("dropping"));
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  open([...event.dataTransfer.files]);
});

setUpTheme();
const [, keys] = ["history", "keys"].map(setUpDialog);
const undoOutside = (event) => (event.target.closest("textarea, select, input") ? false : undo());
listen([
  [["Ctrl+Enter"], "extract", extract],
  [["Escape"], "stop; leave a field or a list", stop],
  [["Ctrl+S"], "save as pair", save],
  [["Ctrl+Z"], "undo the last change", undoOutside],
  [["t"], "to the text", () => byId(byId("reader").hidden ? "text" : "reader").focus()],
  [["i"], "edit the text", () => editText()],
  [["a"], "to the answer", () => answer.focusAt(answer.active)],
  [["↑", "↓"], "in the answer: the value above or below"],
  [["←", "→"], "in the text: the marked place before or behind"],
  [["Enter"], "from a value to its place in the text, and back"],
  [["e", "F2"], "edit a value (Enter takes it, Shift Enter makes a line)"],
  [["+", "Insert"], "add to a list or an object"],
  [["Delete"], "remove an item"],
  [["n"], "to the next doubtful value", () => answer.nextDoubtful()],
  [["c"], "copy the JSON", copyJson],
  [["d"], "download the JSON", downloadJson],
  [["o"], "open files", () => byId("file").click()],
  [["[", "]"], "the document before or behind", (event) => turn(event.key === "[" ? -1 : 1)],
  [["h"], "history of this sitting", () => byId("open-history").click()],
  [["?"], "this list", () => keys.showModal()],
]);
load();
