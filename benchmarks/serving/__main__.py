"""The serving benchmark's command line: ``python -m benchmarks.serving --help``."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.cases import SETS, choose_task
from benchmarks.measure import ROOT, environment, machine, run_program
from benchmarks.serving.faults import Saboteur
from benchmarks.serving.load import Load, chat_asker, drive, outcome, row_asker
from benchmarks.serving.report import Round, is_broken, load_row, show, speed_rows
from benchmarks.serving.servers import (
    LLAMA_CPP_PYTHON,
    OURS,
    PEERS,
    Setting,
    is_there,
    serving,
)
from benchmarks.subjects import TINY_GGUF, Subject, default_subjects
from setaccio.data.errors import SetaccioError
from setaccio.data.files.atomic import atomic_write
from setaccio.runtime.model.load import physical_cores

SLOTS, CONTEXT = 16, 1024
MINUTE = 60.0
REPORT_WIDTH = 140
PARTS = ("load", "speed", "faults")
QUESTIONS = {"recipes": 48, "bookings": 150}
"""Questions to a server on each set of documents, for the larger model: a minute each."""
_PYTHON_SHARE = 4  # llama-cpp-python's server takes one at a time, and gets so much fewer


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    add = parser.add_argument
    scope = parser.add_mutually_exclusive_group(required=True)
    scope.add_argument("--quick", action="store_true", help="the tiny model, few of everything")
    scope.add_argument("--full", action="store_true", help="two models, two minutes of load each")
    add("--parts", nargs="+", choices=PARTS, default=PARTS, help="default: all")
    add("--threads", type=int, default=physical_cores(), help="default: %(default)s")
    add("--slots", type=int, default=SLOTS, help="answers at once (default: %(default)s)")
    add("--out", type=Path, default=ROOT / "runs" / "serving", help="default: %(default)s")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> int:
    """Measure, print, save.

    Returns:
        The exit code: 1 where a promise is broken, but for that of speed.

    Raises:
        SetaccioError: a model is missing, or a server does not start.
    """
    options = parse(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    tiny = Subject("tiny", "tiny model, Q8_0", str(TINY_GGUF))
    subjects = [(tiny, 20 if options.quick else 100)]
    if options.full:
        subjects.append((default_subjects(options.out / "models")[0], 16))
    seconds = 15.0 if options.quick else 120.0
    result: dict[str, Any] = {"machine": machine(options.threads, options.slots)}
    for name in ("load", "speed", "faults"):
        result[name] = []
    for subject, clients in subjects:
        setting = Setting(subject, options.slots, options.threads, CONTEXT)
        if "load" in options.parts:
            console.print(f"{subject.label}: {clients} clients for {seconds:.0f} s")
            result["load"].append(asyncio.run(_load(setting, clients, seconds)))
        if "speed" in options.parts:
            asked = {"recipes": 40 if options.quick else 400} if subject is tiny else QUESTIONS
            for documents, each in asked.items():
                result["speed"] += _speed(setting, documents, clients, each, console)
    if "faults" in options.parts:
        console.print("faults")
        setting = Setting(tiny, options.slots, options.threads, CONTEXT)
        times, patience = (50, 2.0) if options.quick else (1000, 40.0)
        result["faults"] = asyncio.run(_faults(setting, times, patience))
    with atomic_write(options.out / "results.json") as stream:
        stream.write(json.dumps(result, indent=1))
    show(result, Console(width=None if sys.stdout.isatty() else REPORT_WIDTH))
    return int(is_broken(result))


def _texts(documents: str = "recipes") -> list[str]:
    return [document.text for document in SETS[documents].case.documents()]


async def _load(setting: Setting, clients: int, seconds: float) -> dict[str, Any]:
    """Keep the server busy; its answers are the command line's, its memory stays."""
    texts, subject = _texts(), setting.subject
    expected = _command_line(setting, texts)
    task = choose_task(SETS["recipes"].case, subject.gguf, subject.adapter)
    with serving(OURS, setting) as running:
        load = await drive(running, row_asker(texts, task.name), clients, seconds=seconds)
        since = min(MINUTE, seconds / 2)
        return load_row(subject.label, clients, load, expected, since, running.faults)


def _command_line(setting: Setting, texts: Sequence[str]) -> list[str]:
    """What ``setaccio extract`` answers, with the same slots."""
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "texts.jsonl", Path(folder) / "rows.jsonl"
        lines = [json.dumps({"id": str(number), "text": text}) for number, text in enumerate(texts)]
        source.write_text("\n".join(lines), encoding="utf-8")
        command = [sys.executable, "-m", "setaccio.cli.main", "extract", str(source)]
        command += ["--model", setting.subject.gguf, "--out", str(out)]
        if setting.subject.adapter:
            command += ["--adapter", setting.subject.adapter]
        for flag, number in (("threads", setting.threads), ("parallel", setting.slots)):
            command += [f"--{flag}", str(number)]
        command += ["--context", str(setting.context)]
        done = subprocess.run(
            command, env=environment(), capture_output=True, text=True, check=False
        )
        if not out.is_file():
            raise SetaccioError(f"setaccio extract: {done.stderr.strip()[-300:]}")
        rows = map(json.loads, out.read_text("utf-8").splitlines())
        by_text = {int(row["id"]): outcome(row) for row in rows}
    return [by_text[number] for number in range(len(texts))]


def _speed(
    setting: Setting, documents: str, clients: int, each: int, console: Console
) -> list[dict[str, Any]]:
    """The same questions to every server, in an order that favours none."""
    peers = [name for name in PEERS if is_there(name)]
    order = [OURS, *peers, *[name for name in reversed(peers) if name != LLAMA_CPP_PYTHON], OURS]
    rounds = []
    for name in order:
        count = max(4, each // _PYTHON_SHARE) if name == LLAMA_CPP_PYTHON else each
        console.print(f"{setting.subject.label}: {count} questions on {documents} to {name}")
        try:
            load = asyncio.run(_ask(name, setting, documents, clients, count))
        except SetaccioError as error:
            console.print(f"{name}: {error}", markup=False)
            continue
        rounds.append(Round(name, load))
    return speed_rows(f"{setting.subject.label}, {documents}", clients, rounds)


async def _ask(name: str, setting: Setting, documents: str, clients: int, most: int) -> Load:
    case, subject = SETS[documents].case, setting.subject
    task = choose_task(case, subject.gguf, subject.adapter)
    model = subject.name if subject.adapter else Path(subject.gguf).stem
    old = name == LLAMA_CPP_PYTHON
    ask = chat_asker(_texts(documents), task, case.max_tokens, model, old=old)
    with serving(name, setting) as running:
        await drive(running, ask, 1, most=1)  # grammars are compiled, caches are warm
        return await drive(running, ask, clients, most=most)


async def _faults(setting: Setting, times: int, patience: float) -> list[dict[str, Any]]:
    task = choose_task(SETS["recipes"].case, setting.subject.gguf, "").name
    with serving(OURS, setting) as running:
        saboteur = Saboteur(running.url, _texts()[0], task, times=times, patience=patience)
        found = []
        async for fault in saboteur.run():
            answers = dict(fault.answers)
            found.append(
                {
                    "fault": fault.name,
                    "answers": answers,
                    "clean": fault.clean,
                    "unharmed": fault.unharmed,
                    "freed": fault.freed if math.isfinite(fault.freed) else None,
                    "tracebacks": running.faults,
                    "memory": running.memory(),
                }
            )
    return found


if __name__ == "__main__":
    run_program(main)
