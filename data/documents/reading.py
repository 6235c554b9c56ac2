"""``read_document``: a file in, its text out, and those of what is attached to it.

    >>> for item in read_document("mail.eml"):
    ...     print(item.id if isinstance(item, Document) else f"not read: {item}")
    mail.eml
    mail.eml#invoice.pdf

Plain text is read here; everything else in a child process with limits
(:mod:`setaccio.data.documents.child`).
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from setaccio.data.documents.child import Limits, ask
from setaccio.data.documents.kinds import kind_of, require_reader
from setaccio.data.errors import UsageError
from setaccio.data.records import Document, Problem

_HEAD = 1024
_NOT_READ = {
    "zip": "is an archive, and no Word or Excel file by its name. Unpack it, or save it as PDF "
    "where it is a presentation, an OpenDocument file or a book.",
    "rtf": "is rich text (RTF), which is not read. Save it as .docx or PDF.",
    "ole": "is an encrypted Office file or one of before 2007. Save it as .docx or .xlsx, without "
    "a password.",
    "picture": "no text layer: it is a picture. Recognise its text first (OCR).",
}


def read_document(
    source: str | Path | bytes, name: str | None = None, limits: Limits | None = None
) -> list[Document | Problem]:
    """Read a text, PDF, e-mail, web page, Word or Excel file.

    Args:
        source: the file's path, or its content.
        name: what the ids begin with, by default the path; of a content also what tells its kind.
        limits: what reading it may take.

    Returns:
        The document, and behind it what is attached to it, with ids such as
        ``mail.eml#invoice.pdf``. What can not be read is a problem in its place. Where the file is
        no plain text, ``source_map`` of a document says what stands where.

    Raises:
        UsageError: there is no such file.
        MissingExtraError: what reads this kind is not installed.
    """
    if isinstance(source, bytes):
        with tempfile.TemporaryFile() as stream:
            stream.write(source)
            stream.seek(0)
            return list(read_stream(stream, name or "document", limits))
    path = Path(source)
    try:
        with path.open("rb") as stream:
            return list(read_stream(stream, name or str(path), limits))
    except OSError as error:
        raise UsageError(f"{path}: can not be read ({error.strerror}). Check the path.") from error


def read_stream(
    stream: BinaryIO, name: str, limits: Limits | None = None
) -> Iterator[Document | Problem]:
    """As :func:`read_document`, from an open file, one text at a time.

    Args:
        stream: opened in binary mode, at its beginning; a pipe is read to its end first.
        name: what the ids begin with.
        limits: what reading it may take.
    """
    limits = limits or Limits()
    with contextlib.ExitStack() as stack:
        file = stream
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            file = stack.enter_context(tempfile.TemporaryFile())
            while file.tell() <= limits.file_bytes and (block := stream.read(1 << 20)):
                file.write(block)
            file.seek(0)
        size = os.fstat(file.fileno()).st_size
        if size > limits.file_bytes:
            most = f"at most {limits.file_bytes / 1e6:,.0f} are read. Split it."
            yield Problem(name, 0, f"has more than {size // 1_000_000:,} MB; {most}")
            return
        head = file.read(_HEAD)
        kind = kind_of(head, name)
        if kind and not size:
            yield Problem(
                name, 0, "is empty: there is nothing in the file. Save or download it anew."
            )
            return
        if kind is None:
            yield _plain(head + file.read(), name, limits)
        elif kind in _NOT_READ:
            yield Problem(name, 0, _NOT_READ[kind])
        else:
            require_reader(kind)
            for found in ask(file.fileno(), kind, limits):
                identifier = name + found.name
                if found.error:
                    yield Problem(identifier, 0, found.error)
                else:
                    yield Document(identifier, found.text, found.places)


def _plain(content: bytes, name: str, limits: Limits) -> Document | Problem:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Problem(name, line, "not UTF-8 text. Save the file as UTF-8.")
    if len(text) > limits.characters:
        most = f"holds more than {limits.characters:,} characters. Split it into smaller files."
        return Problem(name, 0, most)
    return Document(name, text)
