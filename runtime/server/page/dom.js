// Small helpers. Text only ever becomes text nodes.

export const byId = (id) => document.getElementById(id);

/** Make an element with a class and children; strings become text. */
export function make(tag, className, ...children) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  node.append(...children);
  return node;
}

/** A button that does something. */
export function button(words, name, act) {
  const node = make("button", "", words);
  node.type = "button";
  if (name) node.setAttribute("aria-label", name);
  node.addEventListener("click", act);
  return node;
}

/** "1 value", "2 values". */
export const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
