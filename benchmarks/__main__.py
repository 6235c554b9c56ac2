"""The benchmark's command line: ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.measure import FAILED, ROOT, machine, measure
from benchmarks.plan import ROUNDS, Part, Scope, make_plan
from benchmarks.random_models.models import SUBJECTS, Ready, known_transcripts, make_model
from benchmarks.report.plots import plot_growth
from benchmarks.report.summary import Row, case_row, compare, judge
from benchmarks.report.tables import report, write_between
from setaccio.data.errors import MissingExtraError, SetaccioError
from setaccio.data.files.atomic import atomic_write
from setaccio.runtime.model.load import physical_cores

DOCUMENT = ROOT / "docs" / "benchmarks.md"
IMAGE = Path("images") / "benchmarks-growth.svg"
NEEDED = ("gguf", "matplotlib", "numba", "outlines", "xllamacpp")
MOST_AT_ONCE, FOR_EACH_THREAD = 16, 8
QUICK_DOCUMENTS = 4


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add(
        "--model",
        action="append",
        choices=list(SUBJECTS),
        help="measure this model only; may be given again (default: all)",
    )
    add("--documents", type=int, help="documents for every arm, in place of each model's numbers")
    add("--rounds", type=int, default=ROUNDS, help="passes over the arms (default: %(default)s)")
    add(
        "--quick",
        action="store_true",
        help=f"{QUICK_DOCUMENTS} documents on the tiny model, one round, no growth",
    )
    add("--no-growth", action="store_true", help="leave growth and cold starts out")
    add("--threads", type=int, default=physical_cores(), help="default: %(default)s")
    add("--parallel", type=int, help="documents at once (default: 8 for each thread, at most 16)")
    add(
        "--vocabulary",
        type=Path,
        help="llama-cpp-python's source archive or folder, or ggml-vocab-qwen2.gguf itself; "
        "default: what SETACCIO_LLAMACPP_SOURCE names, else the copy that exports keep",
    )
    add("--out", type=Path, default=ROOT / "runs" / "bench", help="default: %(default)s")
    add("--fresh", action="store_true", help="measure what was finished before, too")
    options = parser.parse_args(arguments)
    if options.quick:
        options.model = options.model or ["tiny"]
        options.documents = options.documents or QUICK_DOCUMENTS
        options.rounds, options.no_growth = 1, True
    options.parallel = options.parallel or min(MOST_AT_ONCE, FOR_EACH_THREAD * options.threads)
    return options


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
    scope = Scope(
        models=tuple(options.model or SUBJECTS),
        threads=options.threads,
        parallel=options.parallel,
        documents=options.documents,
        rounds=options.rounds,
        growth=not options.no_growth,
    )
    ready: dict[str, Ready] = {}
    for name in scope.models:
        with console.status(f"making the model {name}, once"):
            ready[name] = make_model(name, options.out / "models", options.vocabulary)
    facts = machine(scope.threads, scope.parallel)
    parts = make_plan(scope, ready)
    results = measure(parts, options.out, facts, fresh=options.fresh, console=console)
    counts = {name: _counter(found.path) for name, found in ready.items()}
    summary = _summarise(parts, results, ready, counts)
    whole = set(scope.models) == set(SUBJECTS) and options.documents is None and scope.growth
    whole = whole and not summary["failures"]
    image = DOCUMENT.parent / IMAGE if whole else options.out / IMAGE.name
    if summary["grown"]:
        image.parent.mkdir(parents=True, exist_ok=True)
        plot_growth(image, summary["grown"])
    text = report(facts, **summary, image=(IMAGE.as_posix() if whole else image.name))
    _save(options.out, facts, summary, text)
    if whole:
        write_between(DOCUMENT, text)
    sys.stdout.write(text)


def _counter(path: Path) -> Any:
    import llama_cpp

    llama = llama_cpp.Llama(str(path), vocab_only=True, verbose=False)

    def count(text: str) -> int:
        return len(llama.tokenize(text.encode(), add_bos=False, special=False))

    return count


def _summarise(
    parts: Sequence[Part], results: dict[str, Any], ready: dict[str, Ready], counts: dict[str, Any]
) -> dict[str, Any]:
    known = {
        name: [row.answer for row in known_transcripts(found)] for name, found in ready.items()
    }
    rows: list[Row] = []
    grown: dict[str, dict[str, list[tuple[int, Row]]]] = {}
    cold: list[float] = []
    failures: dict[str, str] = {}
    for part in parts:
        result = results[part.name]
        if FAILED in result:
            failures[part.name] = result[FAILED]
            continue
        if part.job is None:
            cold.append(result["seconds"])
            continue
        for case, found in zip(part.job.cases, result["cases"], strict=True):
            row = case_row(
                part,
                result["setup_s"],
                found,
                case.task(),
                counts[part.model],
                known[part.model],
            )
            if part.group == "compare":
                rows.append(row)
            else:
                size = case.size if part.group != "documents" else case.count
                grown.setdefault(part.group, {}).setdefault(part.arm, []).append((size, row))
    rows = compare(rows)
    stream = [row for _, row in grown.get("documents", {}).get("ours-batched-schema", [])]
    verdicts = judge(rows, stream, cold)
    return {"rows": rows, "verdicts": verdicts, "grown": grown, "failures": failures}


def _save(out: Path, facts: dict[str, Any], summary: dict[str, Any], text: str) -> None:
    """Everything as JSON and as Markdown, beside the parts."""
    value = {
        "machine": facts,
        "failures": summary["failures"],
        "rows": [vars(row) for row in summary["rows"]],
        "targets": [{**vars(v), "met": v.met} for v in summary["verdicts"]],
        "growth": {
            group: {arm: [[size, vars(row)] for size, row in rows] for arm, rows in series.items()}
            for group, series in summary["grown"].items()
        },
    }
    for name, content in (("results.json", json.dumps(value, indent=1)), ("report.md", text)):
        with atomic_write(out / name) as stream:
            stream.write(content)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except SetaccioError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped; what is finished is kept.\n")
        sys.exit(130)
