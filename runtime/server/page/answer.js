// The answer: one row for each value, its place in the text, how sure the model was, and its editor.

import { button, count, make } from "./dom.js";
import { editor } from "./editor.js";
import { kindsOf } from "./json.js";
import { additions, isDoubtful, isGrounded, percent, sureness } from "./tree.js";

/** The rows of an answer. `on` has light(pointers, scroll), jump(pointer, focus), edit(row, value),
 *  add(row, name, value), remove(row) and undo(). */
export class Answer {
  constructor(box, on) {
    this.box = box;
    this.on = on;
    this.rows = [];
    this.active = 0;
    this.schema = {};
    box.addEventListener("mouseover", (event) => this.hover(event));
    box.addEventListener("mouseleave", () => on.light([], false));
    box.addEventListener("focusin", (event) => this.enter(event));
    box.addEventListener("focusout", () => on.light([], false));
    box.addEventListener("click", (event) => this.click(event));
    box.addEventListener("dblclick", (event) => this.edit(this.rowAt(event.target)));
    box.addEventListener("keydown", (event) => this.onKey(event));
  }

  /** Show rows; those that are there already stay. `writing`: the last one is not complete. */
  show(rows, { schema = {}, writing = false } = {}) {
    Object.assign(this, { rows, schema, writing });
    this.active = Math.min(this.active, Math.max(0, rows.length - 1));
    rows.forEach((row, at) => {
      const last = writing && at === rows.length - 1;
      const mark = JSON.stringify([row.pointer, row.level, words(row.node), row.node, last, writing]);
      const old = this.box.children[at];
      if (old?.mark === mark) return;
      const element = this.draw(row, at, last);
      element.mark = mark;
      if (old) old.replaceWith(element);
      else this.box.append(element);
    });
    while (this.box.children.length > rows.length) this.box.lastElementChild.remove();
    this.rove(this.active);
  }

  draw(row, at, last) {
    const { node } = row;
    const kind = `${node.parts ? "branch" : "leaf"}${row.inList ? " item" : ""}`;
    const level = node.parts ? "" : sureness(node.sure);
    const key = make("span", "key", row.name);
    key.dir = "auto";
    const value = make("span", last ? "value writing" : "value", shown(node));
    value.dir = "auto";
    for (const note of this.writing ? [] : notesOf(node)) value.append(" ", make("span", "note", note));
    const sure = make("span", "sure");
    if (level && !node.edited) {
      const bar = make("i", "");
      bar.style.setProperty("--sure", node.sure);
      sure.append(bar, percent(node.sure));
      sure.title = "how sure the model was of the whole value";
    }
    const acts = make("span", "acts", ...(this.writing ? [] : this.actions(row)));
    const element = make("div", `row ${kind} ${level}`, key, value, sure, acts);
    ["rowheader", "gridcell", "gridcell", "gridcell"].forEach((role, cell) =>
      element.children[cell].setAttribute("role", role),
    );
    element.setAttribute("role", "row");
    element.setAttribute("aria-level", row.level);
    element.setAttribute("aria-label", this.spoken(row));
    element.style.setProperty("--level", row.level - 1);
    element.dataset.at = at;
    element.tabIndex = -1;
    element.classList.toggle("edited", Boolean(node.edited));
    element.classList.toggle("doubtful", isDoubtful(node));
    return element;
  }

  actions(row) {
    const all = [];
    const offer = (sign, word, link, act) => {
      const made = button(make("span", "", sign), `${word} ${link}${row.label}`, act);
      made.append(make("span", "word", ` ${word}`));
      made.title = word;
      all.push(made);
    };
    if (!row.node.parts || kindsOf(row.choices).length > 1) offer("✎", "Edit", "", () => this.edit(row));
    if (row.node.parts && additions(row, this.schema).length) offer("+", "Add", "to ", () => this.add(row));
    if (row.removable) offer("✕", "Remove", "", () => this.on.remove(row));
    return all;
  }

  /** A row in words, for those who hear it. */
  spoken(row) {
    const { node } = row;
    const all = [`${row.label}: ${words(node)}`];
    if (!node.parts && node.sure !== undefined && !node.edited) all.push(`${percent(node.sure)} sure`);
    return [...all, ...(this.writing ? [] : notesOf(node))].join(", ");
  }

  rowAt(target) {
    const element = target.closest?.(".row");
    return element ? this.rows[element.dataset.at] : undefined;
  }

  pointersOf(row) {
    if (!row) return [];
    const inside = this.rows.filter((one) => one.pointer.startsWith(`${row.pointer}/`));
    return [row.pointer, ...inside.map((one) => one.pointer)];
  }

  hover(event) {
    this.on.light(this.pointersOf(this.rowAt(event.target)), false);
  }

  enter(event) {
    const row = this.rowAt(event.target);
    if (!row) return;
    this.rove(this.rows.indexOf(row));
    this.on.light(this.pointersOf(row), !row.node.parts);
  }

  click(event) {
    const row = this.rowAt(event.target);
    if (!row || event.target.closest("button, .editor")) return;
    if (!getSelection().isCollapsed) return;
    this.focus(row.pointer);
    this.on.jump(row.pointer, false);
  }

  onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest(".editor, button")) return;
    const row = this.rowAt(event.target);
    if (!row) return;
    const last = this.rows.length - 1;
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -last, End: last };
    if (event.key in steps) {
      this.focusAt(Math.min(last, Math.max(0, this.active + steps[event.key])));
    } else if (event.key === "Enter") {
      this.on.jump(row.pointer, true);
    } else if (event.key === "e" || event.key === "F2") {
      this.edit(row);
    } else if (event.key === "Delete" && row.removable) {
      this.on.remove(row);
    } else if (event.key === "+" || event.key === "Insert") {
      const list = row.node.parts ? row : this.parentOf(row);
      if (list) this.add(list);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  parentOf(row) {
    const above = row.pointer.slice(0, row.pointer.lastIndexOf("/"));
    return this.rows.find((one) => one.pointer === above && one.node.parts);
  }

  rove(at) {
    this.box.querySelectorAll("[tabindex='0'], .active").forEach((one) => {
      one.classList.remove("active");
      one.tabIndex = -1;
    });
    this.active = Math.max(0, at);
    const element = this.box.children[this.active];
    if (!element) return;
    element.tabIndex = 0;
    element.classList.add("active");
    for (const one of this.box.querySelectorAll(".acts button")) one.tabIndex = -1;
    for (const one of element.querySelectorAll(".acts button")) one.tabIndex = 0;
  }

  focusAt(at) {
    this.rove(at);
    this.box.children[this.active]?.focus();
  }

  /** Move to the row of a pointer. */
  focus(pointer) {
    const at = this.rows.findIndex((row) => row.pointer === pointer);
    if (at >= 0) this.focusAt(at);
  }

  /** Bring out the rows of some values. */
  light(pointers) {
    const wanted = new Set(pointers);
    this.rows.forEach((row, at) => this.box.children[at]?.classList.toggle("lit", wanted.has(row.pointer)));
  }

  /** Move to the next row that somebody should look at; false where there is none. */
  nextDoubtful() {
    const order = [...this.rows.keys()];
    const turned = [...order.slice(this.active + 1), ...order.slice(0, this.active + 1)];
    const inside = this.box.contains(document.activeElement);
    const at = (inside ? turned : order).find((one) => isDoubtful(this.rows[one].node));
    if (at !== undefined) this.focusAt(at);
    return at !== undefined;
  }

  /** Open the editor of a row. */
  edit(row) {
    if (!row || this.writing || this.box.querySelector(".editor")) return;
    if (row.node.parts && kindsOf(row.choices).length < 2) return;
    const element = this.box.children[this.rows.indexOf(row)];
    const leave = (act) => {
      const inside = element.contains(document.activeElement);
      element.mark = "";
      act();
      if (inside) this.focus(row.pointer);
    };
    const cancel = () => (row.fresh ? this.on.undo() : this.show(this.rows, { schema: this.schema }));
    const done = (value) => leave(() => this.on.edit(row, value));
    const made = editor(row, row.label, this.schema, done, () => leave(cancel));
    element.classList.add("editing");
    element.children[1].replaceChildren(made.box);
    made.focus();
  }

  /** Put something into a list or an object, and write it. */
  add(row) {
    const possible = additions(row, this.schema);
    if (!possible.length) return;
    if (possible.length === 1) {
      this.on.add(row, ...possible[0]);
      return;
    }
    const element = this.box.children[this.rows.indexOf(row)];
    const choice = make("select", "", new Option("Add which field?", ""));
    choice.setAttribute("aria-label", `Field to add to ${row.label}`);
    possible.forEach(([name], at) => choice.append(new Option(name, at)));
    const cancel = () => {
      element.mark = "";
      this.show(this.rows, { schema: this.schema });
      this.focus(row.pointer);
    };
    const take = button("Add", "", () => choice.value !== "" && this.on.add(row, ...possible[choice.value]));
    const box = make("span", "editor", choice, take, button("Cancel", "", cancel));
    box.addEventListener("keydown", (event) => {
      if (event.key === "Escape") cancel();
      else if (event.key === "Enter" && event.target === choice) take.click();
      event.stopPropagation();
    });
    element.classList.add("editing");
    element.children[1].replaceChildren(box);
    choice.focus();
  }
}

function notesOf(node) {
  if (node.parts) return [];
  const notes = node.edited ? ["edited"] : [];
  if (isGrounded(node) === false) notes.push("not in the text");
  else if (node.span?.how === "fuzzy") notes.push("in similar words");
  if (node.span?.page) notes.push(`page ${node.span.page}`);
  return notes;
}

function words(node) {
  if (node.kind === "array") return count(node.parts.length, "item");
  if (node.kind === "object") return count(node.parts.length, "field");
  return node.kind === "string" && node.value ? node.value : JSON.stringify(node.value);
}

function shown(node) {
  const plain = node.kind === "string" && node.value;
  return plain ? node.value : make("span", node.parts ? "many" : "literal", words(node));
}
