"""One process against workers on a Ray cluster with the same cores: ``python -m benchmarks.scale``.

Arms run one after the other, forwards and backwards (A-B-B-A), each as a user starts it. How fast
an arm works is told by its results while they grow, from a tenth of the documents to the last row;
what the whole takes beyond that is its start and its end. With ``--engine-alone`` workers answer
without a model: what is left is what Ray, the hand-over and the journal cost.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.cases import SETS
from benchmarks.measure import machine, run_program
from setaccio.data.errors import SetaccioError
from setaccio.runtime.model.load import physical_cores

ARMS = ("process", "ray-1", "ray-2")
WARM = 0.1
"""Share of the documents after which an arm counts as running."""
_LOOK = 0.05
_MOST_SECONDS = 3600.0


@dataclass(frozen=True)
class Timing:
    """One pass of an arm.

    Attributes:
        rate: documents a second, once it runs.
        start: seconds of the whole beyond documents / rate: start and end.
        whole: seconds from the command to its end.
    """

    rate: float
    start: float
    whole: float


def command(arm: str, threads: int, given: Sequence[str], out: Path) -> list[str]:
    """The command of an arm.

    Args:
        arm: one of :data:`ARMS`.
        threads: that compute, all workers together.
        given: sources, model and task.
        out: where results go.
    """
    start = [sys.executable, "-m", "setaccio.cli.main", "extract", *given, "--out", str(out)]
    if arm == "process":
        return [*start, "--threads", str(threads)]
    workers = int(arm.partition("-")[2])
    each = max(1, threads // workers)
    return [*start, "--engine", "ray", "--workers", str(workers), "--threads-per-worker", str(each)]


def time_arm(arm: str, threads: int, given: Sequence[str], count: int, folder: Path) -> Timing:
    """Run an arm once.

    Raises:
        SetaccioError: it did not give a row for each document.
    """
    out = folder / ("rows.jsonl" if arm == "process" else "rows")
    began = time.monotonic()
    process = subprocess.Popen(command(arm, threads, given, out), stderr=subprocess.DEVNULL)
    warm, last, first, rows = 0.0, 0.0, 0, 0
    try:
        while process.poll() is None and time.monotonic() - began < _MOST_SECONDS:
            if (now := _rows(out)) > rows:
                rows, last = now, time.monotonic()
                if not warm and rows >= WARM * count:
                    warm, first = last, rows
            time.sleep(_LOOK)
    finally:
        process.kill()
        process.wait()
    whole = time.monotonic() - began
    if rows != count or first == count:
        raise SetaccioError(f"{arm}: {rows} of {count} rows. Run its command by hand.")
    rate = (count - first) / (last - warm)
    return Timing(rate, whole - count / rate, whole)


def _rows(out: Path) -> int:
    files = out.glob("rows-*.jsonl") if out.is_dir() else [out] if out.is_file() else []
    return sum(path.read_bytes().count(b"\n") for path in files)


def compare(options: argparse.Namespace, folder: Path) -> dict[str, list[Timing]]:
    """Every arm, as often as rounds are asked for, in an order that favours none."""
    case = replace(SETS[options.set].case, count=options.documents)
    docs = folder / "docs.jsonl"
    rows = [{"id": one.id, "text": one.text} for one in case.documents()]
    docs.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    given = [str(docs), "--max-tokens", str(case.max_tokens)]
    given += ["--task", case.task] if case.task else []
    given += ["--model", str(options.model)] if options.model else []
    found: dict[str, list[Timing]] = {arm: [] for arm in ARMS}
    for number in range(options.rounds):
        for arm in ARMS[:: -1 if number % 2 else 1]:
            with tempfile.TemporaryDirectory(dir=folder) as own:
                timing = time_arm(arm, options.threads, given, len(rows), Path(own))
            found[arm].append(timing)
            sys.stderr.write(f"{arm}: {timing}\n")
    return found


def table(found: dict[str, list[Timing]]) -> str:
    """What was measured, as Markdown."""
    whole = statistics.median(one.rate for one in found["process"])
    head = "| arm | documents/s | against one process | start and end, s |"
    lines = [head, "|---|---:|---:|---:|"]
    for arm, timings in found.items():
        rate = statistics.median(one.rate for one in timings)
        start = statistics.median(one.start for one in timings)
        lines.append(f"| {arm} | {rate:.2f} | {rate / whole:.1%} | {start:.1f} |")
    return "\n".join(lines) + "\n"


def engine_alone(count: int, workers: int) -> float:
    """Documents a second that the engine moves where the model takes no time.

    Args:
        count: documents.
        workers: actors.
    """
    from benchmarks.subjects import TINY_GGUF
    from setaccio.runtime.batch.journal import Journal
    from setaccio.runtime.batch.ray.cluster import connect
    from setaccio.runtime.batch.ray.spec import make_spec

    with tempfile.TemporaryDirectory() as name, connect(cpus=workers):
        from setaccio.runtime.batch.ray.documents import find_documents
        from setaccio.runtime.batch.ray.engine import extract_documents

        docs = Path(name) / "docs.jsonl"
        # A document without a text is answered by its worker without the model.
        docs.write_text("".join(f'{{"id": "{n}"}}\n' for n in range(count)), encoding="utf-8")
        spec = make_spec(TINY_GGUF, threads=1)
        times: list[float] = []
        with Journal(Path(name) / "rows.jsonl") as journal:
            extract_documents(
                find_documents([str(docs)], jsonl=False),
                journal,
                spec,
                workers=workers,
                on_row=lambda *_: times.append(time.monotonic()),
            )
        first = int(WARM * count)
        return (count - first) / (times[-1] - times[first])


def main(arguments: Sequence[str]) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    add = parser.add_argument
    add("--model", type=Path, help="a GGUF in place of the default base")
    add("--set", choices=sorted(SETS), default="bookings", help="documents; default: %(default)s")
    add("--documents", type=int, default=160, help="of each pass; default: %(default)s")
    add("--rounds", type=int, default=2, help="passes over the arms; default: %(default)s")
    add("--threads", type=int, default=physical_cores(), help="of all workers together")
    add("--engine-alone", type=int, metavar="N", help="N documents without a model, 2 workers")
    options = parser.parse_args(arguments)
    facts: dict[str, Any] = machine(options.threads, 1)
    sys.stdout.write(f"{facts['cpu']}, {options.threads} threads\n\n")
    if options.engine_alone:
        rate = engine_alone(options.engine_alone, 2)
        sys.stdout.write(f"The engine alone: {rate:.0f} documents a second.\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(table(compare(options, Path(folder))))


if __name__ == "__main__":
    run_program(main)
