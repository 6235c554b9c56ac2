// What the page knows, and small helpers. Document text only ever becomes text nodes.

const DATA = JSON.parse(document.getElementById("data").textContent);
const OUTCOMES = ["correct", "wrong", "missing", "hallucinated", "uncounted"];
const SIGNS = ["✓", "≠", "−", "+", "·"];
const WORDS = ["right", "wrong", "missing", "hallucinated", "not counted"];
const ERRORS = [1, 2, 3];

/** The element with an id. */
const byId = (id) => document.getElementById(id);

/** Make an element with a class and children; strings become text. */
function make(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

const percent = (share) => `${(100 * share).toFixed(share > 0 && share < 1 ? 1 : 0)}%`;

/** The parts of a JSON Pointer. */
const partsOf = (pointer) =>
  pointer.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));

/** The name of the field that a pointer leads into, such as "items" of "/items/2/price". */
const fieldOf = (pointer) => partsOf(pointer)[0] ?? "";

/** What a pointer says beyond its field, such as "2.price". */
const placeOf = (pointer) => partsOf(pointer).slice(1).join(".");

/** The leaves of a document under an arm, unpacked; document_payload in Python says what is what. */
function leavesOf(doc, arm) {
  const result = doc.arms[arm];
  if (!result) return [];
  const string = (at) => (at < 0 ? null : doc.strings[at]);
  return result.leaves.map(([outcome, path, gold, start, end, found]) => ({
    outcome,
    path: string(path),
    gold: string(gold),
    found: found.map(([place, value, from, to, sure]) => ({
      path: string(place),
      value: string(value),
      start: from,
      end: to,
      sure,
    })),
    places: [[start, end], ...found.map((one) => [one[2], one[3]])].filter(([from]) => from >= 0),
  }));
}

/** How many leaves of each outcome, of one field or of all. */
function tally(doc, arm, field) {
  const counts = [0, 0, 0, 0, 0];
  const result = doc.arms[arm];
  for (const leaf of result ? result.leaves : []) {
    if (!field || fieldOf(doc.strings[leaf[1]]) === field) counts[leaf[0]] += 1;
  }
  return counts;
}

/** A JSON text as a reader wants it: strings bare, everything else as written. */
function plain(json) {
  return json.startsWith('"') ? JSON.parse(json) : json;
}

/** A JSON text as an element or text. */
function valueNode(json) {
  if (!json.startsWith('"')) return make("span", "literal", json);
  const text = JSON.parse(json);
  return text === "" ? make("span", "literal", '""') : document.createTextNode(text);
}

/** Words of two texts, those that only one of them has marked: [left nodes, right nodes]. */
function wordDiff(left, right) {
  const a = left.split(/(\s+)/);
  const b = right.split(/(\s+)/);
  if (a.length * b.length > 90000) return [[left], [right]];
  const width = b.length + 1;
  const best = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      best[i * width + j] =
        a[i] === b[j]
          ? best[(i + 1) * width + j + 1] + 1
          : Math.max(best[(i + 1) * width + j], best[i * width + j + 1]);
    }
  }
  const nodes = [[], []];
  const add = (side, tag, text) => {
    if (text) nodes[side].push(tag && text.trim() ? make(tag, "", text) : text);
  };
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      add(0, "", a[i]);
      add(1, "", b[j]);
      i += 1;
      j += 1;
    } else if (j >= b.length || (i < a.length && best[(i + 1) * width + j] >= best[i * width + j + 1])) {
      add(0, "del", a[i]);
      i += 1;
    } else {
      add(1, "ins", b[j]);
      j += 1;
    }
  }
  return nodes;
}
