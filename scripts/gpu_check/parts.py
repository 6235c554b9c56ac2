"""Parts of a check as processes: run one until it ends or its time is up, and say why it failed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

from scripts.gpu_check.machine import ROOT

POLL_SECONDS = 0.5


class PartError(Exception):
    """A part failed or was ended; the message is its reason or says that the time was up."""


def say(line: str) -> None:
    """Tell what happens, on standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def write_whole(path: Path, text: str) -> None:
    """Write a file, whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def run_part(
    command: list[str],
    environment: dict[str, str],
    log: Path,
    until: float,
    watch: Callable[[], None] | None = None,
) -> None:
    """Run a command in the tree's folder, its output and its errors in two files.

    Args:
        command: program and arguments.
        environment: its environment.
        log: where its output goes; what it says on standard error lies beside it as
            ``<stem>.err.log``.
        until: value of ``time.monotonic()`` at which it is ended, with all that it started.
        watch: called twice a second meanwhile.

    Raises:
        PartError: it failed, or the time was up.
    """
    if time.monotonic() >= until:
        raise PartError("not begun: the time was up")
    errors = log.with_name(f"{log.stem}.err.log")
    # Two files: in one, lines of standard output that the child holds back until its end would
    # stand behind its error and be taken for the reason.
    with log.open("w", encoding="utf-8") as stream, errors.open("w", encoding="utf-8") as said:
        # A session of its own, so that compilers and workers that it started end with it.
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=stream,
            stderr=said,
            start_new_session=True,
        )
        try:
            while process.poll() is None and time.monotonic() < until:
                time.sleep(POLL_SECONDS)
                if watch:
                    watch()
            late = process.poll() is None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if late:
        raise PartError("the time was up")
    if process.returncode:
        raise PartError(_reason(errors, log) or f"exit {process.returncode}")


def _reason(*logs: Path) -> str:
    """Last line of the first of the files that holds any, at most 400 characters."""
    for log in logs:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
        written = [line.strip() for line in lines if line.strip()]
        if written:
            return written[-1][:400]
    return ""


def pack(folder: Path, archive: Path, leave_out: tuple[str, ...] = ()) -> None:
    """Write a folder as a tar archive, whole or not at all."""
    part = archive.with_name(f".{archive.name}")
    with tarfile.open(part, "w:gz") as tar:
        tar.add(folder, folder.name, filter=lambda x: None if _last(x.name) in leave_out else x)
    part.replace(archive)


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def write_logs(folder: Path, path: Path) -> None:
    """Write the ends of a folder's logs into one file, in the order they ended."""
    logs = sorted(folder.glob("*.log"), key=lambda log: log.stat().st_ctime)
    texts = (f"=== {log.stem}\n{log.read_text(errors='replace')[-20_000:]}\n" for log in logs)
    write_whole(path, "".join(texts))
