// What becomes of an answer: it is put right, saved as a pair, copied and downloaded.

import { post } from "./api.js";
import { fail } from "./ask.js";
import { setUpChanges } from "./changes.js";
import { nameOf } from "./choice.js";
import { copy, download } from "./documents.js";
import { byId } from "./dom.js";
import { writeJson } from "./json.js";
import { mention } from "./panes.js";
import { valueOf } from "./tree.js";
import { draw, state } from "./view.js";

const takeBack = setUpChanges(() => state.run, draw);

/** Take the last change back; false where there is none. */
export const undo = () => !state.halt && takeBack();

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
