"""``setaccio schema check``: what a schema leaves open, before anything is extracted with it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from setaccio.cli.terminal.console import fail, tell_step
from setaccio.cli.terminal.exits import BROKEN_TASK
from setaccio.cli.terminal.tables import print_list

CHECK_EXAMPLE = "setaccio schema check invoice.schema.json"


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
