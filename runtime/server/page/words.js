// What a row says, in plain words.

import { count } from "./dom.js";
import { isDoubtful, isGrounded, percent } from "./tree.js";

const STATUS = {
  ok: ["good", "Complete and valid."],
  truncated_input: ["bad", "The text is too long for this model; nothing was extracted."],
  truncated_output: ["warn", "Cut off: the answer ran out of room. It fits the schema but is not complete."],
  repetition: ["warn", "Stopped: the answer went round in circles. It fits the schema but may not be complete."],
  invalid_json: ["bad", "The answer is no JSON."],
  invalid_schema: ["bad", "The answer does not fit the schema."],
  error: ["bad", "The text could not be worked on."],
};
export const SIGNS = { good: "✓", warn: "!", bad: "✕", busy: "…" };

/** A status as [good | warn | bad, words]. */
export function statusOf(row) {
  const [kind, words] = STATUS[row.status] ?? ["warn", `Status: ${row.status}.`];
  return [kind, row.message && row.status !== "ok" ? `${words} ${row.message}` : words];
}

/** The numbers of a row: values, what stands nowhere, the least sure, time. */
export function factsOf(row, rows) {
  const leaves = rows.map(({ node }) => node).filter((node) => !node.parts);
  const facts = [count(leaves.length, "value")];
  const missing = leaves.filter((node) => isGrounded(node) === false).length;
  if (missing) facts.push(`${missing} not in the text`);
  const sure = leaves.filter((node) => !node.edited && node.sure !== undefined).map((node) => node.sure);
  if (sure.length) facts.push(`least sure ${percent(Math.min(...sure))}`);
  const edited = leaves.filter((node) => node.edited).length;
  if (edited) facts.push(`${edited} edited`);
  if (row.chunks > 1) facts.push(`read in ${row.chunks} parts`);
  if (row.closed_lists) facts.push(`${count(row.closed_lists, "list")} closed where it began to repeat itself`);
  if (typeof row.seconds === "number") facts.push(`${row.seconds.toFixed(row.seconds < 10 ? 1 : 0)} s`);
  return facts;
}

/** How many values somebody should look at. */
export const doubtfulOf = (rows) => rows.filter(({ node }) => isDoubtful(node)).length;
