"""``setaccio schema check``: what a schema leaves open, before anything is extracted with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from setaccio.cli.terminal.console import fail, output_console, tell_step
from setaccio.cli.terminal.exits import BROKEN_TASK

if TYPE_CHECKING:
    from setaccio.data.schema.notes import Note

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
        _show(notes)
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


def _show(notes: list[Note]) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("where", "what", "keyword", "note"):
        table.add_column(heading, overflow="fold")
    for note in notes:
        table.add_row(escape(note.pointer), note.kind, escape(note.keyword), note.message)
    output_console().print(table)
