"""``setaccio data label``: first gold for texts, from a larger model."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import typer

from setaccio.cli.choices.endpoint import NO_ENDPOINT, EndpointFlags, with_endpoint
from setaccio.cli.choices.tasks import choose_task
from setaccio.cli.terminal.batch_report import check_out, clean_end, note_row, say_resumed
from setaccio.cli.terminal.console import program, tell_step, warn_once
from setaccio.cli.terminal.exits import SOME_FAILED

if TYPE_CHECKING:
    from setaccio.data.records import Document, Problem
    from setaccio.data.task.task import Task
    from setaccio.eval.arms.arms import AnyArm, OutputSource
    from setaccio.eval.labels import Keep
    from setaccio.runtime.batch.journal import Journal

LABEL_EXAMPLE = (
    "setaccio data label notes/ --task recipe --model big.gguf --grounded drop --out pairs.jsonl"
)


@with_endpoint
def label_verb(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="TEXTS...", help="As extract takes them: files, folders, .jsonl."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where pairs go.")],
    task: Annotated[str | None, typer.Option(metavar="NAME|FILE", help="The task.")] = None,
    schema: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A bare JSON Schema instead of a task.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", metavar="GGUF|NAME", help="Label with a model here."),
    ] = None,
    adapter: Annotated[
        Path | None, typer.Option(metavar="GGUF", help="A LoRA adapter that works beside --model.")
    ] = None,
    asked: EndpointFlags = NO_ENDPOINT,
    grounded: Annotated[
        Literal["mark", "drop"],
        typer.Option(
            help="Values that stand nowhere in the text: mark names them in the pair, drop makes "
            "them null or removes them, and leaves out a text where neither can be."
        ),
    ] = "mark",
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="Most tokens of an answer; default: by its text.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of --model; default: one per physical core.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many texts.")] = None,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Read every source as JSON Lines, stdin too.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with --out; texts that failed are done again.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an --out that is there already.")
    ] = False,
) -> None:
    """Have a larger model write first gold for texts: pairs that say who labelled them.

    Answers are held to the schema where the model can be, and judged in any case; what is not ok
    goes into a file of its own beside --out. An endpoint's answers are cached, so that nothing is
    paid for twice. No person has seen these pairs: eval says so until setaccio review was used.
    """
    from setaccio.data.errors import UsageError
    from setaccio.eval.arms.arms import ModelPool, Setting
    from setaccio.eval.arms.endpoint import CostCapReached
    from setaccio.runtime.batch.sources import find_sources, read_sources

    chosen = choose_task(task, schema)
    if chosen is None:
        raise UsageError("Say what to extract: --task NAME|FILE, or --schema FILE.")
    arm = _arm(asked, model, adapter)
    names = find_sources(sources, jsonl)
    files = _Files(out, resume, overwrite)
    for file in (out, files.failed):
        check_out(file, names, "pairs", resume=resume, overwrite=overwrite)
    spent = files.spent()
    models = ModelPool(threads)
    setting = Setting(chosen, max_tokens, models=models, tell=warn_once)
    try:
        source = _within_cap(arm, spent, out).open(setting)
        items = list(islice(read_sources(names, jsonl), limit))
        _label(source, chosen, items, files, grounded, jsonl=jsonl, spent=spent)
    except CostCapReached:
        total = spent + float(source.facts["spent"])
        raise CostCapReached(
            f"{out}: {total:.4f} is spent, and the next text could go beyond --cost-cap "
            f"{asked.cost_cap:g}. The pairs so far are kept; allow more and pass --resume to go on."
        ) from None
    finally:
        models.close()


class _Files(NamedTuple):
    """Where pairs go, and, beside it, what came to none."""

    pairs: Path
    resume: bool
    overwrite: bool

    @property
    def failed(self) -> Path:
        return self.pairs.with_name(f"{self.pairs.stem}.failed.jsonl")

    def spent(self) -> float:
        """What an earlier run paid for the rows that are there."""
        from setaccio.data.records import Problem, read_jsonl

        total = 0.0
        for path in (self.pairs, self.failed) if self.resume else ():
            if path.is_file():
                with path.open("rb") as stream:
                    for item in read_jsonl(stream, str(path)):
                        row = {} if isinstance(item, Problem) else item[1]
                        cost = row.get("cost") if isinstance(row, dict) else None
                        total += cost if isinstance(cost, int | float) else 0.0
        return total

    def open(self) -> tuple[Journal, Journal]:
        """Both files, to be appended to."""
        from setaccio.data.errors import UsageError
        from setaccio.runtime.batch.journal import Journal

        if self.failed.exists() and not (self.resume or self.overwrite):
            raise UsageError(
                f"{self.failed}: exists, and texts that fail would replace it. Pass --resume to go "
                "on, --overwrite to replace both files, or choose another --out."
            )
        pairs = Journal(self.pairs, resume=self.resume, overwrite=self.overwrite)
        try:
            return pairs, Journal(self.failed, retry_failed=self.resume, overwrite=not self.resume)
        except BaseException:
            pairs.close()
            raise


def _arm(asked: EndpointFlags, model: Path | None, adapter: Path | None) -> AnyArm:
    from setaccio.data.errors import UsageError

    endpoint = asked.arm()
    if (endpoint is None) == (model is None):
        said = "and --model exclude each other" if model else "or --model: say what is to label"
        raise UsageError(f"--endpoint {said}. Give one of them.")
    if endpoint is not None:
        if adapter is not None:
            raise UsageError(f"--adapter {adapter}: goes with --model.")
        return endpoint
    from setaccio.eval.arms.arms import Arm
    from setaccio.models import gguf_path

    path = gguf_path(model or "")
    return Arm(path.stem, path, "schema", adapter)


def _within_cap(arm: AnyArm, spent: float, out: Path) -> AnyArm:
    """The arm with what an earlier run has left of the cap."""
    from setaccio.data.errors import UsageError
    from setaccio.eval.arms.baseline import EndpointArm

    if not isinstance(arm, EndpointArm) or arm.endpoint.cost_cap is None:
        return arm
    left = arm.endpoint.cost_cap - spent
    if left <= 0:
        raise UsageError(
            f"{out}: {spent:.4f} of --cost-cap {arm.endpoint.cost_cap:g} is spent already. Allow "
            "more to go on."
        )
    return replace(arm, endpoint=replace(arm.endpoint, cost_cap=left))


def _label(
    source: OutputSource,
    task: Task,
    items: list[Document | Problem],
    files: _Files,
    grounded: Keep,
    *,
    jsonl: bool,
    spent: float,
) -> None:
    """Label what has no pair yet, with progress; ends with exit code 1 where texts failed."""
    from setaccio.cli.terminal.meter import Meter
    from setaccio.data.records import Problem
    from setaccio.data.task.task import dump_compact
    from setaccio.eval.labels import label_documents, label_run
    from setaccio.runtime.batch.journal import document_key
    from setaccio.runtime.batch.sources import identify

    run, marked, good = label_run(source, grounded), 0, set[str]()
    pairs, failed = files.open()
    with pairs, failed, Meter(len(items), results_on_terminal=False, noun="texts") as meter:
        say_resumed(pairs, run)
        todo: list[Document] = []
        for item in items:
            name, text = identify(item, jsonl)
            key = document_key(run, text)
            if pairs.take(key, name):
                meter.skip()
            elif isinstance(item, Problem):
                note_row(name, "error", str(item), meter)
            else:
                failed.take(key, name)
                todo.append(item)
        with clean_end(pairs, meter, "--resume"):
            for label in label_documents(source, task, todo, grounded) if todo else ():
                row, key = label.row, document_key(run, label.text)
                (pairs if label.ok else failed).write(key, dump_compact(row))
                if label.ok:
                    good.add(row["id"])
                    marked += bool(row.get("ungrounded") or row.get("dropped"))
                note_row(row["id"], row["status"], row.get("message", ""), meter)
        failed.forget_failed(lambda name: name in good)
    _sum_up(source, files, pairs, meter.failed, marked, spent)
    if meter.failed:
        raise typer.Exit(SOME_FAILED)


def _sum_up(
    source: OutputSource, files: _Files, pairs: Journal, failures: int, marked: int, spent: float
) -> None:
    total = spent + float(source.facts.get("spent", 0.0))
    said = f"{pairs.kept + pairs.written} pairs in {files.pairs}"
    said += f" (of those made now, {marked} had values that stand nowhere)" if marked else ""
    said += f", {failures} failed" if failures else ""
    tell_step(f"{said}{f', {total:.4f} spent' if total else ''}.")
    if files.failed.exists() and not files.failed.stat().st_size:
        files.failed.unlink()
    elif failures:
        tell_step(f"Why, and what the model wrote: {files.failed}")
    if pairs.kept + pairs.written:
        tell_step(f"No person has seen them. Next: {program()} review {files.pairs}")
