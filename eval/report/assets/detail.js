// One document: its source with every value marked, and gold against prediction.

let highlight = ""; // the field whose values are marked; empty marks all

/** Show the selected document, or say that there is none. */
function drawDetail() {
  const detail = byId("detail");
  if (!state.shown.length) {
    detail.replaceChildren();
    return;
  }
  const doc = DATA.documents[state.selected];
  const result = doc.arms[state.arm];
  const leaves = leavesOf(doc, state.arm);
  const panes = make("div", "panes", sourcePane(doc, leaves), diffPane(doc, leaves));
  detail.replaceChildren(headLine(doc, result), armStrip(doc), panes, ...rawOutput(result));
  remember(doc);
}

function headLine(doc, result) {
  const head = make("div", "head", make("h3", "", doc.id));
  head.append(make("span", result.status === "ok" ? "badge" : "badge bad", result.status));
  DATA.levels.forEach((level, at) => {
    const good = result.levels[at];
    head.append(make("span", good ? "badge" : "badge bad", `${level} ${good ? "yes" : "no"}`));
  });
  const facts = [`score ${percent(result.score)}`];
  if (result.seconds !== undefined) facts.push(`${result.seconds} s`);
  if (result.message) facts.push(result.message);
  head.append(make("p", "quiet", facts.join(", ")));
  return head;
}

/** One button per arm with its score on this document. */
function armStrip(doc) {
  const strip = make("div", "strip");
  strip.setAttribute("role", "group");
  strip.setAttribute("aria-label", "This document by arm");
  DATA.arms.forEach((name, arm) => {
    const result = doc.arms[arm];
    const button = make(
      "button",
      "",
      make("i", `swatch b-arm${arm % DATA.colours}`),
      `${name} ${result ? percent(result.score) : "none"}`,
    );
    button.type = "button";
    button.disabled = !result;
    button.setAttribute("aria-pressed", String(arm === state.arm));
    button.addEventListener("click", () => chooseArm(arm));
    strip.append(button);
  });
  return strip;
}

function sourcePane(doc, leaves) {
  const choice = make("select", "");
  choice.setAttribute("aria-label", "Field whose values are marked");
  choice.append(new Option("mark all fields", ""));
  for (const field of DATA.fields) choice.append(new Option(`mark ${field}`, field));
  choice.value = highlight;
  choice.addEventListener("change", () => {
    highlight = choice.value;
    drawDetail();
    byId("detail").querySelector(".panes select").focus();
  });
  const source = make("div", "source");
  source.dir = "auto";
  if (!doc.text) {
    source.append(make("p", "quiet", "This run folder does not hold the documents' texts."));
  } else {
    source.append(...markedText(doc.text, leaves));
  }
  return make("div", "", make("h4", "", "Source", choice), source);
}

/** The text in pieces; a piece that values cover is marked as the shortest of them came out. */
function markedText(text, leaves) {
  const marked = leaves.flatMap((leaf, at) =>
    highlight && fieldOf(leaf.path) !== highlight
      ? []
      : leaf.places.map(([start, end]) => ({ leaf, at, start, end })),
  );
  const edges = [...new Set([0, text.length, ...marked.flatMap((one) => [one.start, one.end])])];
  edges.sort((a, b) => a - b);
  return edges.slice(0, -1).map((start, number) => {
    const end = edges[number + 1];
    const piece = text.slice(start, end);
    const over = marked.filter((one) => one.start <= start && one.end >= end);
    if (!over.length) return document.createTextNode(piece);
    const nearest = over.reduce((a, b) => (b.end - b.start < a.end - a.start ? b : a));
    const mark = make("mark", OUTCOMES[nearest.leaf.outcome], piece);
    mark.dataset.leaves = over.map((one) => one.at).join(" ");
    mark.title = over
      .map(({ leaf }) => `${fieldOf(leaf.path)} ${placeOf(leaf.path)}: ${WORDS[leaf.outcome]}`)
      .join("\n");
    mark.addEventListener("mouseenter", () => light(over.map((one) => one.at)));
    mark.addEventListener("mouseleave", () => light([]));
    mark.addEventListener("click", () => byId(`leaf-${nearest.at}`).focus());
    return mark;
  });
}

/** Bring out some leaves, in the source and in the diff. */
function light(chosen) {
  const wanted = new Set(chosen.map(String));
  for (const mark of document.querySelectorAll(".source mark")) {
    mark.classList.toggle("lit", mark.dataset.leaves.split(" ").some((at) => wanted.has(at)));
  }
  for (const row of document.querySelectorAll("tr.leaf")) {
    row.classList.toggle("lit", wanted.has(row.id.slice("leaf-".length)));
  }
}

function diffPane(doc, leaves) {
  const sure = leaves.some((leaf) => leaf.found.some((one) => one.sure >= 0));
  const table = make("table", "diff");
  const columns = ["sign", "place", "gold", "guess", ...(sure ? ["sure"] : [])];
  table.append(make("colgroup", "", ...columns.map((name) => make("col", name))));
  const titles = ["", "", "gold", "prediction", ...(sure ? ["sure"] : [])];
  const heads = titles.map((title) => {
    const cell = make("th", "", title);
    cell.scope = "col";
    return cell;
  });
  table.append(make("thead", "", make("tr", "", ...heads)));
  const groups = new Map();
  leaves.forEach((leaf, at) => {
    const field = fieldOf(leaf.path);
    if (!groups.has(field)) groups.set(field, []);
    groups.get(field).push(leafRow(leaf, at, sure));
  });
  for (const [field, rows] of groups) {
    const counts = tally(doc, state.arm, field);
    const words = counts.flatMap((count, kind) => (count ? [`${count} ${WORDS[kind]}`] : []));
    const title = make("th", "field", `${field || "(value)"} `, make("span", "quiet", words.join(", ")));
    title.colSpan = columns.length;
    title.scope = "rowgroup";
    table.append(make("tbody", "", make("tr", "", title), ...rows));
  }
  if (!leaves.length) return make("div", "", make("h4", "", "No value came out, and none was wanted."));
  return make("div", "", make("h4", "", "Gold against prediction"), table);
}

function leafRow(leaf, at, sure) {
  const sign = make("td", "sign", SIGNS[leaf.outcome]);
  sign.title = WORDS[leaf.outcome];
  sign.setAttribute("aria-label", WORDS[leaf.outcome]);
  const place = make("td", "place", placeOf(leaf.path));
  const others = leaf.found.map((one) => one.path).filter((path) => path !== leaf.path);
  place.title = others.length ? `${leaf.path}, predicted as ${others.join(", ")}` : leaf.path;
  const gold = make("td", "gold");
  const guess = make("td", "guess");
  const texts = [leaf.gold, ...leaf.found.map((one) => one.value)];
  if (WORDS[leaf.outcome] === "wrong" && texts.every((text) => (text || "").startsWith('"'))) {
    const [left, right] = wordDiff(plain(texts[0]), plain(texts[1]));
    gold.append(...left);
    guess.append(...right);
  } else {
    if (leaf.gold !== null) gold.append(valueNode(leaf.gold));
    const values = leaf.found.map((one) => (one.value === null ? "" : valueNode(one.value)));
    guess.append(...(values.length > 1 ? values.map((value) => make("span", "more", value)) : values));
  }
  const row = make("tr", `leaf ${OUTCOMES[leaf.outcome]}`, sign, place, gold, guess);
  if (sure) {
    const least = Math.min(...leaf.found.map((one) => one.sure));
    row.append(make("td", "sure", leaf.found.length && least >= 0 ? percent(least) : ""));
  }
  for (const cell of [gold, guess]) cell.dir = "auto";
  row.id = `leaf-${at}`;
  row.tabIndex = 0;
  row.classList.toggle("found", leaf.places.length > 0);
  row.addEventListener("focus", () => light([at]));
  row.addEventListener("blur", () => light([]));
  row.addEventListener("mouseenter", () => light([at]));
  row.addEventListener("mouseleave", () => light([]));
  row.addEventListener("click", () => showInSource(at));
  row.addEventListener("keydown", (event) => {
    if (event.key === "Enter") showInSource(at);
  });
  return row;
}

/** Scroll the source to a value; marks all fields when its field is not marked. */
function showInSource(at) {
  const find = () =>
    [...document.querySelectorAll(".source mark")].find((mark) =>
      mark.dataset.leaves.split(" ").includes(String(at)),
    );
  if (!find() && highlight) {
    highlight = "";
    drawDetail();
    byId(`leaf-${at}`).focus();
  }
  const mark = find();
  if (mark) mark.scrollIntoView({ block: "nearest" });
  light([at]);
}

/** The output as it came, where it is not simply the prediction. */
function rawOutput(result) {
  if (!result.raw) return [];
  const details = make("details", "", make("summary", "", "Raw output"), make("pre", "", result.raw));
  details.open = !result.levels[0];
  return [details];
}
