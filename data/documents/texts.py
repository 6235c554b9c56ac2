"""Every text in a document of a known kind, attachments included. Runs in the child process.

Contract: ``texts_of(data, kind, limits)`` never raises for what is wrong with the document; what
can not be read is a :class:`Found` with an error in its place, and the others still come.
"""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from setaccio.data.documents.extracted import Extracted, Found
from setaccio.data.documents.kinds import require_reader
from setaccio.data.errors import SetaccioError

READERS = {
    "pdf": ("pdf", "read_pdf"),
    "web page": ("web_page", "read_web_page"),
    "word": ("word", "read_word"),
    "excel": ("excel", "read_excel"),
}
"""The module of each kind that holds one text, and its function."""

MOST_DEEP = 20
"""Messages inside messages that are read."""


class TextLimits(NamedTuple):
    """What is taken of one document: characters of a text, texts, and bytes of memory."""

    characters: int
    documents: int
    memory: int


def texts_of(data: bytes, kind: str, limits: TextLimits, deep: int = 0) -> Iterator[Found]:
    """Read a document.

    Args:
        data: the file.
        kind: a key of :data:`setaccio.data.documents.kinds.KINDS`.
        limits: what is taken.
        deep: messages that this one is attached in.

    Yields:
        The document's own text, then those of its attachments, or errors in their places.
    """
    if kind == "mail":
        yield from _mail(data, limits, deep)
        return

    def read(out: Extracted) -> None:
        require_reader(kind)
        module, function = READERS[kind]
        getattr(importlib.import_module(f"setaccio.data.documents.{module}"), function)(data, out)

    yield _attempt(read, limits)


def _mail(data: bytes, limits: TextLimits, deep: int) -> Iterator[Found]:
    from setaccio.data.documents.mail import Mail

    mails: list[Mail] = []

    def read(out: Extracted) -> None:
        mails.append(Mail(data))
        mails[0].write(out)

    yield _attempt(read, limits)
    for attachment in mails[0].attachments if mails else ():
        name = f"#{attachment.name}"
        if attachment.kind is None:
            yield _attempt(attachment.write, limits)._replace(name=name)
        elif deep >= MOST_DEEP:
            yield Found(name, error=f"is attached {deep} deep. Save it as a file of its own.")
        else:
            for found in texts_of(attachment.data(), attachment.kind, limits, deep + 1):
                yield found._replace(name=name + found.name)


def _attempt(read: Callable[[Extracted], None], limits: TextLimits) -> Found:
    """One text, or what is wrong with it."""
    out = Extracted(limits.characters)
    try:
        read(out)
        if text := out.text:
            return Found("", text, out.places)
        return Found("", error="holds no text. Check what it is.")
    except SetaccioError as error:
        return Found("", error=str(error))
    except RecursionError:
        return Found("", error="is nested too deep to be read. Save it anew.")
    except MemoryError:
        pass
    except Exception as error:  # a reader that stumbles over a document is that document's fault
        return Found("", error=f"can not be read ({type(error).__name__}). Save it anew.")
    del out
    gc.collect()
    return Found(
        "", error=f"takes more than {limits.memory / 1e6:,.0f} MB of memory to read. Split it."
    )
