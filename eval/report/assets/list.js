// The list of documents: which ones are shown, and only as many rows as fit on the screen.

const ROW = 48;
const SPARE = 6;
const state = {
  arm: DATA.start,
  statuses: new Set(),
  errors: new Set(),
  field: "",
  query: "",
  sort: "order",
  shown: [],
  selected: 0,
};
const haystacks = new Map();

/** All text of a document that the search looks at, in lower case. */
function haystack(at) {
  const key = at * DATA.arms.length + state.arm;
  if (!haystacks.has(key)) {
    const doc = DATA.documents[at];
    const leaves = leavesOf(doc, state.arm);
    const values = leaves.flatMap((leaf) => [leaf.gold, ...leaf.found.map((one) => one.value)]);
    const words = values.filter((value) => value !== null).map(plain);
    const raw = (doc.arms[state.arm] || {}).raw || "";
    haystacks.set(key, [doc.id, doc.text || "", raw, ...words].join("\n").toLowerCase());
  }
  return haystacks.get(key);
}

/** Whether a document passes status, error kind, field and search. */
function passes(doc, at) {
  const result = doc.arms[state.arm];
  if (!result) return false;
  if (state.statuses.size && !state.statuses.has(result.status)) return false;
  if (state.errors.size || state.field) {
    const counts = tally(doc, state.arm, state.field);
    const kinds = ERRORS.filter((kind) => counts[kind] > 0);
    if (!state.errors.size && !kinds.length) return false;
    if (state.errors.size) {
      const clean = state.errors.has(0) && !kinds.length && counts[0] > 0;
      if (!clean && !kinds.some((kind) => state.errors.has(kind))) return false;
    }
  }
  return !state.query || haystack(at).includes(state.query);
}

/** Choose and order the documents, keep the selection where it still is among them. */
function refresh() {
  const score = (at) => DATA.documents[at].arms[state.arm].score;
  state.shown = DATA.documents.flatMap((doc, at) => (passes(doc, at) ? [at] : []));
  if (state.sort !== "order") {
    const sign = state.sort === "worst" ? 1 : -1;
    state.shown.sort((one, other) => sign * (score(one) - score(other)) || one - other);
  }
  const total = DATA.documents.length;
  byId("count").textContent =
    state.shown.length === total ? `${total} documents` : `${state.shown.length} of ${total} documents`;
  byId("rows").style.height = `${state.shown.length * ROW}px`;
  countStatuses();
  if (!state.shown.includes(state.selected) && state.shown.length) select(state.shown[0]);
  else select(state.selected);
}

/** Beside each status, how many documents of this arm have it. */
function countStatuses() {
  const counts = new Map();
  for (const doc of DATA.documents) {
    const result = doc.arms[state.arm];
    if (result) counts.set(result.status, (counts.get(result.status) || 0) + 1);
  }
  for (const box of byId("statuses").querySelectorAll("input")) {
    const count = counts.get(box.value) || 0;
    box.parentElement.lastElementChild.textContent = count;
    box.parentElement.hidden = !count && !box.checked;
  }
}

/** Draw the rows that can be seen. */
function drawRows() {
  const list = byId("list");
  const first = Math.max(0, Math.floor(list.scrollTop / ROW) - SPARE);
  const last = Math.ceil((list.scrollTop + list.clientHeight) / ROW) + SPARE;
  const rows = state.shown.slice(first, last).map((at, place) => makeRow(at, first + place));
  if (!rows.length) rows.push(make("p", "none", "No document passes these filters."));
  byId("rows").replaceChildren(...rows);
  const active = byId(`row-${state.selected}`);
  if (active) list.setAttribute("aria-activedescendant", active.id);
  else list.removeAttribute("aria-activedescendant");
}

function makeRow(at, place) {
  const doc = DATA.documents[at];
  const counts = tally(doc, state.arm, "");
  const signs = ERRORS.filter((kind) => counts[kind]).map((kind) => `${SIGNS[kind]}${counts[kind]}`);
  const result = doc.arms[state.arm];
  const row = make(
    "div",
    "row",
    make("div", "", make("b", "", doc.id), make("span", "", percent(result.score))),
    make(
      "div",
      "",
      make("i", "", result.status === "ok" ? (doc.text || "").trim().slice(0, 80) : result.status),
      make("span", "tally", signs.join(" ")),
    ),
  );
  row.id = `row-${at}`;
  row.setAttribute("role", "option");
  row.setAttribute("aria-selected", String(at === state.selected));
  row.setAttribute("aria-setsize", state.shown.length);
  row.setAttribute("aria-posinset", place + 1);
  row.style.top = `${place * ROW}px`;
  row.addEventListener("click", () => select(at));
  return row;
}

/** Show a document and bring its row into view. */
function select(at) {
  state.selected = at;
  const list = byId("list");
  const top = state.shown.indexOf(at) * ROW;
  if (top >= 0 && top < list.scrollTop) list.scrollTop = top;
  else if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
  drawRows();
  drawDetail();
}

/** Select the document so many places further on. */
function step(by) {
  const place = state.shown.indexOf(state.selected) + by;
  if (state.shown.length) {
    select(state.shown[Math.max(0, Math.min(place, state.shown.length - 1))]);
  }
}
