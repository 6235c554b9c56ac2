// What is asked for: a task with its adapter, or a JSON Schema of the reader's own.

import { byId } from "./dom.js";
import { parseExact, whyNotJson, writeJson } from "./json.js";

const OWN = "\u0000own"; // no task has such a name
const EXAMPLE = {
  type: "object",
  properties: { title: { type: "string" }, people: { type: "array", items: { type: "string" } } },
  required: ["title", "people"],
  additionalProperties: false,
};

export class Choice {
  constructor() {
    this.tasks = [];
    this.own = writeJson(EXAMPLE);
    byId("task").addEventListener("change", () => this.draw());
    byId("schema").addEventListener("input", () => {
      this.own = byId("schema").value;
      this.complain("");
    });
    byId("own-schema").addEventListener("click", () => {
      this.own = byId("schema").value;
      byId("ask").value = byId("instruction").textContent;
      byId("task").value = OWN;
      this.draw();
      byId("schema").focus();
    });
  }

  /** Offer what the server has. */
  offer(tasks, models) {
    const before = this.tasks.length ? byId("task").value : "";
    this.tasks = tasks;
    const options = tasks.map(({ name }) => new Option(name, name));
    byId("task").replaceChildren(...options, new Option("JSON Schema of your own", OWN));
    const names = new Set([...models, ...tasks.map(({ adapter }) => adapter).filter(Boolean)]);
    byId("adapter").replaceChildren(
      new Option("as the task needs", ""),
      ...[...names].map((name) => new Option(name, name)),
    );
    for (const id of ["adapter", "adapter-label"]) byId(id).hidden = names.size < 2;
    if ([...byId("task").options].some(({ value }) => value === before)) byId("task").value = before;
    this.draw();
  }

  get task() {
    return this.tasks.find(({ name }) => name === byId("task").value);
  }

  draw() {
    const { task } = this;
    byId("instruction").textContent = task?.instruction ?? "";
    byId("schema").readOnly = Boolean(task);
    byId("schema").value = task ? writeJson(task.schema) : this.own;
    byId("own-schema").hidden = !task;
    byId("ask").hidden = Boolean(task);
    if (!task) byId("schema-box").open = true;
    this.complain("");
  }

  /** What to send: {task | schema, instruction, adapter}; null where the schema is no JSON, which is said. */
  asked() {
    const asked = this.task ? { task: this.task.name } : {};
    if (!this.task) {
      const wrong = whyNotJson(this.own);
      if (wrong) {
        this.complain(`The schema is no JSON: ${wrong}.`);
        return null;
      }
      asked.schema = parseExact(this.own);
      const instruction = byId("ask").value.trim();
      if (instruction) asked.instruction = instruction;
    }
    const adapter = byId("adapter").value;
    return adapter ? { ...asked, adapter } : asked;
  }

  /** The schema of what {@link asked} gave. */
  schemaOf(asked) {
    return asked.schema ?? this.tasks.find(({ name }) => name === asked.task)?.schema ?? {};
  }

  /** Choose again what was asked for before. */
  restore(asked) {
    byId("task").value = asked.task ?? OWN;
    if (asked.schema !== undefined) this.own = writeJson(asked.schema);
    byId("ask").value = asked.instruction ?? "";
    byId("adapter").value = asked.adapter ?? "";
    this.draw();
  }

  /** Say what is wrong with the schema, with its keywords and places. */
  complain(words) {
    byId("schema-error").textContent = words;
    byId("schema-error").hidden = !words;
    byId("schema").setAttribute("aria-invalid", Boolean(words));
    if (!words) return;
    byId("schema-box").open = true;
    if (!this.task) byId("schema").focus();
  }
}

export const nameOf = (asked) => asked.task ?? "own schema";
