"""The command line as a user meets it: a process of its own.

A real quantised GGUF is needed: the bundled one, or the one that SETACCIO_TEST_GGUF names.
"""

from __future__ import annotations

import os
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
def gguf() -> Path:
    """A real quantised model."""
    from setaccio.runtime import TINY_GGUF

    path = TINY_GGUF if TINY_GGUF.is_file() else Path(os.environ.get("SETACCIO_TEST_GGUF", ""))
    if not path.is_file():
        pytest.fail("no GGUF: bundle the tiny model or set SETACCIO_TEST_GGUF")
    return path


@pytest.fixture
def quick(gguf: Path) -> list[str]:
    """Flags for an extraction that ends soon whatever the model says."""
    return ["--model", str(gguf), "--task", "recipe", "--max-tokens", "24", "--threads", "1"]
