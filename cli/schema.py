"""``setaccio schema``: what a schema leaves open before it is used, and one made from examples."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from setaccio.cli.terminal.console import error_console, fail, tell_step, write_line
from setaccio.cli.terminal.exits import BROKEN_TASK
from setaccio.cli.terminal.tables import print_list
from setaccio.cli.terminal.targets import check_targets

CHECK_EXAMPLE = "setaccio schema check invoice.schema.json"
INFER_EXAMPLE = "setaccio schema infer pairs.jsonl --out task.yaml"


def schema_verb(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE|NAME", help="A JSON Schema, a task file, or the name of a bundled task."
        ),
    ],
) -> None:
    """List what a schema leaves open: one row per place, and nothing when there is nothing to say.

    Keywords that the constraint does not enforce, required fields that can not be null, and
    arrays, strings and objects without bounds. Notes alone are no failure: the exit code is 3 only
    for a schema that extraction would refuse.
    """
    from setaccio.data.schema.notes import check_notes
    from setaccio.data.task.task import load_schema

    schema = load_schema(file)
    notes = check_notes(schema, file)
    refused = _refusal(schema)
    if notes:
        rows = [(note.pointer, note.kind, note.keyword, note.message) for note in notes]
        print_list(("where", "what", "keyword", "note"), rows)
    if refused:
        fail(f"{file}: {refused}")
        raise typer.Exit(BROKEN_TASK)
    count = f"{len(notes)} notes" if notes else "nothing to note"
    tell_step(f"{file}: can be enforced; {count}.")


def infer_verb(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="JSON Lines of pairs with gold, or of bare objects."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FILE", help="Write here: a task (.yaml) or a schema (.json)."
        ),
    ] = None,
    support: Annotated[
        int,
        typer.Option(
            "--enum-support",
            min=0,
            help="Examples that each value of an enumeration must be in; 0: no enumerations.",
        ),
    ] = 5,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an --out that is there already.")
    ] = False,
) -> None:
    """Make a JSON Schema that all examples fit, and say what it is unsure of, with counts.

    The schema goes to --out, or to standard output; the list of doubts to standard error. Look
    through it: examples can not say what never came.
    """
    import json

    from setaccio.data.errors import UsageError
    from setaccio.data.files.atomic import atomic_write
    from setaccio.data.readers.examples import read_examples
    from setaccio.data.schema.infer import infer_schema
    from setaccio.data.schema.notes import WHOLE
    from setaccio.data.task.task import Task
    from setaccio.data.task.task_file import write_task_file
    from setaccio.runtime.grammar.constraint import check_enforceable

    kind = out.suffix.lower() if out else ".json"
    if kind not in (".json", ".yaml", ".yml"):
        raise UsageError(f"{out}: is it a task or a schema? Name it .yaml or .json.")
    check_targets([out], [file], overwrite=overwrite)
    schema, doubts = infer_schema(read_examples(file), support=support)
    check_enforceable(schema)
    text = json.dumps(schema, indent=2, ensure_ascii=False)
    if out is None:
        write_line(text)
    elif kind == ".json":
        with atomic_write(out) as stream:
            stream.write(f"{text}\n")
    else:
        task = Task.from_schema({"title": out.stem, **schema})
        write_task_file(out, {"name": task.name, "instruction": task.instruction, "schema": schema})
    rows = [(doubt.pointer or WHOLE, doubt.kind, doubt.said) for doubt in doubts]
    if rows:
        print_list(("where", "what", "counts"), rows, error_console())
    tell_step(f"{out or 'The schema'}: all examples of {file} fit; {len(rows)} things to look at.")


def _refusal(schema: dict[str, Any]) -> str:
    """Why extraction would refuse the schema; empty where it would not."""
    from setaccio.data.errors import SchemaError
    from setaccio.data.schema.dialects import without_nullable
    from setaccio.data.schema.envelopes import read_given
    from setaccio.runtime.grammar.constraint import check_enforceable

    try:
        check_enforceable(without_nullable(read_given(schema).schema))
    except SchemaError as error:
        return str(error).removeprefix("schema: ")
    return ""
