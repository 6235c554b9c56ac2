"""Run parts, each in a process of its own, and keep what is finished.

A result is kept as ``<out>/parts/<name>.json`` together with a digest of everything that it depends
on (job, code, models, versions); it is used again while that digest is the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
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
from setaccio.data.errors import SetaccioError
from setaccio.data.files.atomic import atomic_write
from setaccio.data.files.digests import package_versions
from setaccio.runtime.model.smoke_test import system_report

ROOT = Path(__file__).parent.parent
PACKAGES = ("llama-cpp-python", "llguidance", "outlines", "outlines-core", "numba", "xllamacpp")
NOTE = "Beat 2 eggs with 50 g sugar, fold in 100 g flour and bake for 20 minutes. Let it cool."
"""The short document of the cold start."""
FAILED = "failed"
"""Key of a result that tells why there is none; tried again by the next run."""
_NO_MORE_THAN_AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}
_PATIENCE = 900.0
_ENDINGS = (0, 1)  # 1 where answers are cut off, as they should be


def machine(threads: int, parallel: int) -> dict[str, Any]:
    """What the numbers depend on: processor, versions, threads."""
    report = system_report()
    others = package_versions(PACKAGES)
    versions = {**report["versions"], **{k: v or "not installed" for k, v in others.items()}}
    kept = ("cpu", "cores", "memory_gib", "platform", "python", "compiler", "llama_features")
    return {
        **{name: report[name] for name in kept},
        "threads": threads,
        "parallel": parallel,
        "versions": versions,
        "level": simd_level(report["llama_features"].upper().replace(" = 1", "").split()),
        "cpu_level": simd_level(_cpu_flags()),
    }


def simd_level(flags: Sequence[str]) -> str:
    """The widest vector instructions among some flags, in words."""
    names = {flag.replace("_", "").upper() for flag in flags}
    known = {"AMXINT8": "AMX", "AVX512F": "AVX-512", "AVX512": "AVX-512", "AVX2": "AVX2"}
    known |= {"AVX": "AVX", "NEON": "NEON", "ASIMD": "NEON"}
    return next((words for flag, words in known.items() if flag in names), "unknown")


def _cpu_flags() -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = (line for line in lines if line.lower().startswith(("flags", "features")))
    return next(found, "").partition(":")[2].split()


def _code() -> str:
    """Digest of the code under test and of the benchmark."""
    digest = hashlib.sha256()
    for folder in ("data", "models", "runtime", "cli", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "report" not in path.parts:
                digest.update(path.read_bytes())
    return digest.hexdigest()


def fingerprint(part: Part, facts: dict[str, Any]) -> str:
    """Digest of everything that a part's result depends on.

    Args:
        part: the part.
        facts: from :func:`machine`.
    """
    job = asdict(part.job) if part.job else [part.arguments, part.asks and asdict(part.asks)]
    files = [part.job.model, part.job.adapter, part.job.case.source] if part.job else []
    stamps = [(f, Path(f).stat().st_size, int(Path(f).stat().st_mtime)) for f in files if f]
    depends = [facts[name] for name in ("versions", "cpu", "level", "threads")]
    text = json.dumps([part.name, job, stamps, depends, _code()])
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
                    result = _run(part, out, facts["level"])
                    with atomic_write(path) as stream:
                        json.dump({"fingerprint": mark, "at": begun, "result": result}, stream)
                except (SetaccioError, OSError, ValueError, subprocess.TimeoutExpired) as error:
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


def _run(part: Part, out: Path, level: str) -> Any:
    if part.job is None:
        return _command(part, out)
    path = out / "parts" / f".{part.name}.child.json"
    path.unlink(missing_ok=True)
    with busy_core(part.job.case.busy):
        child = subprocess.run(
            [sys.executable, "-m", "benchmarks.arms.child", str(path)],
            input=json.dumps(asdict(part.job)),
            capture_output=True,
            text=True,
            errors="replace",
            env=environment(level if part.group == "roofline" else ""),
            timeout=_PATIENCE + 3 * part.seconds,
            check=False,
        )
    if not path.is_file():
        words = (child.stderr.strip().splitlines() or [""])[-1][-300:]
        raise SetaccioError(words or f"ended with status {child.returncode}")
    result = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    return result


@contextlib.contextmanager
def busy_core(wanted: bool) -> Iterator[None]:
    """Keep one core busy meanwhile."""
    spin = subprocess.Popen([sys.executable, "-c", "while True: pass"]) if wanted else None
    try:
        yield
    finally:
        if spin is not None:
            spin.kill()
            spin.wait()


def environment(level: str = "") -> dict[str, str]:
    """A child's: Python finds this tree; PyTorch computes with what llama.cpp was compiled for."""
    paths = os.pathsep.join([str(ROOT), *(path for path in sys.path if path)])
    return {**os.environ, "PYTHONPATH": paths, **(_NO_MORE_THAN_AVX2 if level == "AVX2" else {})}


def _command(part: Part, out: Path) -> dict[str, float]:
    """Wall time and memory of the command line, all of it."""
    source = out / ("documents.jsonl" if part.asks else "note.txt")
    rows = [asdict(document) for document in part.asks.documents()] if part.asks else []
    source.write_text("".join(json.dumps(row) + "\n" for row in rows) or NOTE, encoding="utf-8")
    given = [] if part.group == "help" else ["extract", str(source)]
    command = [sys.executable, "-m", "setaccio.cli.main", *given, *part.arguments]
    with (out / "command.out").open("w+") as words:
        began = time.perf_counter()
        child = subprocess.Popen(command, stdout=words, stderr=words, env=environment())
        stop = threading.Timer(_PATIENCE, child.kill)
        stop.start()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        stop.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in _ENDINGS[: 2 if part.asks else 1]:
            words.seek(0)
            raise SetaccioError(words.read()[-300:] or f"status {child.returncode}")
    scale = 1 if sys.platform == "darwin" else 1024
    return {"seconds": seconds, "peak_bytes": float(usage.ru_maxrss * scale)}


def run_program(main: Callable[[Sequence[str]], int | None], stopped: str = "Stopped.") -> None:
    """End the program with what ``main`` returns; a refusal is one line, and so is Ctrl-C.

    Args:
        main: takes the command line's words.
        stopped: what is said after Ctrl-C.
    """
    try:
        sys.exit(main(sys.argv[1:]))
    except SetaccioError as error:
        sys.stderr.write(f"Error: {error}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write(f"{stopped}\n")
        sys.exit(130)
