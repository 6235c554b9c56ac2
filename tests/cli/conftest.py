"""The command line as a user meets it: a process of its own.

A real quantised GGUF is needed: the tiny one, or the one that SETACCIO_TEST_GGUF names.
"""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest
from cli_process import COMMAND, Run, environment

# A shell that runs the tests in the background has them, and what they start, ignore Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `setaccio` with arguments in an empty folder."""

    def call(
        *arguments: object, stdin: str | bytes | None = None, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        content = stdin.encode() if isinstance(stdin, str) else stdin
        done = subprocess.run(
            [*COMMAND, *map(str, arguments)],
            input=b"" if content is None else content,
            capture_output=True,
            cwd=tmp_path,
            env=environment(**extra),
            timeout=300,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return call


@pytest.fixture(scope="session")
def gguf(tiny_gguf: Path) -> Path:
    """A real quantised model."""
    return tiny_gguf


@pytest.fixture
def quick(gguf: Path, recipe_file: Path) -> list[str]:
    """Flags for an extraction that ends soon whatever the model says."""
    flags = ["--model", gguf, "--task", recipe_file, "--max-tokens", 24, "--threads", 1]
    return list(map(str, flags))
