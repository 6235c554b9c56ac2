"""What is said while many documents are worked on: failed ones, how far it is, how it ended."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from setaccio.cli.terminal.console import GREATEST_WARNINGS, fail, tell, tell_step, warn
from setaccio.cli.terminal.exits import INTERRUPTED, SOME_FAILED

if TYPE_CHECKING:
    from setaccio.cli.terminal.meter import Meter
    from setaccio.runtime.batch.journal import Journal


def check_out(
    out: Path, inputs: Sequence[str], what: str, *, resume: bool, overwrite: bool
) -> None:
    """Refuse a file of results that can not be meant.

    Args:
        out: the file.
        inputs: what is read, from :func:`setaccio.runtime.batch.sources.find_sources`.
        what: what is written.
        resume: whether to go on with it.
        overwrite: whether to replace it.

    Raises:
        UsageError: it is one of the inputs, or both are asked for.
    """
    from setaccio.data.errors import UsageError
    from setaccio.runtime.batch.sources import is_source

    if resume and overwrite:
        raise UsageError("--resume and --overwrite exclude each other. Give one of them.")
    if is_source(out, inputs):
        raise UsageError(f"{out}: is one of the inputs. Name another file for the {what}.")


def say_resumed(journal: Journal, run: str) -> None:
    """Say what an earlier run left in the file.

    Args:
        journal: of this run.
        run: from :func:`setaccio.runtime.batch.journal.fingerprint`.
    """
    from setaccio.runtime.batch.journal import RUN_DIGITS

    if journal.repaired:
        tell(f"{journal.path}: the last line was torn; it is cut off and done again.")
    others = journal.kept - journal.runs.get(run[:RUN_DIGITS], 0)
    if others:
        warn(
            f"{journal.path}: {others} rows were made with another model, task or options. They "
            "are kept, and their documents are done again with these."
        )


def note_row(identifier: str, status: str, message: str, meter: Meter) -> None:
    """Name a document that failed, and count it.

    Args:
        identifier: id of the document.
        status: of its row.
        message: likewise.
        meter: what counts.
    """
    if status != "ok" and meter.failed < GREATEST_WARNINGS:
        meter.clear()
        # A problem of the source already begins with its name.
        what = message if message.startswith(identifier) else f"{identifier}: {message}"
        tell(what, label=status, style="yellow")
    meter.count(failed=status != "ok")


@contextmanager
def clean_end(journal: Journal, meter: Meter, again: str) -> Iterator[None]:
    """Let a run end cleanly: rows that are written stand, and the message says how to go on.

    Args:
        journal: of this run.
        meter: what shows the progress.
        again: the flag that goes on.

    Raises:
        typer.Exit: it was interrupted, or a row could not be written.
    """
    # Nothing can be resumed from what went into a pipe or a device.
    file = journal.path if journal.path and journal.path.is_file() else None
    kept = f"kept in {file}; {again} does the rest" if file else "written"
    try:
        yield
    except KeyboardInterrupt:
        meter.clear()
        tell(f"Interrupted: {journal.written} documents are done and {kept}.")
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        meter.clear()
        fail(
            f"{error.filename}: {error.strerror}. {journal.written} documents are done and {kept}."
        )
        raise typer.Exit(SOME_FAILED) from error


def sum_up(journal: Journal, meter: Meter, skipped: int, *, retried: bool) -> None:
    """Say how many documents came out, and what is left to be done.

    Args:
        journal: of this run.
        meter: what counted.
        skipped: documents that had a row before.
        retried: whether failed ones were done once more.
    """
    from setaccio.cli.terminal.meter import duration

    if meter.done > 1 or meter.failed or skipped:
        good = meter.done - meter.failed
        said = f"{good} of {meter.done} documents ok in {duration(meter.seconds)}."
        if skipped:
            said += f" {skipped} were done before."
        if meter.failed > GREATEST_WARNINGS:
            said += f" Failed ones are named by their status (first {GREATEST_WARNINGS} above)."
        tell_step(said)
    if journal.failed and retried:
        tell(f"{journal.failed} documents that failed before are not named here; their rows stay.")
    elif journal.failed:
        tell(f"{journal.failed} documents failed before; --retry-failed does them once more.")
