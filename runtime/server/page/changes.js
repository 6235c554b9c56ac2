// How an answer is put right: values are written, added and removed, and every change can be undone.

import { answer, hooks, mention } from "./panes.js";
import { change, written } from "./tree.js";

/** Let the answer be changed. `shown` gives the run {tree, text, undo, saved} that is shown, or nothing
 *  where it must stay as it is; `draw` shows it again. Gives what takes the last change back. */
export function setUpChanges(shown, draw) {
  const set = (tree) => {
    const run = shown();
    run.undo.push(run.tree);
    run.tree = tree;
    run.saved = "";
    draw();
  };

  hooks.edit = (row, value) => {
    const { tree, text } = shown();
    set(change(tree, row.path, () => written(value, text)));
  };

  hooks.add = (row, name, value) => {
    const { tree, text } = shown();
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
    set(change(shown().tree, row.path, () => undefined));
    answer.focusAt(Math.min(active, answer.rows.length - 1));
    mention("Removed. Undo brings it back.");
  };

  hooks.undo = () => {
    const run = shown();
    if (!run?.undo.length) return false;
    run.tree = run.undo.pop();
    run.saved = "";
    draw();
    // What had the focus may be gone, and whoever types on would type commands.
    const focused = document.activeElement;
    if (focused === document.body || !focused.checkVisibility()) answer.focusAt(answer.active);
    return true;
  };
  return hooks.undo;
}
