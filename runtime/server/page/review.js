// The review: one row after another, each accepted, corrected or skipped. What is said of a row is on
// the disk when the next one is shown; changes that were not saved are kept in this tab only.

import { Failure, get, getRow, post, send } from "./api.js";
import { setUpChanges } from "./changes.js";
import { byId, count } from "./dom.js";
import { alternatives, blank, kindOf } from "./json.js";
import { listen, setUpDialog, setUpTheme } from "./keys.js";
import { answer, drawAnswer, mention, placeSpans, reader, tell } from "./panes.js";
import { placeFinder } from "./source.js";
import { grow, percent, valueOf, written } from "./tree.js";

const WORDS = { accepted: "accepted", corrected: "corrected", skipped: "skipped" };
const runs = new Map(); // by the row's number: what was changed stays when another row is shown
let about = null; // {task, source, file, budgeted, rows, must, must_left, counts, next}
let run = null; // {number, row, tree, schema, text, undo, verdict, byHand}
let busy = false;
let again = begin;

const undo = setUpChanges(() => run, draw);
const isCorrected = () => run.undo.length > 0 || run.verdict === "corrected";

/** Do something that asks the server, one thing at a time; what fails is said, and can be tried again. */
async function attempt(act) {
  if (busy) return;
  busy = true;
  byId("error").hidden = true;
  byId("answer").setAttribute("aria-busy", true);
  try {
    await act();
  } catch (error) {
    again = () => attempt(act);
    byId("error-words").textContent = error instanceof Failure ? error.message : String(error);
    byId("error").hidden = false;
    byId("retry").hidden = error.kind === "refused";
  } finally {
    busy = false;
    byId("answer").setAttribute("aria-busy", false);
  }
}

function begin() {
  return attempt(async () => {
    about = await get("review");
    byId("source").textContent = `${about.source}, task ${about.task.name}`;
    await show(about.next ?? -1);
  });
}

/** Show the row of a number; below 0 there is none left. */
async function show(number) {
  if (number < 0) {
    run = null;
    draw();
    return;
  }
  if (!runs.has(number)) runs.set(number, open(await getRow(`rows/${number}`)));
  run = runs.get(number);
  const inside = answer.box.contains(document.activeElement);
  draw();
  byId("values").scrollTop = byId("reader").scrollTop = 0;
  if (inside) answer.focusAt(0); // the row that had the focus is gone
}

function open({ number, row, verdict, gold }) {
  const { schema } = about.task;
  const { text, data } = row;
  const byHand = kindOf(data) !== "object"; // pairs are of objects
  const value = byHand ? blank(schema, alternatives(schema, schema)) : data;
  const spans = placeSpans(row.spans, placeFinder(text));
  let tree = byHand ? grow(value) : grow(value, { spans, confidence: row.confidence });
  if (verdict === "corrected") tree = written(gold, text);
  return { number, row, tree, schema, text, undo: [], verdict, byHand };
}

function draw() {
  const there = Boolean(run);
  for (const id of ["values", "saving", "facts"]) byId(id).hidden = !there;
  if (there) drawRun();
  else drawEnd();
  drawProgress();
}

function drawRun() {
  const { row, number, undo: changes, verdict } = run;
  drawAnswer(run);
  const { risk } = row;
  if (typeof risk === "number") byId("numbers").append(` · risk ${percent(risk)}`);
  if (run.byHand) byId("numbers").append(" · nothing was extracted: write it by hand, or skip it");
  byId("undo").hidden = !changes.length;
  byId("keep").textContent = run.byHand || isCorrected() ? "Save correction" : "Accept";
  byId("verdict").hidden = !verdict;
  byId("verdict").className = `note ${verdict ?? ""}`;
  byId("verdict").textContent = WORDS[verdict] ?? "";
  byId("raw-box").hidden = !(run.byHand && row.raw);
  byId("raw").textContent = row.raw ?? "";
  byId("place").textContent = byId("place").title = `${number + 1} of ${about.rows}, ${row.id}`;
  byId("previous").disabled = number === 0;
  byId("next").disabled = number === about.rows - 1;
}

function drawEnd() {
  const skipped = about.counts.skipped ?? 0;
  answer.show([]);
  reader.show("", []);
  for (const id of ["undo", "verdict", "raw-box"]) byId(id).hidden = true;
  byId("place").textContent = "";
  const left = skipped ? ` ${count(skipped, "row")} skipped: ‹ leads back.` : "";
  if (about.rows) tell("good", `No other row is left.${left} Finish ends the review.`);
  else tell("warn", "There is nothing to review.");
}

function drawProgress() {
  const { rows, must, must_left: mustLeft, counts, budgeted } = about;
  const done = (counts.accepted ?? 0) + (counts.corrected ?? 0);
  const all = budgeted ? must : rows;
  const ready = budgeted ? must - mustLeft : done;
  byId("progress").max = Math.max(1, all);
  byId("progress").value = ready;
  const facts = [`${ready} of ${all} ${budgeted ? "that the budget asks for" : "rows"} done`];
  for (const kind of Object.keys(WORDS)) if (counts[kind]) facts.push(`${counts[kind]} ${kind}`);
  if (budgeted && !mustLeft && done < rows) facts.push("the others need not be looked at");
  byId("progress-words").textContent = facts.join(" · ");
}

/** Say something of the row that is shown, and go on to the next one. */
function judge(body, word) {
  const { number } = run;
  return attempt(async () => {
    const said = await post(`rows/${number}`, body);
    Object.assign(about, said);
    runs.delete(number);
    await show(said.next ?? -1);
    mention(`${word ?? (said.verdict === "accepted" ? "Accepted" : "Correction saved")}.`);
    document.activeElement?.blur();
    if (run) answer.nextDoubtful() || answer.focusAt(0);
    else byId("answer-title").focus();
  });
}

function keep() {
  if (!run) return false;
  const untouched = run.byHand && !isCorrected();
  if (untouched && !run.warned) {
    run.warned = true;
    mention("Nothing is written yet. Once more saves it as it is.");
    return undefined;
  }
  return judge({ gold: valueOf(run.tree) });
}
const skip = () => (run ? judge({ skip: true }, "Skipped") : false);

function turn(step) {
  const number = run ? run.number + step : about?.rows - 1;
  if (!(number >= 0 && number < about.rows)) return false;
  return attempt(() => show(number));
}

function finish() {
  return attempt(async () => {
    await send("end");
    run = null;
    runs.clear();
    draw();
    document.body.querySelectorAll("button").forEach((one) => (one.disabled = true));
    tell("good", `The review has ended. What was said is in ${about.file}. This tab can be closed.`);
  });
}

const when = (id, act) => byId(id).addEventListener("click", act);
when("keep", keep);
when("skip", skip);
when("undo", undo);
when("retry", () => again());
when("review", () => answer.nextDoubtful());
when("previous", () => turn(-1));
when("next", () => turn(1));
when("finish", finish);
addEventListener("beforeunload", (event) => {
  if ([...runs.values()].some((one) => one.undo.length)) event.preventDefault();
});

setUpTheme();
const keys = setUpDialog("keys");
const outside = (event) => (event.target.closest("textarea, select, input") ? false : undo());
listen([
  [["Ctrl+Enter", "y"], "accept, or save what was corrected", keep],
  [["Ctrl+S"], "the same, out of a field as well", keep],
  [["s"], "skip: it comes again at the end", skip],
  [["Ctrl+Z"], "undo the last change", outside],
  [["t"], "to the text", () => byId("reader").focus()],
  [["a"], "to the answer", () => answer.focusAt(answer.active)],
  [["↑", "↓"], "in the answer: the value above or below"],
  [["←", "→"], "in the text: the marked place before or behind"],
  [["Enter"], "from a value to its place in the text, and back"],
  [["e", "F2"], "edit a value (Enter takes it, Shift Enter makes a line, Escape leaves it)"],
  [["+", "Insert"], "add to a list or an object"],
  [["Delete"], "remove an item"],
  [["n"], "to the next doubtful value", () => answer.nextDoubtful()],
  [["[", "]"], "the row before or behind", (event) => turn(event.key === "[" ? -1 : 1)],
  [["?"], "this list", () => keys.showModal()],
]);
begin();
