// Files: what is opened or dropped becomes documents {id, text}, one after another.

import { postFile } from "./api.js";

const MOST = 10_000_000; // bytes; the server's own limit of a request

// What the server reads; plain text is read here.
const OTHER = /\.(pdf|docx?|odt|rtf|xlsx?|pptx?|x?html?|mht(ml)?|eml|msg|epub|png|jpe?g|gif|tiff?|webp|zip|gz)$/i;

/** The documents of some files, and what is wrong with the others in words. */
export async function readFiles(files) {
  const documents = [];
  const troubles = [];
  for (const file of files) {
    try {
      const found = await readFile(file);
      documents.push(...found.documents.map(placed));
      troubles.push(...found.problems);
      for (const { id, note } of found.documents) if (note) troubles.push(`${id}: ${note}`);
    } catch (error) {
      troubles.push(`${file.name}: ${error.message}`);
    }
  }
  return { documents, troubles };
}

/** A document of a file; where it holds places, they are right for as long as its text stays. */
function placed({ id, text, note, places }) {
  const small = JSON.stringify(places ?? "").length + 2 * text.length < MOST;
  return places && small ? { id, text, read: { id, text, note, places } } : { id, text };
}

async function readFile(file) {
  if (file.size > MOST) throw new Error(`is larger than ${MOST / 1e6} MB.`);
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (OTHER.test(file.name) || bytes.subarray(0, 4096).includes(0)) {
    return postFile(`texts?name=${encodeURIComponent(file.name)}`, bytes);
  }
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error("is not UTF-8. Save it as UTF-8 text and open it again.");
  }
  if (!/\.(jsonl|ndjson)$/i.test(file.name)) {
    return { documents: [{ id: file.name, text }], problems: [] };
  }
  const lines = text.split(/\r?\n/).flatMap((line, number) => (line.trim() ? [[line, number]] : []));
  const rows = lines.map(([line, number]) => rowOf(line, number + 1));
  if (!rows.length) throw new Error("has no lines.");
  const idOf = (row, number) => String(row.id ?? `${file.name}:${number + 1}`);
  return { documents: rows.map((row, number) => ({ id: idOf(row, number), text: row.text })), problems: [] };
}

function rowOf(line, number) {
  let row;
  try {
    row = JSON.parse(line);
  } catch {
    throw new Error(`line ${number} is not JSON.`);
  }
  if (typeof row?.text !== "string") throw new Error(`line ${number} has no "text".`);
  return row;
}

/** Save a text under a name, through the browser's own download. */
export function download(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** Put a text on the clipboard, also where the page is not at home or under https. */
export async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const box = document.createElement("textarea");
  box.value = text;
  document.body.append(box);
  box.select();
  const done = document.execCommand("copy");
  box.remove();
  if (!done) throw new Error("The browser does not let the page copy.");
  return undefined;
}
