"""`setaccio serve` and `review` as processes of their own, on free ports of this machine."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli_process import COMMAND, environment

PATIENCE = 60.0
"""Seconds for the model to be loaded, or the process to end."""


@dataclass
class Served:
    """A running server.

    Attributes:
        url: where it listens.
        process: the process.
        log: the file that its standard error goes to.
    """

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        """What it has printed."""
        return self.log.read_text(encoding="utf-8")

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def end(self, with_signal: int = signal.SIGTERM) -> int:
        """End it; returns the exit code."""
        self.process.send_signal(with_signal)
        return self.process.wait(PATIENCE)


@contextmanager
def serve_cli(*arguments: object, folder: Path | None = None, **extra: str) -> Iterator[Served]:
    """Run `setaccio serve` until the block ends."""
    words = ("serve", "--port", "0", "--threads", "1", *map(str, arguments))
    with _running(words, folder, extra) as running:
        yield running


@contextmanager
def review_cli(*arguments: object, folder: Path | None = None) -> Iterator[Served]:
    """Run `setaccio review` until the block ends."""
    words = ("review", "--port", "0", "--no-browser", *map(str, arguments))
    with _running(words, folder, {}) as running:
        yield running


@contextmanager
def _running(
    words: tuple[str, ...], folder: Path | None, extra: dict[str, str]
) -> Iterator[Served]:
    with tempfile.TemporaryDirectory() as own:
        log = Path(own) / "log"
        with log.open("wb") as stderr:
            process = subprocess.Popen(
                [*COMMAND, *words],
                stdin=subprocess.DEVNULL,
                stderr=stderr,
                cwd=folder or own,
                env=environment(**extra),
                # A shell that runs the tests in the background has them ignore Ctrl-C.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )
        try:
            yield Served(_address(process, log).rstrip("/"), process, log)
        finally:
            process.kill()
            process.wait(PATIENCE)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        found = re.search(r" at (http://\S+) ", log.read_text(encoding="utf-8"))
        if found:
            return found[1]
        time.sleep(0.02)
    raise AssertionError(log.read_text(encoding="utf-8"))
