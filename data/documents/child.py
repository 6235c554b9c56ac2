"""Read a document in a child process that is held to limits; never in this one.

Contract: ``ask(file, kind, limits)`` gives what :mod:`setaccio.data.documents.texts` finds in an
open file. Whatever the file does to its reader (a crash, all memory, no end) becomes an error of
that file. What comes back is JSON that is checked, never pickle.

A helper process starts at the first document and forks for each one, which takes milliseconds
where starting Python takes a tenth of a second. Threads that read at the same time have a helper
each. Helpers end with this process, however it ends: their socket is closed.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from setaccio.data.documents.extracted import Found, from_row

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from setaccio.data.documents._run_readers import main; main(int(sys.argv[2]))"
)
_KEPT = ("LD_LIBRARY_PATH", "PATH", "LANG", "LC_ALL", "TZ")
_PATIENCE = 20.0
"""Seconds beyond the limit in which the system ends a reader by itself."""
_CHUNK = 1 << 20
_BYTES_PER_CHARACTER = 60
_SPENT = "takes more than {} s to read. Split it into smaller files."


@dataclass(frozen=True)
class Limits:
    """What reading one document may take.

    Attributes:
        file_bytes: size of the file.
        characters: length of a text.
        documents: texts in one file: an e-mail and its attachments.
        memory: bytes of address space.
        cpu_seconds: time of the processor.
        seconds: time on the clock.
    """

    file_bytes: int = 256_000_000
    characters: int = 20_000_000
    documents: int = 1000
    memory: int = 1_500_000_000
    cpu_seconds: int = 60
    seconds: int = 180


class _Helper:
    """The process that forks readers; one document at a time."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        paths = json.dumps([path or str(Path.cwd()) for path in sys.path])
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", _START, paths, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={name: os.environ[name] for name in _KEPT if name in os.environ},
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for us
            )

    def read(self, file: int, kind: str, limits: Limits) -> Iterator[Found]:
        ours, theirs = os.pipe()
        try:
            job = {**asdict(limits), "kind": kind}
            try:
                socket.send_fds(self._channel, [json.dumps(job).encode()], [file, theirs])
            finally:
                os.close(theirs)
            ended = False
            for line in _lines(ours, limits):
                row = json.loads(line)
                ended = row.get("end") is True
                if not ended:
                    yield from_row(row)
            self._channel.settimeout(_PATIENCE)
            status = json.loads(self._channel.recv(64))
        finally:
            os.close(ours)
        if not ended:
            yield Found("", error=_why(status, limits))

    def close(self) -> None:
        self._channel.close()
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)  # the reader too
        self._process.wait()


def _lines(pipe: int, limits: Limits) -> Iterator[bytes]:
    """Whole lines, as long as there is time and they are not more than a reader may write."""
    until = time.monotonic() + limits.seconds + _PATIENCE
    most = limits.characters * _BYTES_PER_CHARACTER
    rest: list[bytes] = []
    while True:
        ready, _, _ = select.select([pipe], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            raise TimeoutError
        block = os.read(pipe, _CHUNK)
        most -= len(block)
        if most < 0:
            raise ValueError("more than a reader may write")
        *lines, last = block.split(b"\n")
        for line in lines:
            yield b"".join([*rest, line])
            rest = []
        rest.append(last)
        if not block:
            return


def _why(status: int, limits: Limits) -> str:
    """What is said of a document whose reader did not come to its end."""
    if status == -signal.SIGXCPU:
        return _SPENT.format(limits.cpu_seconds)
    if status == -signal.SIGALRM:
        return _SPENT.format(limits.seconds)
    name = signal.Signals(-status).name if status < 0 else f"status {status}"
    why = "it is damaged, or takes too much memory"
    return f"made its reader end early ({name}): {why}. Save it anew, or split it."


_idle: list[_Helper] = []
os.register_at_fork(after_in_child=_idle.clear)  # a socket has one owner


def ask(file: int, kind: str, limits: Limits) -> Iterator[Found]:
    """Read an open file.

    Args:
        file: its descriptor, at its beginning.
        kind: a key of :data:`setaccio.data.documents.kinds.KINDS`.
        limits: what it may take.

    Yields:
        What was found in it; at last an error of the file itself, where reading it ended early.
    """
    helper = _idle.pop() if _idle else _Helper()
    try:
        yield from helper.read(file, kind, limits)
    except (OSError, ValueError) as error:
        helper.close()
        late = isinstance(error, TimeoutError)
        why = _SPENT.format(limits.seconds) if late else "can not be read. Save it anew."
        yield Found("", error=why)
    except BaseException:  # a reader that nobody waits for must not answer the next question
        helper.close()
        raise
    else:
        _idle.append(helper)
