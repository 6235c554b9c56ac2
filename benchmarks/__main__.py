"""The benchmark's command line: ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.cases import SETS, Case, DocumentSet
from benchmarks.measure import ROOT, machine, measure, run_program
from benchmarks.plan import ROUNDS, Scope, make_plan
from benchmarks.report.plots import plot_profiles, profiles, saved_rows
from benchmarks.report.summary import Column, summarise
from benchmarks.report.tables import report, write_between
from benchmarks.subjects import TINY_GGUF, Subject, count_work, default_subjects
from setaccio.data.errors import MissingExtraError, UsageError
from setaccio.data.files.atomic import atomic_write
from setaccio.models import gguf_path
from setaccio.runtime.model.load import physical_cores

DOCUMENT = ROOT / "docs" / "benchmarks.md"
IMAGE = Path("images") / "benchmarks-profile.svg"
NEEDED = ("gguf", "matplotlib")
"""Without another package its arm fails, and the report says so."""
MOST_AT_ONCE, FOR_EACH_THREAD = 16, 8
QUICK_DOCUMENTS = 4


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--model", type=Path, help="a GGUF of yours, in place of the default base")
    add("--adapter", type=Path, help="a LoRA adapter that works beside it")
    add("--pairs", type=Path, help="JSON Lines with a text each, in place of the samples")
    add("--task", default="", help="what to extract from them; default: what the model carries")
    add("--max-tokens", type=int, default=512, help="of an answer to --pairs; default: %(default)s")
    add("--documents", type=int, help="documents for every arm, in place of each set's numbers")
    add("--rounds", type=int, default=ROUNDS, help="passes over the arms (default: %(default)s)")
    add(
        "--quick",
        action="store_true",
        help=f"{QUICK_DOCUMENTS} documents on the tests' tiny model, no busy core, no cold starts",
    )
    add("--agreement", type=int, help="compare so many answers with one at a time without guesses")
    add("--endurance", type=int, default=0, help="at the end, watch memory over so many documents")
    add("--threads", type=int, default=physical_cores(), help="default: %(default)s")
    add("--parallel", type=int, help="documents at once (default: 8 for each thread, at most 16)")
    add("--context", type=int, default=2048, help="tokens of a document (default: %(default)s)")
    add("--before", type=Path, help="results.json of an earlier run, for the plot")
    add("--out", type=Path, default=ROOT / "runs" / "bench", help="default: %(default)s")
    add("--fresh", action="store_true", help="measure what was finished before, too")
    options = parser.parse_args(arguments)
    if options.quick:
        options.documents = options.documents or QUICK_DOCUMENTS
    options.parallel = options.parallel or min(MOST_AT_ONCE, FOR_EACH_THREAD * options.threads)
    return options


def choose(options: argparse.Namespace) -> tuple[list[Subject], dict[str, DocumentSet]]:
    """Which models, and which documents."""
    sets = dict(SETS)
    if options.pairs:
        case = Case(options.task, str(options.pairs), MOST_AT_ONCE, options.max_tokens)
        if not options.pairs.is_file() or not list(case.documents()):
            raise UsageError(f"{options.pairs}: no such file, or no text in it.")
        sets = {"pairs": DocumentSet(f"texts of {options.pairs.name}", case, 6, 5.0)}
    if options.model:
        path, adapter = gguf_path(options.model), str(options.adapter or "")
        return [Subject("model", path.name, str(path), adapter)], sets
    if not options.quick:
        subjects = default_subjects(options.out / "models")
        names = tuple(sets) if options.pairs else ()
        return [replace(s, sets=names) if names else s for s in subjects], sets
    tiny = Subject("tiny", "tiny model, Q8_0", str(TINY_GGUF), sets=("recipes",))
    return [tiny], sets


def main(arguments: Sequence[str]) -> None:
    """Measure, save, and write the tables.

    Raises:
        SetaccioError: something is missing.
    """
    options = parse(arguments)
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError("bench", missing[0])
    console = Console(stderr=True)
    with console.status("making the merged model, once"):
        subjects, sets = choose(options)
    scope = Scope(
        threads=options.threads,
        parallel=options.parallel,
        context=options.context,
        documents=options.documents,
        rounds=options.rounds,
        busy=not options.quick,
        agreement=options.agreement,
        endurance=options.endurance,
    )
    before = json.loads(options.before.read_text("utf-8"))["rows"] if options.before else []
    work = {subject.name: count_work(Path(subject.gguf)) for subject in subjects}
    facts = machine(scope.threads, scope.parallel)
    console.print(f"{facts['cpu']}, llama.cpp compiled for {facts['level']}", highlight=False)
    parts = make_plan(scope, subjects, sets)
    results = measure(parts, options.out, facts, fresh=options.fresh, console=console)
    columns = summarise(parts, results, work)
    whole = not (options.quick or options.model or options.pairs or options.documents)
    labels = {s.name: s.label for s in subjects} | {n: of.label for n, of in sets.items()}
    image = _plot(columns, before, DOCUMENT.parent / IMAGE if whole else options.out / IMAGE.name)
    text = report(facts, columns, labels, IMAGE.as_posix() if image and whole else image)
    _save(options.out, facts, columns, text)
    if whole:
        write_between(DOCUMENT, text)
    sys.stdout.write(text)


def _plot(columns: Sequence[Column], before: Sequence[dict[str, Any]], path: Path) -> str:
    """Draw the profiles; the file's name, empty where there is nothing to draw."""
    bars = profiles(columns, before)
    if not bars:
        return ""
    path.parent.mkdir(parents=True, exist_ok=True)
    plot_profiles(path, bars)
    return path.name


def _save(out: Path, facts: dict[str, Any], columns: Sequence[Column], text: str) -> None:
    """Everything as JSON and as Markdown, beside the parts."""
    kept = ("subject", "documents", "roofline", "agreement", "commands", "failures")
    value = {
        "machine": facts,
        "rows": saved_rows(columns),
        "columns": [{name: getattr(column, name) for name in kept} for column in columns],
    }
    for name, content in (("results.json", json.dumps(value, indent=1)), ("report.md", text)):
        with atomic_write(out / name) as stream:
            stream.write(content)


if __name__ == "__main__":
    run_program(main, "Stopped; what is finished is kept.")
