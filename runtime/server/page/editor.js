// The field in which a value is written anew: of the kinds, or one of the values, that its schema has.

import { blank, kindOf, kindsOf, optionsOf, toNumber } from "./json.js";
import { button, make } from "./dom.js";

const WORDS = {
  string: "text",
  integer: "whole number",
  number: "number",
  boolean: "true or false",
  null: "null",
  object: "object",
  array: "list",
};
const literal = (value) => (typeof value === "string" && value ? value : JSON.stringify(value));

/** An editor of a row's value; calls done(value), or cancel() where nothing is to change. */
export function editor(row, name, schema, done, cancel) {
  const { node, choices } = row;
  const box = make("span", "editor");
  const field = optionsOf(choices) ? optionField(node, choices) : kindField(node, choices, schema);
  const trouble = make("span", "trouble");
  trouble.setAttribute("role", "alert");
  field.label(name);
  let over = false;
  const finish = (act) => {
    if (over) return;
    over = true;
    act();
  };
  const take = () => {
    const value = field.value();
    trouble.textContent = value === undefined ? field.wrong : "";
    field.invalid(value === undefined);
    if (value === undefined) return;
    const same = !node.parts && JSON.stringify(value) === JSON.stringify(node.value);
    finish(same && !row.fresh ? cancel : () => done(value));
  };
  box.append(field.box, button("Done", "", take), button("Cancel", "", () => finish(cancel)), trouble);
  box.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "s") return take(); // and on to the page
    event.stopPropagation();
    const { tagName } = event.target;
    const line = tagName === "BUTTON" || (tagName === "TEXTAREA" && event.shiftKey);
    if (event.key === "Escape") finish(cancel);
    else if (event.key === "Enter" && !line && !event.isComposing) take();
    else return undefined;
    return event.preventDefault();
  });
  // Whoever goes on elsewhere has taken the value; not so where only the window lost the focus.
  const leave = () => {
    if (box.isConnected && document.hasFocus() && !box.contains(document.activeElement)) take();
  };
  box.addEventListener("focusout", () => setTimeout(leave));
  return { box, focus: () => field.focus() };
}

function optionField(node, choices) {
  const options = optionsOf(choices);
  const select = make("select", "");
  options.forEach((option, at) => select.append(new Option(literal(option), at)));
  const now = JSON.stringify(node.value);
  select.value = options.findIndex((option) => JSON.stringify(option) === now);
  return {
    box: select,
    wrong: "Choose one of the values.",
    value: () => options[select.value],
    focus: () => select.focus(),
    label: (name) => select.setAttribute("aria-label", name),
    invalid: (yes) => select.setAttribute("aria-invalid", yes),
  };
}

function kindField(node, choices, schema) {
  let kinds = kindsOf(choices);
  if (kinds.includes("number")) kinds = kinds.filter((kind) => kind !== "integer");
  let kind = node.kind === "number" && !kinds.includes("number") ? "integer" : node.kind;
  if (!kinds.includes(kind)) kinds = [kind, ...kinds];
  const place = make("span", "field");
  const choice = make("select", "kind");
  choice.setAttribute("aria-label", "kind of value");
  for (const one of kinds) choice.append(new Option(WORDS[one], one));
  choice.value = kind;
  choice.hidden = kinds.length < 2;
  let input;
  let name = "";
  const draw = () => {
    const inside = place.contains(document.activeElement);
    input = inputOf(kind, kind === node.kind || kind === "integer" ? node.value : undefined);
    input.setAttribute("aria-label", name);
    place.replaceChildren(input);
    if (inside) (input.disabled ? choice : input).focus();
  };
  choice.addEventListener("change", () => {
    kind = choice.value;
    draw();
  });
  draw();
  const read = {
    string: () => input.value,
    integer: () => toNumber(input.value, true),
    number: () => toNumber(input.value, false),
    boolean: () => input.value === "true",
    null: () => null,
    object: () => blank(schema, choices.filter((one) => kindsOf([one]).includes("object"))),
    array: () => [],
  };
  return {
    box: make("span", "fields", choice, place),
    get wrong() {
      return kind === "integer" ? "A whole number, such as 12." : "A number, such as 2 or 0.5.";
    },
    value: () => read[kind](),
    focus: () => (input.disabled ? choice : input).focus(),
    label: (words) => {
      name = words;
      input.setAttribute("aria-label", words);
    },
    invalid: (yes) => input.setAttribute("aria-invalid", yes),
  };
}

function inputOf(kind, value) {
  if (kind === "boolean") {
    const select = make("select", "", new Option("true"), new Option("false"));
    select.value = String(value ?? false);
    return select;
  }
  if (kind === "string") {
    const area = make("textarea", "");
    area.rows = 1;
    area.dir = "auto";
    area.value = kindOf(value) === "string" ? value : "";
    const grow = () => {
      area.style.height = "auto";
      area.style.height = `${area.scrollHeight + 2}px`;
    };
    area.addEventListener("input", grow);
    requestAnimationFrame(grow);
    return area;
  }
  const input = make("input", "");
  input.inputMode = "decimal";
  input.autocomplete = "off";
  input.disabled = kind !== "number" && kind !== "integer";
  input.value = input.disabled ? WORDS[kind] : kindOf(value) === "number" ? JSON.stringify(value) : "";
  return input;
}
