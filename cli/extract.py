"""``setaccio extract``: texts in, JSON Lines out, one line per document whatever happens to it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from setaccio.cli.terminal.batch_report import check_out, clean_end, note_row, say_resumed, sum_up
from setaccio.cli.terminal.console import tell_step, warn
from setaccio.cli.terminal.exits import SOME_FAILED

if TYPE_CHECKING:
    from setaccio.data.records import Document, Problem
    from setaccio.runtime import Extractor
    from setaccio.runtime.batch.journal import Journal
    from setaccio.runtime.batch.shards import ShareReader
    from setaccio.runtime.batch.text_folder import TextFolder

EXAMPLE = "setaccio extract notes/ --model my-q8_0.gguf --out results.jsonl"
LONG_READ = 100_000_000
"""Bytes of former results whose reading takes seconds and is announced."""


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
    thinking: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Let the model think for at most N tokens before it answers."
        ),
    ] = None,
    no_list_guard: Annotated[
        bool,
        typer.Option("--no-list-guard", help="Let lists repeat what the document does not."),
    ] = False,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|none",
            help="Say which rows a person must look at; default: the budget that the GGUF carries.",
        ),
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(metavar="N/COUNT", help="Take share N of COUNT; setaccio merge joins them."),
    ] = None,
    engine: Annotated[
        Literal["ray"] | None,
        typer.Option(
            help="Work on a Ray cluster; --out is a folder, sources may be Parquet, URIs."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Ray: copies of the model; default: one a machine.")
    ] = None,
    threads_per_worker: Annotated[
        int | None, typer.Option(min=1, help="Ray: threads of each; default: the machine's cores.")
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="Ray: a cluster; default: one on this machine."),
    ] = None,
    out_format: Annotated[
        Literal["jsonl", "parquet"], typer.Option("--format", help="Ray: what --out holds.")
    ] = "jsonl",
) -> None:
    """Extract JSON from texts and documents: one line of JSON per document, with its status.

    A document that can not be read or does not fit gets a line with its status and a message, and
    the others still come out; the exit code is then 1. Whatever ends a run, the lines in --out are
    whole, and the same command with --resume does the rest.
    """
    from setaccio.cli.choices.budgets import choose_budget
    from setaccio.cli.choices.model_choice import choose_model
    from setaccio.cli.choices.ray_engine import RayFlags, extract_on_ray
    from setaccio.cli.choices.tasks import choose_task
    from setaccio.runtime import Extractor, load_model
    from setaccio.runtime.batch.batch import DEFAULT_OPTIONS, run_fingerprint
    from setaccio.runtime.batch.journal import Journal
    from setaccio.runtime.batch.shards import ShareReader, parse_shard
    from setaccio.runtime.batch.sources import find_sources
    from setaccio.runtime.batch.text_folder import TextFolder

    names = list(sources or [])
    if model is None and names and names[0].endswith(".gguf"):
        model = Path(names.pop(0))
    ray = RayFlags(engine, workers, threads_per_worker, address, out_format)
    ray.check(out, shard=shard, threads=threads, text_out=text_out)
    share = parse_shard(shard) if shard else None
    names = names if engine else find_sources(names, jsonl)
    resume = resume or retry_failed
    named = Path(task) if task and Path(task).is_file() else None
    chosen = choose_task(task, schema)
    using = choose_model(model, adapter, chosen)
    inputs = (using.model, using.adapter, named, schema, budget)
    read = [*names, *(str(path) for path in inputs if path)]
    _check_out(out, read, resume=resume, overwrite=overwrite, shard=shard)
    texts = TextFolder(text_out, names) if text_out else None
    options: dict[str, Any] = {
        **DEFAULT_OPTIONS,
        "constraint": constraint,
        "max_tokens": max_tokens,
        "temperature": temperature,
        "top_p": top_p,
        "seed": seed,
        "chunk": not no_chunk,
        "require_grounding": require_grounding,
        "guard_lists": not no_list_guard,
    }
    if thinking is not None:  # only where it is asked for: rows made without keep their keys
        options["thinking"] = thinking
    extractor = Extractor(
        load_model(using.model, context=context, threads=threads or threads_per_worker),
        chosen,
        adapter=using.adapter,
        parallel=parallel,
        **options,
    )
    for warning in [*([using.warning] if using.warning else []), *extractor.warnings]:
        warn(warning)
    # It changes no answer, so that the key leaves it out.
    extractor.budget = choose_budget(budget, extractor, chosen, options)
    how = {"resume": resume, "retry_failed": retry_failed, "overwrite": overwrite}
    if out and engine:
        extract_on_ray(
            ray, extractor, names, out, options=options, parallel=parallel, jsonl=jsonl, how=how
        )
        return
    run, settings = run_fingerprint(extractor, options)
    if out and resume and out.is_file() and out.stat().st_size > LONG_READ:
        tell_step(f"{out}: reading what is done.")
    journal = Journal(out, **how)
    say_resumed(journal, run)
    reader = ShareReader(share, run, settings, jsonl=jsonl) if share else None
    if reader and out:
        reader.begin(out)
    _work(extractor, journal, run, names, texts, jsonl=jsonl, retried=retry_failed, share=reader)


def _tell_passed_over(others: Counter[str]) -> None:
    """Say what in the folders was not read."""
    if others:
        ends = ", ".join(
            f"{count} {end or 'without an ending'}" for end, count in others.most_common(5)
        )
        tell_step(f"Files of other kinds are passed over: {ends}.")


def _work(
    extractor: Extractor,
    journal: Journal,
    run: str,
    names: list[str],
    texts: TextFolder | None = None,
    *,
    jsonl: bool,
    retried: bool,
    share: ShareReader | None,
) -> None:
    """Extract from all sources, with progress; ends with exit code 1 where documents failed."""
    from setaccio.cli.choices.budgets import reviewed, tell_budget
    from setaccio.cli.terminal.meter import Meter
    from setaccio.runtime.batch import sources
    from setaccio.runtime.batch.batch import Batch

    to_terminal = journal.path is None and sys.stdout.isatty()
    counts, others = Counter[bool](), Counter[str]()
    total = sources.count_documents(names, jsonl)
    if share and total:
        total = round(total / share.shard.count)
    with journal, Meter(total, results_on_terminal=to_terminal) as meter:
        batch = Batch(
            extractor,
            journal,
            run,
            jsonl=jsonl,
            on_row=reviewed(lambda row: note_row(row.id, row.status, row.message, meter), counts),
            on_skip=meter.skip,
        )
        items: Iterator[Document | Problem | None] = sources.read_sources(names, jsonl, others)
        if sources.may_be_slow(names):
            items = sources.as_they_come(items)
        with clean_end(journal, meter, "--retry-failed" if retried else "--resume"):
            if share:
                items = share.take(items)
            batch.work(texts.keep(items) if texts else items)
        journal.forget_failed(
            lambda identifier: (
                (share is None or share.shard.takes(identifier))
                and sources.belongs_to(identifier, names, jsonl)
            )
        )
    if share and journal.path:
        share.finish(journal.path)
    _tell_passed_over(others)
    sum_up(journal, meter, batch.skipped, retried=retried)
    tell_budget(extractor.budget, counts, batch.skipped)
    if meter.failed or journal.failed:
        raise typer.Exit(SOME_FAILED)


def _check_out(
    out: Path | None, inputs: list[str], *, resume: bool, overwrite: bool, shard: str | None
) -> None:
    from setaccio.data.errors import UsageError

    if out is None:
        if resume or shard:
            flag = "--resume needs the file to go on with" if resume else "--shard needs a file"
            raise UsageError(f"{flag}. Name it with --out.")
        return
    check_out(out, inputs, "results", resume=resume, overwrite=overwrite)
