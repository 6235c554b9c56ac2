// What becomes of an answer: it is put right, saved as a pair, copied and downloaded.

import { post } from "./api.js";
import { fail } from "./ask.js";
import { nameOf } from "./choice.js";
import { copy, download } from "./documents.js";
import { byId } from "./dom.js";
import { writeJson } from "./json.js";
import { change, valueOf, written } from "./tree.js";
import { answer, draw, hooks, mention, state } from "./view.js";

function set(tree) {
  const { run } = state;
  run.undo.push(run.tree);
  run.tree = tree;
  run.saved = "";
  draw();
}

hooks.edit = (row, value) => {
  const { tree, text } = state.run;
  set(change(tree, row.path, () => written(value, text)));
};

hooks.add = (row, name, value) => {
  const { tree, text } = state.run;
  const list = row.node.kind === "array";
  const order = row.choices.flatMap((one) => Object.keys(one.properties ?? {}));
  const rank = ([key]) => (order.includes(key) ? order.indexOf(key) : order.length);
  const put = (node) => {
    const parts = [...node.parts, [name, written(value, text)]];
    return { ...node, parts: list ? parts : parts.sort((a, b) => rank(a) - rank(b)) };
  };
  set(change(tree, row.path, put));
  const path = JSON.stringify([...row.path, list ? row.node.parts.length : name]);
  const made = answer.rows.find((one) => JSON.stringify(one.path) === path);
  answer.focus(made.pointer);
  made.fresh = true;
  answer.edit(made);
};

hooks.remove = (row) => {
  const { active } = answer;
  set(change(state.run.tree, row.path, () => undefined));
  answer.focusAt(Math.min(active, answer.rows.length - 1));
  mention("Removed. Undo brings it back.");
};

/** Take the last change back; false where there is none. */
export function undo() {
  const { run, halt } = state;
  if (!run?.undo.length || halt) return false;
  run.tree = run.undo.pop();
  run.saved = "";
  draw();
  return true;
}
hooks.undo = undo;

/** Save text and answer as a pair, where the server keeps them. */
export async function save() {
  const { run, halt, keeps } = state;
  if (run?.tree?.kind !== "object" || halt || !keeps) return;
  const pair = { text: run.text, gold: valueOf(run.tree), ...run.asked };
  Object.assign(pair, { from_model: run.row.model, data: run.row.data });
  if (run.id) pair.id = run.id;
  try {
    const kept = await post("corrections", pair);
    run.saved = `Saved to ${kept.file} as ${kept.id}.`;
    byId("saved").className = "quiet";
  } catch (error) {
    run.saved = error.message;
    byId("saved").className = "bad";
    if (error.kind === "key") fail(error, save);
  }
  if (state.run === run) byId("saved").textContent = run.saved;
}

const json = () => `${writeJson(valueOf(state.run.tree))}\n`;
const hasAnswer = () => state.run?.tree && !state.halt;

/** Put the answer on the clipboard. */
export async function copyJson() {
  if (!hasAnswer()) return;
  try {
    await copy(json());
    mention("Copied.");
  } catch (error) {
    mention(error.message);
  }
}

/** Save the answer as a file of the reader's. */
export function downloadJson() {
  if (!hasAnswer()) return;
  const { id, asked } = state.run;
  const name = id.replace(/\.[a-z]+$/i, "") || nameOf(asked);
  download(`${name.replace(/[^\p{L}\p{N}._-]+/gu, "-")}.json`, json());
}
