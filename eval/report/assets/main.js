// Controls, keys, theme, and the start.

/** Show another arm, in the tools and in the document. */
function chooseArm(arm) {
  state.arm = arm;
  byId("arm").value = arm;
  refresh();
  const pressed = document.querySelector('.strip [aria-pressed="true"]');
  if (document.activeElement === document.body && pressed) pressed.focus({ preventScroll: true });
}

/** Keep document and arm in the address, so that a link leads back to them. */
function remember(doc) {
  const place = new URLSearchParams({ doc: doc.id, arm: String(state.arm) });
  try {
    history.replaceState(null, "", `#${place}`);
  } catch {
    // Some browsers forbid it to files; the page works without.
  }
}

/** Take document and arm from the address, if it names them. */
function recall() {
  const place = new URLSearchParams(location.hash.slice(1));
  const at = DATA.documents.findIndex((doc) => doc.id === place.get("doc"));
  if (at >= 0) state.selected = at;
  const arm = Number(place.get("arm") ?? -1);
  if (at >= 0 && DATA.arms[arm] !== undefined && DATA.documents[at].arms[arm]) state.arm = arm;
  return at >= 0;
}

/** A labelled check box that adds its value to a set. */
function checkBox(value, words, chosen) {
  const box = make("input");
  box.type = "checkbox";
  box.value = value;
  box.addEventListener("change", () => {
    if (box.checked) chosen.add(value);
    else chosen.delete(value);
    refresh();
  });
  return make("label", "", box, words, make("small", ""));
}

function setUpTools() {
  DATA.arms.forEach((name, arm) => byId("arm").append(new Option(name, arm)));
  byId("arm").value = state.arm;
  byId("arm").addEventListener("change", (event) => chooseArm(Number(event.target.value)));
  byId("field").append(new Option("any", ""));
  for (const field of DATA.fields) byId("field").append(new Option(`errors in ${field}`, field));
  byId("field").addEventListener("change", (event) => {
    state.field = event.target.value;
    refresh();
  });
  byId("sort").addEventListener("change", (event) => {
    state.sort = event.target.value;
    refresh();
  });
  let timer = 0;
  byId("search").addEventListener("input", (event) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      state.query = event.target.value.trim().toLowerCase();
      refresh();
    }, 120);
  });
  for (const kind of [...ERRORS, 0]) {
    const words = kind ? ` ${SIGNS[kind]} ${WORDS[kind]}` : " none";
    byId("errors").append(checkBox(kind, words, state.errors));
  }
  for (const status of DATA.statuses) {
    byId("statuses").append(checkBox(status, ` ${status} `, state.statuses));
  }
  byId("tools").addEventListener("submit", (event) => event.preventDefault());
  byId("tools").addEventListener("reset", (event) => {
    event.preventDefault();
    for (const box of byId("tools").querySelectorAll("input[type=checkbox]")) box.checked = false;
    for (const id of ["search", "field"]) byId(id).value = "";
    byId("sort").value = "order";
    state.errors.clear();
    state.statuses.clear();
    Object.assign(state, { field: "", query: "", sort: "order" });
    refresh();
  });
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest?.("input[type=search], select, textarea");
  if (event.key === "Escape" && typing) {
    byId("list").focus();
    return;
  }
  if (typing) return;
  const inList = document.activeElement === byId("list");
  const page = Math.max(1, Math.floor(byId("list").clientHeight / ROW) - 1);
  const steps = { j: 1, k: -1 };
  if (inList) {
    const many = DATA.documents.length;
    Object.assign(steps, { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, End: many, Home: -many });
  }
  if (event.key in steps) {
    step(steps[event.key]);
    if (!inList) {
      byId("list").focus({ preventScroll: true });
      byId("browser").scrollIntoView({ block: "nearest" });
    }
  } else if (event.key === "/") {
    byId("search").focus();
  } else if (/^[1-9]$/.test(event.key) && Number(event.key) <= DATA.arms.length) {
    chooseArm(Number(event.key) - 1);
  } else {
    return;
  }
  event.preventDefault();
}

function setUpTheme() {
  const themes = ["auto", "light", "dark"];
  const button = byId("theme");
  const show = (theme) => {
    button.textContent = `Theme: ${theme}`;
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  };
  let theme = "auto";
  try {
    theme = themes.includes(localStorage.getItem("setaccio-theme")) ? localStorage.getItem("setaccio-theme") : theme;
  } catch {
    // Some browsers keep nothing for files; the button then holds for this visit.
  }
  button.addEventListener("click", () => {
    theme = themes[(themes.indexOf(theme) + 1) % themes.length];
    show(theme);
    try {
      localStorage.setItem("setaccio-theme", theme);
    } catch {
      // As above.
    }
  });
  show(theme);
  button.hidden = false;
}

setUpTheme();
if (DATA.documents.length) {
  const named = recall();
  setUpTools();
  byId("tools").hidden = false;
  byId("browser").hidden = false;
  let waiting = false;
  byId("list").addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      drawRows();
    });
  });
  addEventListener("resize", drawRows);
  document.addEventListener("keydown", onKey);
  refresh();
  if (named) byId("documents").scrollIntoView();
}
