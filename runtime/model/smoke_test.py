"""Does llama.cpp work on this processor? Find out in a child process, where a crash is harmless.

Some compilers build a llama.cpp that crashes on the first quantised matrix product: GCC 12 drops
stores that AMX tiles need, and a build for another processor meets an illegal instruction. Models
in plain floats take another path and hide the fault, so the check insists on a quantised one.
"""

from __future__ import annotations

import os
import platform
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from setaccio.data.errors import UsageError
from setaccio.data.files.digests import package_versions

REINSTALL = (
    "CMAKE_ARGS=\"-DCMAKE_C_FLAGS='-fno-tree-dse -fno-dse -frecord-gcc-switches' "
    "-DCMAKE_CXX_FLAGS='-fno-tree-dse -fno-dse -frecord-gcc-switches'\" "
    "pip install --force-reinstall --no-deps --no-binary llama-cpp-python --no-cache-dir "
    "llama-cpp-python==0.3.36"
)
"""The command that builds llama.cpp without the faulty optimisation, and records its flags."""

PACKAGES = (
    "setaccio",
    "llama-cpp-python",
    "llguidance",
    "outlines",
    "jsonschema",
    "numpy",
    "pydantic",
)
_PATIENCE = 300.0
_CRASHES = frozenset({signal.SIGSEGV, signal.SIGILL, signal.SIGBUS, signal.SIGABRT, signal.SIGFPE})


@dataclass(frozen=True)
class SmokeResult:
    """How the smoke run went.

    Attributes:
        ok: whether the model loaded and generated.
        message: one line: what happened, and what to do when it went wrong.
        crash: name of the signal that ended the child, such as ``SIGSEGV``; empty otherwise.
    """

    ok: bool
    message: str
    crash: str = ""


def read_outcome(returncode: int, output: str, errors: str) -> SmokeResult:
    """Turn what a child process left behind into a result.

    Args:
        returncode: of the child; negative when a signal ended it.
        output: its standard output.
        errors: its standard error.
    """
    if returncode < 0:
        name = signal.Signals(-returncode).name
        if -returncode in _CRASHES:
            return SmokeResult(
                False,
                f"llama.cpp crashes on this processor ({name}). Build it anew with: {REINSTALL}",
                name,
            )
        return SmokeResult(False, f"The smoke run was ended by {name}. Try it again.", name)
    lines = (output if returncode == 0 else errors.strip() or output).strip().splitlines()
    last = lines[-1] if lines else f"the smoke run ended with status {returncode}"
    return SmokeResult(returncode == 0, last)


def run_apart(command: Sequence[str], patience: float = _PATIENCE) -> SmokeResult:
    """Run a command and read how it ended.

    Args:
        command: the program and its arguments.
        patience: seconds to wait.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    try:
        child = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=patience,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return SmokeResult(
            False, f"The smoke run did not end in {patience:.0f} s. Try a smaller model."
        )
    return read_outcome(child.returncode, child.stdout, child.stderr)


def quantised_smoke(path: str | Path) -> SmokeResult:
    """Load a quantised GGUF and generate a few tokens, in a child process.

    Args:
        path: a quantised GGUF.

    Returns:
        How it went; a crash of the child is a result, not an exception.

    Raises:
        UsageError: the GGUF is not quantised, which would hide the fault.
        ModelError: the file is missing, not a GGUF, or cut off.
    """
    from setaccio.runtime.model.gguf_header import read_header

    if not read_header(path).quantised:
        raise UsageError(
            f"{path}: is not quantised, so it would hide the fault. Give a quantised GGUF (Q8_0)."
        )
    return run_apart([sys.executable, "-m", "setaccio.runtime._run_smoke", str(path)])


def _cpu_facts() -> tuple[str, list[str]]:
    """Name of the processor and its vector extensions, where the system says them."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine(), []
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    wanted = ("amx", "avx", "fma", "f16c", "neon", "asimd", "sve", "i8mm")
    found = sorted(f for f in (flags.group(1).split() if flags else []) if f.startswith(wanted))
    return (name.group(1) if name else platform.machine()), found


def system_report() -> dict[str, Any]:
    """Facts about machine and installation that matter to the runtime.

    Returns:
        ``python``, ``platform``, ``cpu``, ``cpu_flags`` (vector extensions), ``amx``,
        ``cores`` (physical, usable), ``memory_gib``, ``memory_free_gib``, ``compiler`` (of
        llama.cpp; may be empty), ``llama_features``, ``amx_build`` (a
        :class:`setaccio.runtime.model.build.Judgement`) and ``versions`` (package to version).
    """
    import psutil

    from setaccio.runtime.model.build import installed_build, judge_build
    from setaccio.runtime.model.load import physical_cores

    cpu, flags = _cpu_facts()
    memory = psutil.virtual_memory()
    build = installed_build()
    amx = any(flag.startswith("amx") for flag in flags)
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": cpu,
        "cpu_flags": flags,
        "amx": amx,
        "cores": physical_cores(),
        "memory_gib": round(memory.total / 2**30, 1),
        "memory_free_gib": round(memory.available / 2**30, 1),
        "compiler": build.compiler,
        "llama_features": build.features,
        "amx_build": judge_build(build, amx_here=amx),
        "versions": {k: v or "not installed" for k, v in package_versions(PACKAGES).items()},
    }
