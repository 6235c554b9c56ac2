"""``setaccio extract``: texts in, JSON Lines out, one line per document whatever happens to it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from setaccio.cli.console import step, tell, warn, write_line
from setaccio.cli.exits import INTERRUPTED, SOME_FAILED

if TYPE_CHECKING:
    from setaccio.cli.meter import Meter
    from setaccio.data.records import Document, Problem
    from setaccio.runtime import Extraction, Extractor

EXAMPLE = "setaccio extract notes/ --model my-q8_0.gguf --out results.jsonl"
GREATEST_WARNINGS = 10
"""Failed documents that are named on standard error; the results name all."""


def extract(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|FOLDER|-]...",
            help="Text files, folders of .txt and .md files, .jsonl files of {id, text}, or - for "
            "standard input. A .gguf in the first place is taken as the model.",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", metavar="GGUF", help="The model; default: the bundled one."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE", help="What to extract; default: the task that the GGUF carries."
        ),
    ] = None,
    schema: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A bare JSON Schema instead of a task."),
    ] = None,
    constraint: Annotated[
        Literal["schema", "none"],
        typer.Option(help="schema: every answer fits the schema. none: decode freely."),
    ] = "schema",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write here, not to stdout.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing --out file.")
    ] = False,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Read every source as JSON Lines, stdin too.")
    ] = False,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Most tokens of an answer; default: by its document.")
    ] = None,
    context: Annotated[
        int | None, typer.Option(min=1, help="Tokens of context; default: the model's, up to 4096.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads; default: one per physical core.")
    ] = None,
) -> None:
    """Extract JSON from texts: one line of JSON per document, with its status.

    A document that can not be read or does not fit gets a line with its status and a message, and
    the others still come out; the exit code is then 1.
    """
    from setaccio.cli.meter import Meter
    from setaccio.cli.sources import count_documents, find_sources, read_sources
    from setaccio.cli.tasks import choose_task
    from setaccio.runtime import TINY_GGUF, Extractor, load_model

    names = list(sources or [])
    if model is None and names and names[0].endswith(".gguf"):
        model = Path(names.pop(0))
    names = find_sources(names)
    chosen = choose_task(task, schema)
    extractor = Extractor(
        load_model(model or TINY_GGUF, context=context, threads=threads),
        chosen,
        constraint=constraint,
        max_tokens=max_tokens,
    )
    for warning in extractor.warnings:
        warn(warning)
    total = count_documents(names, jsonl)
    to_terminal = out is None and sys.stdout.isatty()
    with (
        _open_results(out, overwrite, [*names, str(model or TINY_GGUF)]) as write,
        Meter(total, results_on_terminal=to_terminal) as meter,
    ):
        try:
            for item in read_sources(names, jsonl):
                extraction = _extract_one(extractor, item, jsonl)
                write(extraction.to_json())
                _note(extraction, meter)
        except KeyboardInterrupt:
            meter.clear()
            kept = f"kept in {out}" if out else "written"
            tell(f"Interrupted: {meter.done} documents are done and {kept}.")
            raise typer.Exit(INTERRUPTED) from None
    _sum_up(meter)
    if meter.failed:
        raise typer.Exit(SOME_FAILED)


@contextlib.contextmanager
def _open_results(
    out: Path | None, overwrite: bool, inputs: Sequence[str]
) -> Iterator[Callable[[str], None]]:
    """Where results go; each line is on its way to the disk before the next document starts."""
    if out is None:
        yield write_line
        return
    from setaccio.data.errors import UsageError

    if any(out.resolve() == Path(name).resolve() for name in inputs):
        raise UsageError(f"{out}: is one of the inputs. Name another file for the results.")
    if out.exists() and not overwrite:
        raise UsageError(f"{out}: exists. Pass --overwrite to replace it, or name another file.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        stream = out.open("w", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{out}: can not be written ({error.strerror}).") from error

    def write(line: str) -> None:
        stream.write(line + "\n")
        stream.flush()

    with stream:
        yield write


def _extract_one(extractor: Extractor, item: Document | Problem, jsonl: bool) -> Extraction:
    from setaccio.cli.sources import is_jsonl
    from setaccio.data.records import Document
    from setaccio.runtime import Extraction

    if isinstance(item, Document):
        return extractor.extract(item)
    one_of_many = item.line and is_jsonl(item.source, jsonl)
    return Extraction(
        id=f"{item.source}:{item.line}" if one_of_many else item.source,
        status="error",
        data=None,
        raw="",
        finish_reason="refused",
        prompt_tokens=0,
        completion_tokens=0,
        seconds=0.0,
        message=str(item),
        task=extractor.task.name,
        model=extractor.model.name,
        constraint=extractor.constraint,
    )


def _note(extraction: Extraction, meter: Meter) -> None:
    if not extraction.ok and meter.failed < GREATEST_WARNINGS:
        meter.clear()
        # A problem of the source already begins with its name.
        known = extraction.message.startswith(extraction.id)
        what = extraction.message if known else f"{extraction.id}: {extraction.message}"
        tell(what, label=extraction.status, style="yellow")
    meter.count(failed=not extraction.ok)


def _sum_up(meter: Meter) -> None:
    from setaccio.cli.meter import duration

    if meter.done > 1 or meter.failed:
        good = meter.done - meter.failed
        more = f" Failed ones are named by their status (first {GREATEST_WARNINGS} above)."
        step(
            f"{good} of {meter.done} documents ok in {duration(meter.seconds)}."
            + (more if meter.failed > GREATEST_WARNINGS else "")
        )
