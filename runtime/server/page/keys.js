// The keyboard: one table says what each key does, and draws itself.

import { byId, make } from "./dom.js";

/** Listen for keys. `table` has [keys, words, act]; a key with "Ctrl+" also works with Command. */
export function listen(table) {
  for (const [keys, words] of table) {
    const shown = keys.flatMap((key, at) => [at ? " or " : "", ...pressed(key)]);
    byId("key-list").append(make("tr", "", make("th", "", ...shown), make("td", "", words)));
  }
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.altKey) return;
    const control = event.ctrlKey || event.metaKey;
    const typing = event.target.closest?.("textarea, select, input:not([type=checkbox])");
    if (!control && event.key !== "Escape" && (typing || !byId("single-keys").checked)) return;
    if (document.querySelector("dialog[open]")) return;
    const name = control ? `Ctrl+${event.key}` : event.key;
    const found = table.find(([keys, , act]) => act && keys.some((key) => same(key, name)));
    if (found && found[2](event) !== false) event.preventDefault();
  });
}

const same = (one, other) => one === other || (one.length > 1 && one.toLowerCase() === other.toLowerCase());

function pressed(key) {
  const parts = key === "+" ? [key] : key.split("+");
  return parts.flatMap((part, at) => [at ? " " : "", make("kbd", "", part)]);
}

/** A dialog with a button that opens it and one that closes it. */
export function setUpDialog(name) {
  const dialog = byId(name);
  byId(`open-${name}`).addEventListener("click", () => dialog.showModal());
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  return dialog;
}

/** The switch between light, dark and what the system says. */
export function setUpTheme() {
  const themes = ["auto", "light", "dark"];
  let theme = "auto";
  const show = () => {
    byId("theme").textContent = `Theme: ${theme}`;
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  };
  try {
    const kept = localStorage.getItem("setaccio-theme");
    if (themes.includes(kept)) theme = kept;
  } catch {
    // The switch then holds for this visit.
  }
  byId("theme").addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    show();
    try {
      localStorage.setItem("setaccio-theme", theme);
    } catch {
      // As above.
    }
  });
  show();
}
