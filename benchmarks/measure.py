"""Run parts, each in a process of its own, and keep what is finished.

A result is kept as ``<out>/parts/<name>.json`` together with a digest of everything that it depends
on (job, code, models, versions); it is used again while that digest is the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from benchmarks.plan import Part
from benchmarks.random_models.models import TINY_GGUF
from setaccio.data.errors import SetaccioError
from setaccio.data.files.atomic import atomic_write
from setaccio.runtime.model.smoke_test import system_report

ROOT = Path(__file__).parent.parent
PACKAGES = ("llama-cpp-python", "llguidance", "outlines", "outlines-core", "numba", "xllamacpp")
NOTE = "Beat 2 eggs with 50 g sugar, fold in 100 g flour and bake for 20 minutes. Let it cool."
"""The short document of the cold start."""
FAILED = "failed"
"""Key of a result that tells why there is none; tried again by the next run."""
_PATIENCE = 900.0


def machine(threads: int, parallel: int) -> dict[str, Any]:
    """What the numbers depend on: processor, versions, threads."""
    report = system_report()
    versions = dict(report["versions"])
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    kept = ("cpu", "cores", "memory_gib", "platform", "python", "compiler", "llama_features")
    return {
        **{name: report[name] for name in kept},
        "threads": threads,
        "parallel": parallel,
        "versions": versions,
    }


def _code() -> str:
    """Digest of the code under test and of the benchmark."""
    digest = hashlib.sha256()
    for folder in ("data", "models", "runtime", "cli", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()


def fingerprint(part: Part, facts: dict[str, Any]) -> str:
    """Digest of everything that a part's result depends on.

    Args:
        part: the part.
        facts: from :func:`machine`.
    """
    model = Path(part.job.model if part.job else TINY_GGUF)
    stamp = [model.stat().st_size, int(model.stat().st_mtime)]
    job = asdict(part.job) if part.job else None
    text = json.dumps([part.name, job, stamp, facts["versions"], facts["cpu"], _code()])
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def measure(
    parts: Sequence[Part], out: Path, facts: dict[str, Any], *, fresh: bool, console: Console
) -> dict[str, Any]:
    """Run what is not there yet.

    Args:
        parts: what to run, in this order.
        out: folder of results.
        facts: from :func:`machine`.
        fresh: run all of it anew.
        console: where the progress bar goes.

    Returns:
        Each part's result by its name; of a child that failed its last words under
        :data:`FAILED`.
    """
    (out / "parts").mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {}
    begun = time.time()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        row = bar.add_task("", total=sum(part.seconds for part in parts))
        for part in parts:
            bar.update(row, description=part.name)
            path = out / "parts" / f"{part.name}.json"
            mark = fingerprint(part, facts)
            result = None if fresh else _kept(path, mark)
            if result is None:
                try:
                    result = _run(part, out)
                    with atomic_write(path) as stream:
                        json.dump({"fingerprint": mark, "at": begun, "result": result}, stream)
                except (SetaccioError, subprocess.TimeoutExpired) as error:
                    result = {FAILED: " ".join(str(error).split())[:400]}
            results[part.name] = result
            bar.advance(row, part.seconds)
    return results


def _kept(path: Path, mark: str) -> Any:
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return row["result"] if row.get("fingerprint") == mark else None


def _run(part: Part, out: Path) -> Any:
    if part.job is None:
        return _cold_start(out)
    path = out / "parts" / f".{part.name}.child.json"
    path.unlink(missing_ok=True)
    words = _child(["-m", "benchmarks.arms.child", str(path)], json.dumps(asdict(part.job)))[1]
    if not path.is_file():
        raise SetaccioError(f"{part.name} failed: {words}")
    result = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    return result


def _cold_start(out: Path) -> dict[str, float]:
    """Wall time of the command line on one short document, all of it."""
    note = out / "note.txt"
    note.write_text(NOTE, encoding="utf-8")
    began = time.perf_counter()
    command = ["-m", "setaccio.cli.main", "extract", str(note), "--model", str(TINY_GGUF)]
    answer, words = _child(command)
    seconds = time.perf_counter() - began
    if not answer.startswith("{"):
        raise SetaccioError(f"the command line failed: {words}")
    return {"seconds": seconds}


def _child(arguments: list[str], given: str = "") -> tuple[str, str]:
    """Run Python on this tree; returns what it printed, and its last words or its exit status."""
    paths = os.pathsep.join([str(ROOT), *(path for path in sys.path if path)])
    child = subprocess.run(
        [sys.executable, *arguments],
        input=given,
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, "PYTHONPATH": paths},
        timeout=_PATIENCE,
        check=False,
    )
    return child.stdout, " ".join(child.stderr.split())[-400:] or f"status {child.returncode}"
