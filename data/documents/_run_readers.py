"""Child process: reads documents, each in a process of its own that can open nothing.

Contract: :mod:`setaccio.data.documents.child` starts it with one end of a socket. A request is a
JSON object with two descriptors: the document, and a pipe for what was read. For each, this process
loads what reads that kind, forks, waits, and answers with the status of the process that it forked.
That one takes its limits of memory and time from the system, and of descriptors none that is new:
neither a file nor a socket can be opened, whatever a document makes a reader do. Rows go into the
pipe as JSON Lines; the last one says that it is the last.
"""

from __future__ import annotations

import codecs
import contextlib
import encodings
import gc
import importlib
import json
import os
import pkgutil
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

from setaccio.data.documents.extracted import REST, Found, to_row
from setaccio.data.documents.texts import READERS, TextLimits, texts_of

_REQUEST = 1 << 16
_NOBODY = 65534
_LATE = ("email.generator", "email.iterators")
"""What the standard library's reader of e-mails imports when it is used."""


def main(descriptor: int) -> None:
    """Answer requests until the socket is closed.

    Args:
        descriptor: of the socket, of the kind SOCK_SEQPACKET.
    """
    channel = socket.socket(fileno=descriptor)
    while True:
        request, descriptors, _, _ = socket.recv_fds(channel, _REQUEST, 2)
        if not request:
            return
        job = json.loads(request)
        _load(job["kind"])
        child = os.fork()
        if child == 0:
            channel.close()
            _be_reader(job, *descriptors)
        for each in descriptors:
            os.close(each)
        _, status = os.waitpid(child, 0)
        channel.send(json.dumps(os.waitstatus_to_exitcode(status)).encode())


def _load(kind: str) -> None:
    """Import what reads a kind, since nothing can be opened later."""
    os.environ["OPENPYXL_LXML"] = "False"  # the standard library's parser fetches no entity
    names = [module for module, _ in READERS.values()]
    for name in ["mail", *names] if kind == "mail" else [READERS[kind][0]]:
        try:
            importlib.import_module(f"setaccio.data.documents.{name}")
        except ImportError as error:  # said to whoever needs it, without a search for it
            sys.modules[(error.name or "").partition(".")[0]] = None  # type: ignore[assignment]
    if kind != "pdf":  # names in archives have encodings too
        for name in _LATE:
            importlib.import_module(name)
        for module in pkgutil.iter_modules(encodings.__path__):
            if module.name not in ("mbcs", "oem"):  # another system's
                importlib.import_module(f"encodings.{module.name}")
    gc.freeze()


def _known_encoding(name: str) -> codecs.CodecInfo | None:
    """Find an encoding; a name that none has is looked for in files, which can not be opened."""
    try:
        return encodings.search_function(name)
    except OSError:
        return None


def _be_reader(job: dict[str, Any], document: int, pipe: int) -> None:
    """Read one document and end."""
    code = 1
    try:
        os.dup2(document, 0)
        os.dup2(pipe, 1)
        os.closerange(3, 1024)
        codecs.unregister(encodings.search_function)
        codecs.register(_known_encoding)
        _limit(job)
        with os.fdopen(1, "wb", closefd=False) as stream:
            for found in _texts(job):
                stream.write(json.dumps(to_row(found)).encode() + b"\n")
                stream.flush()
            stream.write(b'{"end": true}\n')
        code = 0
    except BaseException:  # the status says it; a traceback would hold text of the document
        code = 1
    finally:
        os._exit(code)


def _limit(job: dict[str, Any]) -> None:
    """Let the system hold this process to its limits."""
    for kind, most in (
        (resource.RLIMIT_NOFILE, 3),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, job["memory"]),
    ):
        resource.setrlimit(kind, (most, most))
    seconds = job["cpu_seconds"]
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 5))  # a signal, then the end
    if os.geteuid() == 0:  # who may raise limits again
        with contextlib.suppress(OSError):
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(job["seconds"])


def _texts(job: dict[str, Any]) -> Iterator[Found]:
    limits = TextLimits(job["characters"], job["documents"], job["memory"])
    os.lseek(0, 0, os.SEEK_SET)  # it was looked into, to see what it is
    with os.fdopen(0, "rb", closefd=False) as stream:
        data = stream.read()
    for count, found in enumerate(texts_of(data, job["kind"], limits)):
        if count >= limits.documents:
            most = f"has more than {limits.documents} attachments. Save them as files."
            yield Found(REST, error=most)
            return
        yield found
