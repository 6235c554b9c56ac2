// The text: as it is written, and with every value of the answer marked in it.

import { isGrounded, percent, sureness } from "./tree.js";

/** Places of a text in code points, as the server counts, to places as JavaScript counts. */
export function placeFinder(text) {
  if (!/[\ud800-\udfff]/.test(text)) return (at) => at;
  const places = new Uint32Array(text.length + 1);
  let count = 0;
  for (let at = 0; at < text.length; at += text.codePointAt(at) > 0xffff ? 2 : 1) {
    places[count] = at;
    count += 1;
  }
  places[count] = text.length;
  return (at) => places[Math.min(at, count)];
}

/** What a place in the text says of the values that stand there. */
function describe({ node, label }) {
  const words = [label];
  if (node.edited) words.push("written by you");
  else if (node.sure !== undefined) words.push(`${percent(node.sure)} sure`);
  if (node.span.how === "fuzzy") words.push("in similar words");
  return words.join(", ");
}

/** Fill an element with a text whose values are marked. Calls light(pointers) and choose(pointer). */
export class Reader {
  constructor(box, light, choose) {
    this.box = box;
    this.marks = [];
    box.addEventListener("mouseover", (event) => light(pointersOf(event.target), false));
    box.addEventListener("mouseleave", () => light([], false));
    box.addEventListener("focusin", (event) => light(pointersOf(event.target), true));
    box.addEventListener("focusout", () => light([], false));
    box.addEventListener("click", (event) => {
      const [pointer] = pointersOf(event.target);
      if (pointer !== undefined && getSelection().isCollapsed) choose(pointer);
    });
    box.addEventListener("keydown", (event) => this.onKey(event, choose));
  }

  onKey(event, choose) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.marks.indexOf(event.target);
    const last = this.marks.length - 1;
    const steps = { ArrowRight: at + 1, ArrowLeft: at - 1 };
    if (at >= 0) Object.assign(steps, { Home: 0, End: last });
    if (event.key === "Enter" && at >= 0) choose(pointersOf(event.target)[0]);
    else if (event.key in steps && this.marks.length) {
      this.focus(this.marks[Math.min(last, Math.max(0, steps[event.key]))]);
    } else return;
    event.preventDefault();
  }

  /** Move to a mark. */
  focus(mark) {
    this.reveal(mark);
    mark.focus({ preventScroll: true });
  }

  /** Show a text with its rows ({node, pointer, label}) marked. */
  show(text, rows) {
    const all = rows.filter(({ node }) => node.span && isGrounded(node));
    const edges = new Set([0, text.length]);
    for (const { node } of all) edges.add(node.span.from).add(node.span.to);
    const cuts = [...edges].sort((a, b) => a - b);
    const coming = [...all].sort((a, b) => a.node.span.from - b.node.span.from);
    let open = [];
    const pieces = cuts.slice(0, -1).map((from, number) => {
      while (coming.length && coming[0].node.span.from <= from) open.push(coming.shift());
      open = open.filter(({ node }) => node.span.to > from);
      const piece = text.slice(from, cuts[number + 1]);
      return open.length ? markOf(piece, open) : document.createTextNode(piece);
    });
    this.box.replaceChildren(...pieces);
    this.marks = [...this.box.querySelectorAll("mark")];
  }

  /** Bring out the places of some values; with `scroll` the first of them comes into sight. */
  light(pointers, scroll) {
    const wanted = new Set(pointers);
    let first = null;
    for (const mark of this.marks) {
      const lit = mark.pointers.some((pointer) => wanted.has(pointer));
      mark.classList.toggle("lit", lit);
      if (lit) first ??= mark;
    }
    if (first && scroll) this.reveal(first);
    return first;
  }

  /** Scroll the text, and nothing around it, until a mark is in sight. */
  reveal(mark) {
    const box = this.box.getBoundingClientRect();
    const place = mark.getBoundingClientRect();
    const room = Math.min(60, box.height / 4);
    if (place.top < box.top + room / 2) this.box.scrollTop += place.top - box.top - room;
    if (place.bottom > box.bottom - room / 2) {
      this.box.scrollTop += Math.min(place.bottom - box.bottom + room, place.top - box.top - room);
    }
  }
}

function markOf(piece, rows) {
  const nearest = rows.reduce((a, b) => (length(b) <= length(a) ? b : a));
  const mark = document.createElement("mark");
  const { node } = nearest;
  mark.className = [node.edited ? "edited" : sureness(node.sure), node.span.how].join(" ");
  mark.append(piece);
  mark.pointers = [nearest, ...rows.filter((row) => row !== nearest)].map((row) => row.pointer);
  mark.tabIndex = -1;
  mark.title = rows.map(describe).join("\n");
  return mark;
}

const length = ({ node }) => node.span.to - node.span.from;
const pointersOf = (target) => target.closest?.("mark")?.pointers ?? [];
