// JSON as text: numbers keep their digits, half an answer can be read, and a schema says what fits.

export const KINDS = ["string", "integer", "number", "boolean", "null", "object", "array"];
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

const TOKEN =
  /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"|[{}[\],:]|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;

/** A number whose digits a double does not hold keeps them, where the browser can do it. */
function exact(key, value, context) {
  const source = typeof value === "number" && context?.source;
  return source && String(value) !== source && JSON.rawJSON ? JSON.rawJSON(source) : value;
}

export const parseExact = (text) => JSON.parse(text, exact);
export const writeJson = (value) => JSON.stringify(value, null, 2);

/** What a value is: string, number, boolean, null, object or array. */
export function kindOf(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return JSON.isRawJSON?.(value) ? "number" : typeof value;
}

/** A number as JSON, or undefined where the text is none. */
export function toNumber(text, whole) {
  const plain = text.trim();
  if (!NUMBER.test(plain) || (whole && !Number.isInteger(Number(plain)))) return undefined;
  return parseExact(plain);
}

/** What the beginning of a JSON text says already; undefined where that is nothing. */
export function parsePartial(text) {
  const open = [];
  let good = 0; // up to here it is complete, but for brackets
  let string = false;
  let key = false;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (string) {
      if (sign === "\\") {
        const long = text[at + 1] === "u" ? 6 : 2;
        if (at + long > text.length) {
          text = text.slice(0, at);
          break;
        }
        at += long - 1;
      } else if (sign === '"') {
        string = false;
        if (!key) good = at + 1;
      }
    } else if (sign === '"') {
      string = true;
    } else if (sign === "{" || sign === "[") {
      open.push(sign === "{" ? "}" : "]");
      key = sign === "{";
      good = at + 1;
    } else if (sign === "}" || sign === "]") {
      open.pop();
      key = false;
      good = at + 1;
    } else if (sign === ",") {
      key = open.at(-1) === "}";
      good = at;
    } else if (sign === ":") {
      key = false;
    }
  }
  const ends = open.reverse().join("");
  const tries = string && !key ? [`${text}"${ends}`] : [text + ends, text.slice(0, good) + ends];
  for (const one of tries) {
    try {
      return parseExact(one);
    } catch {
      // Cut in the midst of a number, a word or a name.
    }
  }
  return undefined;
}

/** Where a JSON text is wrong, in words, or null. Browsers tell no place, or each in words of its own. */
export function whyNotJson(text) {
  const open = [];
  let want = "value";
  TOKEN.lastIndex = 0;
  for (;;) {
    const start = TOKEN.lastIndex + /^\s*/.exec(text.slice(TOKEN.lastIndex))[0].length;
    if (start === text.length) return want === "more" && !open.length ? null : place(text, start, "it ends too early");
    TOKEN.lastIndex = start;
    const sign = TOKEN.exec(text)?.[0] ?? "";
    const closes = open.length && sign === (open.at(-1) === "{" ? "}" : "]");
    if (want.startsWith("value") && (sign === "{" || sign === "[")) {
      open.push(sign);
      want = sign === "{" ? "name or end" : "value or end";
    } else if (closes && (want === "more" || want.endsWith("end"))) {
      open.pop();
      want = "more";
    } else if (want.startsWith("value") && /^["\-\dtfn]/.test(sign)) want = "more";
    else if (want.startsWith("name") && sign[0] === '"') want = "colon";
    else if (want === "colon" && sign === ":") want = "value";
    else if (want === "more" && sign === "," && open.length) want = open.at(-1) === "{" ? "name" : "value";
    else return place(text, start, `unexpected ${text.slice(start, start + 12).split("\n")[0]}`);
  }
}

function place(text, at, words) {
  const lines = text.slice(0, at).split("\n");
  return `${words}, at line ${lines.length}, column ${lines.at(-1).length + 1}`;
}

/** The plain schemas that a value may follow: references led home, choices side by side. */
export function alternatives(root, schema, seen = []) {
  if (schema === undefined || schema === true) return [{}];
  if (typeof schema !== "object" || schema === null || seen.includes(schema)) return [];
  const deeper = [...seen, schema];
  if (typeof schema.$ref === "string") return alternatives(root, lookUp(root, schema.$ref), deeper);
  const several = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (!Array.isArray(several)) return [schema];
  const { anyOf, oneOf, allOf, ...rest } = schema;
  return several.flatMap((one) => alternatives(root, one, deeper)).map((one) => ({ ...rest, ...one }));
}

function lookUp(root, reference) {
  if (!reference.startsWith("#")) return undefined;
  let found = root;
  for (const part of decodeURIComponent(reference.slice(1)).split("/").slice(1)) {
    found = found?.[part.replaceAll("~1", "/").replaceAll("~0", "~")];
  }
  return found;
}

/** The schemas of a key or an index below a value that may follow some schemas. */
export function below(root, choices, key) {
  const found = choices.flatMap((one) => {
    if (typeof key === "number") return [one.prefixItems?.[key] ?? one.items];
    return [one.properties?.[key] ?? one.additionalProperties];
  });
  const said = found.filter((one) => one !== undefined && typeof one !== "boolean");
  return said.length ? said.flatMap((one) => alternatives(root, one)) : [{}];
}

/** The kinds that some schemas allow. */
export function kindsOf(choices) {
  const kinds = choices.flatMap((one) => {
    if (one.enum || "const" in one) return (one.enum ?? [one.const]).map(kindOf);
    return one.type ?? KINDS;
  });
  return KINDS.filter((kind) => kinds.includes(kind));
}

/** The only values that some schemas allow, or null. */
export function optionsOf(choices) {
  const lists = choices.map((one) => {
    if (one.enum || "const" in one) return one.enum ?? [one.const];
    return one.type === "null" ? [null] : undefined;
  });
  const known = lists.length && lists.every(Boolean) && choices.some((one) => one.type !== "null");
  return known ? [...new Map(lists.flat().map((one) => [JSON.stringify(one), one])).values()] : null;
}

/** An empty value to begin with. */
export function blank(root, choices) {
  const [first] = optionsOf(choices) ?? [];
  if (first !== undefined) return first;
  const [kind] = kindsOf(choices);
  const plain = { string: "", integer: 0, number: 0, boolean: false, array: [] };
  if (kind !== "object") return plain[kind] ?? null;
  const one = choices.find((choice) => choice.properties) ?? {};
  const names = Object.keys(one.properties ?? {}).filter((name) => one.required?.includes(name));
  return Object.fromEntries(names.map((name) => [name, blank(root, below(root, [one], name))]));
}
