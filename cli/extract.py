"""``setaccio extract``: texts in, JSON Lines out, one line per document whatever happens to it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from setaccio.cli.terminal.console import fail, tell, tell_step, warn
from setaccio.cli.terminal.exits import INTERRUPTED, SOME_FAILED

if TYPE_CHECKING:
    from setaccio.cli.terminal.meter import Meter
    from setaccio.runtime import Extraction, Extractor
    from setaccio.runtime.batch.batch import Batch
    from setaccio.runtime.batch.journal import Journal
    from setaccio.runtime.batch.text_folder import TextFolder

EXAMPLE = "setaccio extract notes/ --model my-q8_0.gguf --out results.jsonl"
LONG_READ = 100_000_000
"""Bytes of former results whose reading takes seconds and is announced."""
GREATEST_WARNINGS = 10
"""Failed documents that are named on standard error; the results name all."""


def extract(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FILE|FOLDER|-]...",
            help="Texts, PDF, e-mail, HTML, Word and Excel files, folders of such, .jsonl files of "
            "{id, text}, or - for standard input. A .gguf in the first place is the model.",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "-m",
            metavar="GGUF|NAME",
            help="The model, or a known one's name; default: the default base with the shipped "
            "adapter for recipes.",
        ),
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
    adapter: Annotated[
        Path | None,
        typer.Option(metavar="GGUF", help="A LoRA adapter that works beside the model."),
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
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with --out where a former run ended.")
    ] = False,
    retry_failed: Annotated[
        bool,
        typer.Option("--retry-failed", help="As --resume, and do failed documents once more."),
    ] = False,
    text_out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Keep what was read of PDFs, e-mails and the like."),
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Most tokens of an answer; default: by its document.")
    ] = None,
    context: Annotated[
        int | None, typer.Option(min=1, help="Tokens of context; default: the model's, up to 4096.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads; default: one per physical core.")
    ] = None,
    no_chunk: Annotated[
        bool,
        typer.Option("--no-chunk", help="Refuse documents over the context; do not cut them."),
    ] = False,
    require_grounding: Annotated[
        Literal["null", "drop", "fail"] | None,
        typer.Option(help="What becomes of values that stand nowhere in the document."),
    ] = None,
    parallel: Annotated[
        int | None,
        typer.Option(min=1, help="Documents decoded at once; default: by cores and memory."),
    ] = None,
    temperature: Annotated[
        float, typer.Option(min=0.0, help="0: the likeliest token. Above: draw tokens.")
    ] = 0.0,
    top_p: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Draw from this much of the probability.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the drawing.")] = 0,
    no_list_guard: Annotated[
        bool,
        typer.Option("--no-list-guard", help="Let lists repeat what the document does not."),
    ] = False,
) -> None:
    """Extract JSON from texts and documents: one line of JSON per document, with its status.

    A document that can not be read or does not fit gets a line with its status and a message, and
    the others still come out; the exit code is then 1. Whatever ends a run, the lines in --out are
    whole, and the same command with --resume does the rest.
    """
    from setaccio.cli.choices.model_choice import choose_model
    from setaccio.cli.choices.tasks import choose_task
    from setaccio.runtime import Extractor, load_model
    from setaccio.runtime.batch.journal import Journal, fingerprint
    from setaccio.runtime.batch.sources import find_sources
    from setaccio.runtime.batch.text_folder import TextFolder

    names = list(sources or [])
    if model is None and names and names[0].endswith(".gguf"):
        model = Path(names.pop(0))
    names = find_sources(names, jsonl)
    resume = resume or retry_failed
    named = Path(task) if task and Path(task).is_file() else None
    chosen = choose_task(task, schema)
    using = choose_model(model, adapter, chosen)
    inputs = (using.model, using.adapter, named, schema)
    read = [*names, *(str(path) for path in inputs if path)]
    _check_out(out, read, resume=resume, overwrite=overwrite)
    texts = TextFolder(text_out, names) if text_out else None
    # Everything here can change an answer, and so belongs to the key of its row.
    options: dict[str, Any] = {
        "constraint": constraint,
        "max_tokens": max_tokens,
        "temperature": temperature,
        "top_p": top_p,
        "seed": seed,
        "chunk": not no_chunk,
        "require_grounding": require_grounding,
        "guard_lists": not no_list_guard,
    }
    extractor = Extractor(
        load_model(using.model, context=context, threads=threads),
        chosen,
        adapter=using.adapter,
        parallel=parallel,
        **options,
    )
    for warning in [*([using.warning] if using.warning else []), *extractor.warnings]:
        warn(warning)
    options["context"] = extractor.model.context
    options["adapter"] = extractor.adapter.sha256 if extractor.adapter else None
    run = fingerprint(extractor.model.sha256, extractor.task.digest, options)
    if out and resume and out.is_file() and out.stat().st_size > LONG_READ:
        tell_step(f"{out}: reading what is done.")
    journal = Journal(out, resume=resume, retry_failed=retry_failed, overwrite=overwrite)
    _say_resumed(journal, run)
    _work(extractor, journal, run, names, texts, jsonl=jsonl, retried=retry_failed)


def _work(
    extractor: Extractor,
    journal: Journal,
    run: str,
    names: list[str],
    texts: TextFolder | None = None,
    *,
    jsonl: bool,
    retried: bool,
) -> None:
    """Extract from all sources, with progress; ends with exit code 1 where documents failed."""
    from setaccio.cli.terminal.meter import Meter
    from setaccio.runtime.batch import sources
    from setaccio.runtime.batch.batch import Batch

    to_terminal = journal.path is None and sys.stdout.isatty()
    total = sources.count_documents(names, jsonl)
    with journal, Meter(total, results_on_terminal=to_terminal) as meter:
        batch = Batch(
            extractor,
            journal,
            run,
            jsonl=jsonl,
            on_row=lambda row: _note(row, meter),
            on_skip=meter.skip,
        )
        items = sources.read_sources(names, jsonl)
        items = texts.keep(items) if texts else items
        came = sources.as_they_come(items) if sources.may_be_slow(names) else items
        with _clean_end(journal, meter, "--retry-failed" if retried else "--resume"):
            batch.work(came)
        journal.forget_failed(lambda identifier: sources.belongs_to(identifier, names, jsonl))
    _sum_up(batch, meter, retried=retried)
    if meter.failed or journal.failed:
        raise typer.Exit(SOME_FAILED)


def _check_out(out: Path | None, inputs: list[str], *, resume: bool, overwrite: bool) -> None:
    from setaccio.data.errors import UsageError
    from setaccio.runtime.batch.sources import is_source

    if out is None:
        if resume:
            raise UsageError("--resume needs the file to go on with. Name it with --out.")
        return
    if resume and overwrite:
        raise UsageError("--resume and --overwrite exclude each other. Give one of them.")
    if is_source(out, inputs):
        raise UsageError(f"{out}: is one of the inputs. Name another file for the results.")


def _say_resumed(journal: Journal, run: str) -> None:
    from setaccio.runtime.batch.journal import RUN_DIGITS

    if journal.repaired:
        tell(f"{journal.path}: the last line was torn; it is cut off and done again.")
    others = journal.kept - journal.runs.get(run[:RUN_DIGITS], 0)
    if others:
        warn(
            f"{journal.path}: {others} rows were made with another model, task or options. They "
            "are kept, and their documents are done again with these."
        )


def _note(row: Extraction, meter: Meter) -> None:
    """Name a document that failed, and count it."""
    if not row.ok and meter.failed < GREATEST_WARNINGS:
        meter.clear()
        # A problem of the source already begins with its name.
        known = row.message.startswith(row.id)
        what = row.message if known else f"{row.id}: {row.message}"
        tell(what, label=row.status, style="yellow")
    meter.count(failed=not row.ok)


@contextmanager
def _clean_end(journal: Journal, meter: Meter, again: str) -> Iterator[None]:
    """Let a run end cleanly: rows that are written stand, and the message says how to go on."""
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


def _sum_up(batch: Batch, meter: Meter, *, retried: bool) -> None:
    from setaccio.cli.terminal.meter import duration

    journal = batch.journal
    if meter.done > 1 or meter.failed or batch.skipped:
        good = meter.done - meter.failed
        said = f"{good} of {meter.done} documents ok in {duration(meter.seconds)}."
        if batch.skipped:
            said += f" {batch.skipped} were done before."
        if meter.failed > GREATEST_WARNINGS:
            said += f" Failed ones are named by their status (first {GREATEST_WARNINGS} above)."
        tell_step(said)
    if journal.failed and retried:
        tell(f"{journal.failed} documents that failed before are not named here; their rows stay.")
    elif journal.failed:
        tell(f"{journal.failed} documents failed before; --retry-failed does them once more.")
