"""Six tasks, six adapters, one base, one process: memory, and a mixed stream against six runs.

The base is loaded once, and one adapter after another is attached to it; beside each stands by how
much the process has grown. Then documents of all tasks are decoded twice: task by task, and mixed
in one stream. Answers are compared document by document; where two part, standard error says where
and how sure the model was.

    python -m benchmarks.adapters --folder runs/tasks --write
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import psutil
from scripts.task_table import DOCUMENT, TASKS, files_of, write_section

from benchmarks.measure import run_program
from setaccio.data.errors import UsageError
from setaccio.data.records import Document, load_pairs
from setaccio.data.task.task import load_task
from setaccio.eval.table import markdown
from setaccio.models import default_base, model_path
from setaccio.runtime import Adapter, Extraction, Extractor, LoadedModel, load_adapter, load_model
from setaccio.runtime.decode.request import Passes
from setaccio.runtime.server.engine import Engine
from setaccio.runtime.server.request_types import ExtractRequest

Work = dict[str, list[Document]]
"""Documents by the name of their task; their ids begin with it."""
NOTE = "A table for two on Friday at seven, please."
_MEGA = 1e6


class Decoded(NamedTuple):
    """All documents, decoded one way: rows by id, passes, bytes that the process then holds."""

    rows: dict[str, Extraction]
    passes: int
    seconds: float
    memory: int


def resident() -> int:
    """Bytes of memory that the process holds."""
    return int(psutil.Process().memory_info().rss)


def attach(
    model: LoadedModel, paths: dict[str, Path]
) -> tuple[dict[str, Adapter], list[list[str]]]:
    """Attach one adapter after another to a base that has answered already.

    Returns:
        The adapters, and a table: a row for the base and one for each of them.
    """
    Extractor(model, load_task("booking"), max_tokens=32).extract(NOTE)
    held = resident()
    cells = [["", "resident MB", "more", "adapter's file MB"]]
    cells.append(["base, after a document", f"{held / _MEGA:.1f}", "", ""])
    adapters = {}
    for name, path in paths.items():
        adapters[name] = load_adapter(model, path)
        before, held = held, resident()
        sizes = (held, held - before, path.stat().st_size)
        cells.append([f"+ {name}", *(f"{size / _MEGA:.1f}" for size in sizes)])
    return adapters, cells


def decode_apart(model: LoadedModel, adapters: dict[str, Adapter], work: Work) -> Decoded:
    """One run for each task, one after the other."""
    extractors = {name: Extractor(model, adapter=adapter) for name, adapter in adapters.items()}
    rows, passes = {}, 0
    began = time.perf_counter()
    for name, extractor in extractors.items():
        counts = Passes()

        def note(now: Passes, counts: Passes = counts) -> None:
            counts.forward = now.forward

        for row in extractor.extract_all(work[name], watch=note):
            rows[row.id] = row
        passes += counts.forward
    return Decoded(rows, passes, time.perf_counter() - began, resident())


def decode_mixed(
    model: LoadedModel, adapters: dict[str, Adapter], work: Work, seed: int
) -> Decoded:
    """All documents in one stream, shuffled."""
    mixed = [(name, document) for name, some in work.items() for document in some]
    random.Random(seed).shuffle(mixed)
    with Engine(model, adapters, queue_limit=len(mixed)) as engine:
        while not engine.stats().ready:
            time.sleep(0.01)
        began = time.perf_counter()
        asked = [ExtractRequest(document=document, adapter=name) for name, document in mixed]
        tickets = [engine.submit(each) for each in asked]
        rows = {row.id: row for row in (ticket.result() for ticket in tickets)}
        seconds = time.perf_counter() - began
        return Decoded(rows, engine.stats().passes, seconds, resident())


def parted(apart: Decoded, mixed: Decoded) -> list[str]:
    """A line for each document whose answers differ: from where on, and the least confidences."""
    lines = []
    for id, row in apart.rows.items():
        both = row, mixed.rows[id]
        if len({(one.raw, one.status) for one in both}) > 1:
            pairs = zip(*(one.raw for one in both), strict=False)
            at = next((n for n, pair in enumerate(pairs) if len({*pair}) > 1), 0)
            least = [min(one.confidence.values(), default=0.0) for one in both]
            said = [f"{one.raw[at:]!r} ({sure:.2f})" for one, sure in zip(both, least, strict=True)]
            lines.append(f"{id}: {' or '.join(said)}")
    return lines


def measure_adapters(options: argparse.Namespace) -> str:
    """Load, attach, decode both ways, compare.

    Returns:
        Two tables and a sentence, as Markdown.

    Raises:
        UsageError: there is no adapter with its test pairs.
    """
    files = {name: found for name in TASKS if (found := files_of(name, options.folder))}
    if not files:
        raise UsageError(f"{options.folder}: no task has an adapter and test pairs.")
    work: Work = {
        name: [
            Document(f"{name} {pair.id}", pair.text)
            for pair in load_pairs(test)[0][: options.documents]
        ]
        for name, (_, test) in files.items()
    }
    model = load_model(model_path(default_base().name), threads=options.threads)
    adapters, cells = attach(model, {name: path for name, (path, _) in files.items()})
    apart = decode_apart(model, adapters, work)
    mixed = decode_mixed(model, adapters, work, options.seed)
    differing = parted(apart, mixed)
    sys.stderr.writelines(f"{line}\n" for line in differing)
    rows = [("", "documents", "passes", "seconds", "resident MB")]
    for name, arm in ((f"{len(files)} runs, one after the other", apart), ("one stream", mixed)):
        counts = str(len(arm.rows)), str(arm.passes), f"{arm.seconds:.1f}"
        rows.append((name, *counts, f"{arm.memory / _MEGA:.1f}"))
    same = f"The same answers: {len(apart.rows) - len(differing)} of {len(apart.rows)}."
    return "\n".join((markdown(cells, 1), markdown(rows, 1), same))


def main(arguments: Sequence[str]) -> None:
    """Measure, print, and write the section of docs/tasks.md where that is asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.adapters", description=__doc__)
    add = parser.add_argument
    add("--folder", type=Path, default=Path("runs/tasks"), help="of the tasks: %(default)s")
    add("--documents", type=int, default=20, help="of each task; default: %(default)s")
    add("--threads", type=int, help="of llama.cpp")
    add("--seed", type=int, default=1, help="of the mixing; default: %(default)s")
    add("--write", action="store_true", help=f"put the tables into {DOCUMENT.name}, too")
    options = parser.parse_args(arguments)
    text = measure_adapters(options)
    if options.write:
        write_section("adapters", text)
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    run_program(main)
