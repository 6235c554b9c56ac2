// An answer as a tree that is never changed in place: an edit makes a new one, and undo is the old.

import { alternatives, below, blank, kindOf, kindsOf } from "./json.js";

const LEAST_COVERED = 0.5; // as in data/text/words.py: of a smaller part of a word nothing is said
export const join = (pointer, part) =>
  `${pointer}/${String(part).replaceAll("~", "~0").replaceAll("/", "~1")}`;

/** A value with what the row knows of its leaves: {kind, value | parts, span, sure, edited}. */
export function grow(value, facts = {}, pointer = "") {
  const kind = kindOf(value);
  if (kind === "array" || kind === "object") {
    const parts = Object.entries(value).map(([key, inner]) => [key, grow(inner, facts, join(pointer, key))]);
    return { kind, parts };
  }
  return { kind, value, span: facts.spans?.[pointer], sure: facts.confidence?.[pointer] };
}

/** The value of a tree. */
export function valueOf(node) {
  if (!node.parts) return node.value;
  const inner = node.parts.map(([key, part]) => [key, valueOf(part)]);
  return node.kind === "array" ? inner.map(([, part]) => part) : Object.fromEntries(inner);
}

/** Rows in reading order: {node, path, pointer, name, label, level, choices, removable}. */
export function* rowsOf(root, schema) {
  const start = alternatives(schema, schema);
  if (root.parts) yield* inside(root, [], schema, start);
  else yield { node: root, path: [], pointer: "", label: "value", name: "value", level: 1, choices: start };
}

function* inside(parent, path, schema, choices) {
  for (const [index, [key, node]] of parent.parts.entries()) {
    const name = parent.kind === "array" ? index : key;
    const inner = below(schema, choices, name);
    const needed = choices.some((one) => one.required?.includes(key));
    const row = { node, path: [...path, name], level: path.length + 1, choices: inner };
    row.pointer = row.path.reduce(join, "");
    row.removable = parent.kind === "array" || !needed;
    row.inList = parent.kind === "array";
    row.name = parent.kind === "array" ? String(index + 1) : key;
    row.label = row.path.map((part) => (typeof part === "number" ? part + 1 : part)).join(" ");
    yield row;
    if (node.parts) yield* inside(node, row.path, schema, inner);
  }
}

/** The tree with the node at a path changed; undefined takes it away. */
export function change(node, path, how) {
  if (!path.length) return how(node);
  const [first, ...rest] = path;
  const parts = node.parts.flatMap(([key, part], index) => {
    if ((node.kind === "array" ? index : key) !== first) return [[key, part]];
    const changed = change(part, rest, how);
    return changed === undefined ? [] : [[key, changed]];
  });
  return { ...node, parts };
}

/** A value that a reader wrote, linked to the text where it stands there word for word. */
export function written(value, text) {
  const node = grow(value);
  const mark = (one) => {
    if (one.parts) return { ...one, parts: one.parts.map(([key, part]) => [key, mark(part)]) };
    const said = ["string", "number"].includes(one.kind) ? JSON.stringify(one.value) : "";
    const words = one.kind === "string" ? one.value : said;
    const at = words.trim() ? text.indexOf(words) : -1;
    const span = at < 0 ? undefined : { from: at, to: at + words.length, how: "exact", score: 1 };
    return { ...one, span, edited: true };
  };
  return mark(node);
}

/** What can be put into a list or an object: [[name, value]]; a list's only name is its end. */
export function additions(row, schema) {
  const { node, choices } = row;
  if (node.kind === "array") {
    const inner = below(schema, choices, node.parts.length);
    const room = choices.some(({ maxItems = Infinity }) => !(node.parts.length >= maxItems));
    return room && kindsOf(inner).length
      ? [[String(node.parts.length), blank(schema, inner)]]
      : [];
  }
  const there = new Set(node.parts.map(([key]) => key));
  const names = choices.flatMap((one) => Object.keys(one.properties ?? {}));
  return [...new Set(names)]
    .filter((name) => !there.has(name))
    .map((name) => [name, blank(schema, below(schema, choices, name))]);
}

/** Whether a leaf is said in the text: true, false, or null where nothing could say it. */
export function isGrounded(node) {
  if (node.span) return node.span.score >= LEAST_COVERED;
  const words = node.kind === "string" ? node.value.match(/[\p{L}\p{N}]/u) : node.kind === "number";
  return words ? false : null;
}

/** How sure the model was, in three steps. */
export function sureness(sure) {
  if (sure === undefined) return "";
  return sure >= 0.9 ? "high" : sure >= 0.6 ? "middle" : "low";
}

/** A share in whole percent that is 100 only where nothing is missing. */
export const percent = (share) => `${Math.floor(100 * share + 1e-9)} %`;

/** Whether somebody should look at a leaf. */
export const isDoubtful = (node) =>
  !node.parts && !node.edited && (isGrounded(node) === false || sureness(node.sure) === "low");
