"""``setaccio review``: rows of results before a person, and what they say of them as pairs."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from setaccio.cli.choices.tasks import choose_task
from setaccio.cli.terminal.console import need_serve, tell_step, warn, warn_of
from setaccio.cli.terminal.exits import INTERRUPTED

if TYPE_CHECKING:
    from setaccio.data.records import Problem
    from setaccio.data.task.task import Task
    from setaccio.runtime.server.review.rows import ReviewRows

EXAMPLE = "setaccio review results.jsonl --texts notes/ --out corrections.jsonl"
PORT = 8472
HOST = "127.0.0.1"


def review_verb(
    results: Annotated[
        Path,
        typer.Argument(metavar="RESULTS", help="Rows of setaccio extract, or labelled pairs."),
    ],
    texts: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE|FOLDER",
            help="What was extracted from, where rows do not hold their texts. Repeatable.",
        ),
    ] = None,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="Read --texts as JSON Lines.")] = False,
    task: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="The task; default: a bundled one of that name."),
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A bare JSON Schema instead of a task.")
    ] = None,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE", help="Pairs are appended to this file."),
    ] = Path("corrections.jsonl"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = PORT,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only say where the page is.")
    ] = False,
) -> None:
    """Go over extracted rows on a page of this machine: accept, correct or skip, riskiest first.

    What is said of a row is on the disk before the next one is shown, as a pair that train takes.
    The same command goes on where it ended. Finish on the page or Ctrl-C ends it.
    """
    from setaccio.data.errors import DataError, UsageError
    from setaccio.runtime.batch.sources import is_source

    need_serve()
    chosen = choose_task(task, schema)
    if is_source(out, [str(results), *(texts or [])]):
        raise UsageError(f"{out}: is what is reviewed. Name another file with --out.")
    with _read(results, texts or [], chosen, jsonl=jsonl) as rows:
        chosen = chosen or _task_of(rows)
        if not rows.places:
            raise DataError(f"{results}: no row can be reviewed: {_left_out(rows)}.")
        interrupted = _serve(rows, chosen, out, port, no_browser=no_browser)
    if interrupted:
        raise typer.Exit(INTERRUPTED)


def _serve(rows: ReviewRows, task: Task, out: Path, port: int, *, no_browser: bool) -> bool:
    """Show the page until it is ended; whether Ctrl-C did it."""
    from setaccio.runtime.server.http.serving import address_of, listen, run_server
    from setaccio.runtime.server.review.review_app import ReviewTurns, create_review_app
    from setaccio.runtime.server.review.verdicts import VERDICTS, Verdicts

    with Verdicts(out) as verdicts, listen(HOST, port) as listening:
        turns = ReviewTurns(rows, verdicts)
        app = create_review_app(turns, task)
        url = f"{address_of(listening)}/"
        interrupted = run_server(app, listening, lambda: _begin(url, no_browser))
        counts = turns.state()["counts"]
    said = ", ".join(f"{counts.get(kind, 0)} {kind}" for kind in VERDICTS)
    left = len(rows.places) - sum(counts.values())
    tell_step(f"{said}, {left} not looked at. Pairs are in {out}.")
    return interrupted


def _read(results: Path, names: list[str], task: Task | None, *, jsonl: bool) -> ReviewRows:
    """The rows with their texts; what can not be reviewed is said."""
    from setaccio.data.errors import UsageError
    from setaccio.runtime.batch.sources import find_sources, read_sources
    from setaccio.runtime.server.review.rows import ReviewRows, read_texts

    if not results.is_file():
        what = "is a folder" if results.is_dir() else "no such file"
        raise UsageError(f"{results}: {what}. Give what setaccio extract wrote.")
    problems: list[Problem] = []
    found = find_sources(names, jsonl) if names else []
    texts = read_texts(read_sources(found, jsonl), problems)
    rows = ReviewRows(results, texts, task.name if task else None)
    warn_of([*problems, *rows.problems])
    if rows.places and rows.left_out:
        warn(f"{results}: left out: {_left_out(rows)}.")
    return rows


def _left_out(rows: ReviewRows) -> str:
    from setaccio.runtime.server.review.rows import NO_TEXT

    said = ", ".join(f"{count} rows are {reason}" for reason, count in rows.left_out.items())
    hint = ". Name with --texts what was extracted from"
    return said + (hint if NO_TEXT in rows.left_out else "")


def _task_of(rows: ReviewRows) -> Task:
    """The bundled task that the rows name."""
    from setaccio.data.errors import TaskError, UsageError
    from setaccio.data.task.task import load_task

    try:
        if Path(rows.task).name == rows.task and not Path(rows.task).exists():
            return load_task(rows.task)
    except TaskError:
        pass
    named = f"are of the task {rows.task!r}" if rows.task else "do not say of which task they are"
    raise UsageError(f"{rows.path}: its rows {named}. Name its file with --task or --schema.")


def _begin(url: str, no_browser: bool) -> None:
    tell_step(f"Review at {url} (Finish there, or Ctrl-C here, ends it).")
    shown = sys.platform in ("darwin", "win32") or {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ)
    if shown and not no_browser:  # elsewhere it might be a browser in this very terminal
        import webbrowser

        threading.Thread(target=webbrowser.open, args=[url], daemon=True).start()
