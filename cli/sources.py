"""Where documents come from: files, folders, JSON Lines, standard input.

Contract: ``read_sources`` yields a :class:`Document` or a :class:`Problem` for everything that was
named, one at a time and in order, so that what can not be read neither stops the rest nor
disappears.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from setaccio.data.errors import UsageError
from setaccio.data.records import Document, Problem, read_documents

STDIN = "-"
JSONL_SUFFIXES = frozenset({".jsonl", ".ndjson"})
TEXT_SUFFIXES = frozenset({".txt", ".md"})


def find_sources(names: Sequence[str]) -> list[str]:
    """Replace folders by the text files inside them, sorted, subfolders included.

    Args:
        names: files, folders, or ``-`` for standard input.

    Raises:
        UsageError: something is not there, a folder holds no text, or nothing is named.
    """
    if not names:
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError("Nothing to read. Name files or folders, or - for standard input.")
        return [STDIN]
    found: list[str] = []
    for name in names:
        path = Path(name)
        if name == STDIN or path.is_file():
            found.append(name)
        elif path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in TEXT_SUFFIXES)
            if not inside:
                raise UsageError(f"{name}: no .txt or .md file in this folder.")
            found += [str(p) for p in inside if p.is_file()]
        elif path.exists():  # a pipe or a device is read like a file
            found.append(name)
        else:
            raise UsageError(f"{name}: no such file or folder. Check the path.")
    return found


def is_jsonl(name: str, forced: bool) -> bool:
    """Whether a source is read as JSON Lines rather than as one document."""
    return forced or Path(name).suffix.lower() in JSONL_SUFFIXES


def count_documents(names: Sequence[str], jsonl: bool) -> int | None:
    """How many documents there are, or None when only reading could tell."""
    total = 0
    for name in names:
        if name == STDIN or not Path(name).is_file():
            return None
        if not is_jsonl(name, jsonl):
            total += 1
            continue
        try:
            with Path(name).open("rb") as stream:
                total += sum(1 for line in stream if line.strip())
        except OSError:
            total += 1
    return total


def read_sources(names: Sequence[str], jsonl: bool) -> Iterator[Document | Problem]:
    """Read documents from what :func:`find_sources` found.

    Args:
        names: the sources.
        jsonl: read every source as JSON Lines, not only those named ``.jsonl``.
    """
    for name in names:
        label = "<stdin>" if name == STDIN else name
        try:
            if name == STDIN:
                yield from _read(sys.stdin.buffer, label, is_jsonl(name, jsonl))
            else:
                with Path(name).open("rb") as stream:
                    yield from _read(stream, label, is_jsonl(name, jsonl))
        except OSError as error:
            yield Problem(label, 0, f"can not be read ({error.strerror}). Check the file.")


def _read(stream: BinaryIO, label: str, jsonl: bool) -> Iterator[Document | Problem]:
    if jsonl:
        yield from read_documents(stream, label)
        return
    content = stream.read()
    try:
        yield Document(label, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        yield Problem(label, line, "not UTF-8 text. Save the file as UTF-8.")
