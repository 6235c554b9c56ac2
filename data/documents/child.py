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
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from setaccio.data.documents.extracted import REST, Found, from_row

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from setaccio.data.documents._run_readers import main; main(int(sys.argv[2]))"
)
_KEPT = ("LD_LIBRARY_PATH", "PATH", "LANG", "LC_ALL", "TZ")
_PATIENCE = 20.0
"""Seconds beyond the limit in which the system ends a reader by itself."""
_CHUNK = 1 << 20
_IN_MEMORY = 8 << 20  # bytes of rows; more of them wait on disk
_END = b'{"end": true}\n'
_BYTES_PER_CHARACTER = 60
_BROKEN = "can not be read. Save it anew."
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

    @property
    def lives(self) -> bool:
        return self._process.poll() is None

    def read(self, file: int, kind: str, limits: Limits, rows: IO[bytes]) -> int:
        """Write what the reader says into ``rows``, to its end; gives its status."""
        ours, theirs = os.pipe()
        try:
            job = {**asdict(limits), "kind": kind}
            try:
                socket.send_fds(self._channel, [json.dumps(job).encode()], [file, theirs])
            finally:
                os.close(theirs)
            _copy(ours, rows, limits)
        finally:
            os.close(ours)
        self._channel.settimeout(_PATIENCE)
        return int(json.loads(self._channel.recv(64)))

    def close(self) -> None:
        self._channel.close()
        if self._process.returncode is None:  # or the number may be another process's by now
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)  # the reader too
        self._process.wait()


def _copy(pipe: int, rows: IO[bytes], limits: Limits) -> None:
    """Read to the end, as long as there is time and it is not more than a reader may write."""
    until = time.monotonic() + limits.seconds + _PATIENCE
    most = limits.characters * _BYTES_PER_CHARACTER
    poll = select.poll()  # select takes no descriptor above 1,023
    poll.register(pipe, select.POLLIN)
    while True:
        if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
            raise TimeoutError
        block = os.read(pipe, _CHUNK)
        if not block:
            return
        most -= len(block)
        if most < 0:
            raise ValueError("more than a reader may write")
        rows.write(block)


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
        What was found in it; at last an error of the file itself, or of the rest of it, where
        reading it ended early. The file is read to its end before the first: whoever takes long
        over one text costs the others no time.
    """
    with tempfile.SpooledTemporaryFile(_IN_MEMORY) as rows:
        why = _read(file, kind, limits, rows)
        rows.seek(0)
        begun = False
        try:
            for line in rows:
                if line == _END:
                    return
                if line.endswith(b"\n"):  # or it was cut off
                    yield from_row(json.loads(line))
                    begun = True
        except ValueError:
            why = _BROKEN
        yield Found(REST if begun else "", error=why)


def _read(file: int, kind: str, limits: Limits, rows: IO[bytes]) -> str:
    """Have a file read; gives why it ended, which matters where the last row is not the end."""
    helper = _take()
    try:
        status = helper.read(file, kind, limits, rows)
    except (OSError, ValueError) as error:
        helper.close()
        late = isinstance(error, TimeoutError)
        return _SPENT.format(limits.seconds) if late else _BROKEN
    except BaseException:  # a reader that nobody waits for must not answer the next question
        helper.close()
        raise
    _idle.append(helper)
    return _why(status, limits)


def _take() -> _Helper:
    """A helper that waits, or a new one; what killed an idle one is no document's fault."""
    with contextlib.suppress(IndexError):  # another thread may take the last one first
        while not (helper := _idle.pop()).lives:
            helper.close()
        return helper
    return _Helper()
