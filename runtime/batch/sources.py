"""Where documents come from: files of any kind that is read, folders, JSON Lines, standard input.

Contract: ``read_sources`` yields a :class:`Document` or a :class:`Problem` for everything that was
named, one at a time and in order, so that what can not be read neither stops the rest nor
disappears. Folders are walked and files are read as their turn comes: millions of documents cost
no more memory than one. ``as_they_come`` reads ahead of a slow pipe without anyone waiting for it.
"""

from __future__ import annotations

import os
import queue
import re
import stat
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeVar

from setaccio.data.documents.kinds import KINDS, SUFFIXES, TEXT_SUFFIXES, require_named
from setaccio.data.documents.reading import read_stream
from setaccio.data.errors import MissingExtraError, UsageError
from setaccio.data.records import Document, Problem, read_documents

Item = TypeVar("Item")
STDIN = "-"
STDIN_LABEL = "<stdin>"
JSONL_SUFFIXES = frozenset({".jsonl", ".ndjson"})
FOLDER_SUFFIXES = TEXT_SUFFIXES | SUFFIXES
"""How the names of the files end that are read from a folder."""

_READ = ", ".join(sorted(FOLDER_SUFFIXES))
_LINE = re.compile(r":\d+$")

READ_AHEAD = 16
"""Documents that are read from a pipe before they are asked for."""


def find_sources(names: Sequence[str], jsonl: bool = False) -> list[str]:
    """Check that everything that is named is there.

    Args:
        names: files, folders (the texts and documents inside are meant, sorted, subfolders
            included), or ``-`` for standard input.
        jsonl: every source is read as JSON Lines.

    Returns:
        The names; standard input where there are none.

    Raises:
        UsageError: something is not there, a folder holds no text, or nothing is named.
        MissingExtraError: what reads a file that is named is not installed.
    """
    if not names:
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError("Nothing to read. Name files or folders, or - for standard input.")
        return [STDIN]
    for name in names:
        path = Path(name)
        if name == STDIN:
            if sys.stdin is None:
                raise UsageError("-: standard input is closed. Name files or folders.")
            continue
        if path.is_dir():
            if not any(isinstance(found, str) for found in _walk(path, jsonl)):
                raise UsageError(f"{name}: no text or document in this folder. Read are {_READ}.")
        elif not path.exists():  # a pipe or a device is read like a file
            raise UsageError(f"{name}: no such file or folder. Check the path.")
        elif not jsonl:
            require_named(name)
    return list(names)


def is_source(path: Path, names: Sequence[str]) -> bool:
    """Whether a file is one of the sources, under whatever name, or would be one if it were
    there."""
    target = path.resolve()
    there = target.stat() if target.is_file() else None
    for name in names:
        if name == STDIN:
            if there and sys.stdin and os.path.samestat(there, os.fstat(sys.stdin.fileno())):
                return True
            continue
        source = Path(name).resolve()
        if target == source or (there and source.exists() and target.samefile(source)):
            return True
        if source.is_dir():
            if target.suffix.lower() in FOLDER_SUFFIXES and source in target.parents:
                return True
            # Only a file that has a second name can be one of those inside under another one.
            if there and there.st_nlink > 1:
                inside = (found for found in _walk(source) if isinstance(found, str))
                if any(target.samefile(found) for found in inside):
                    return True
    return False


def belongs_to(identifier: str, names: Sequence[str], jsonl: bool) -> bool:
    """Whether an id is that of a file among the sources, or of one line of it (``FILE:7``).

    Of a folder only the files that are read from it count, and that are there. An id that a
    document brought with it tells nothing of its source.

    Args:
        identifier: the id.
        names: the sources.
        jsonl: every source is read as JSON Lines.
    """
    labels = {STDIN_LABEL if name == STDIN else readable_name(name) for name in names}
    folders = [Path(name) for name in names if name != STDIN and Path(name).is_dir()]
    # What is attached to a message has its name, and then its own.
    ends = [match.start() for match in re.finditer("#", identifier)]
    for whole in (identifier, *(identifier[:end] for end in ends)):
        file = _LINE.sub("", whole)
        path = Path(file)
        if file in labels:
            return True
        if (file != whole and not jsonl) or path.suffix.lower() not in FOLDER_SUFFIXES:
            continue
        if any(folder in path.parents for folder in folders) and path.is_file():
            return True
    return False


def readable_name(name: str) -> str:
    """A file's name as text that any reader of JSON takes.

    Bytes that are not UTF-8 become ``\\xff``, and a backslash in such a name two of them, so that
    two files never share an id. Other names stay as they are.
    """
    if "\\x" not in name and not any("\ud800" <= letter <= "\udfff" for letter in name):
        return name
    raw = name.replace("\\", "\\\\").encode("utf-8", "surrogateescape")
    return raw.decode("utf-8", "backslashreplace")


def is_jsonl(name: str, forced: bool) -> bool:
    """Whether a source is read as JSON Lines rather than as one document."""
    return forced or Path(name).suffix.lower() in JSONL_SUFFIXES


def identify(item: Document | Problem, jsonl: bool) -> tuple[str, str]:
    """Id of a document, or of what stands in the place of one that can not be read, and its text.

    Args:
        item: as from :func:`read_sources`.
        jsonl: whether every source is read as JSON Lines.

    Returns:
        Id and text; of a problem the text is what is wrong.
    """
    if isinstance(item, Document):
        return item.id, item.text
    one_of_many = item.line and is_jsonl(item.source, jsonl)
    return (f"{item.source}:{item.line}" if one_of_many else item.source), str(item)


def count_documents(names: Sequence[str], jsonl: bool) -> int | None:
    """How many documents there are, or None when only reading could tell."""
    total = 0
    for name in names:
        path = Path(name)
        if name == STDIN or not (path.is_dir() or path.is_file()):
            return None
        for found in _walk(path, jsonl) if path.is_dir() else [name]:
            if Path(str(found)).suffix.lower() in KINDS["mail"] and not jsonl:
                return None  # it may have attachments
            total += _count_file(str(found), jsonl)
    return total


def _count_file(name: str, jsonl: bool) -> int:
    if not is_jsonl(name, jsonl):
        return 1
    try:
        with Path(name).open("rb") as stream:
            return sum(1 for line in stream if line.strip())
    except OSError:
        return 1


def read_sources(
    names: Sequence[str], jsonl: bool, others: Counter[str] | None = None
) -> Iterator[Document | Problem]:
    """Read documents from what :func:`find_sources` found.

    Args:
        names: the sources.
        jsonl: read every source as JSON Lines, not only those named ``.jsonl``.
        others: counts the files of folders that are not read for their kind, by the end of their
            names; hidden ones are left out.
    """
    for name in names:
        if name == STDIN:
            # Not sys.stdin's own buffer: a thread that still reads must not hold it at the exit.
            with open(sys.stdin.fileno(), "rb", closefd=False) as stream:
                yield from _read(stream, STDIN_LABEL, jsonl)
        elif Path(name).is_dir():
            for found in _walk(Path(name), jsonl, others):
                if isinstance(found, Problem):
                    yield found
                else:
                    yield from _read_file(found, jsonl)
        else:
            yield from _read_file(name, jsonl)


def may_be_slow(names: Sequence[str]) -> bool:
    """Whether one of the sources is a pipe or a device, where the next document may be long in
    coming."""
    return any(
        not stat.S_ISREG(os.fstat(sys.stdin.fileno()).st_mode)
        if name == STDIN
        else not (Path(name).is_file() or Path(name).is_dir())
        for name in names
    )


def as_they_come(items: Iterator[Item]) -> Iterator[Item | None]:
    """Read items in a thread, so that nobody has to wait for the next one.

    Args:
        items: what to read.

    Yields:
        The items in order, and None whenever the next one has not come yet.

    Raises:
        Exception: what reading raised, after the items before it.
    """
    fetched: queue.Queue[Item | _End] = queue.Queue(READ_AHEAD)

    def fetch() -> None:
        try:
            for item in items:
                fetched.put(item)
        except Exception as error:  # belongs to whoever asked for the items
            fetched.put(_End(error))
        else:
            fetched.put(_End(None))

    # A daemon: a pipe that nobody closes must not keep the process from ending.
    threading.Thread(target=fetch, daemon=True).start()
    while True:
        try:
            found = fetched.get_nowait()
        except queue.Empty:
            yield None
            continue
        if isinstance(found, _End):
            if found.error is not None:
                raise found.error
            return
        yield found


class _End(NamedTuple):
    """The end of what is read, and what ended it early."""

    error: Exception | None


def _walk(
    folder: Path, jsonl: bool = False, others: Counter[str] | None = None
) -> Iterator[str | Problem]:
    """Names of the texts and documents in a folder and its subfolders, sorted; links to folders
    are not followed, so that no circle is walked. Counts the ends of other files' names."""
    suffixes = TEXT_SUFFIXES if jsonl else FOLDER_SUFFIXES
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        label = readable_name(str(folder))
        yield Problem(label, 0, f"can not be read ({error.strerror}). Check the folder.")
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(path, jsonl, others)
        elif path.suffix.lower() in suffixes and entry.is_file():
            yield str(path)
        elif others is not None and not entry.name.startswith("."):
            others[path.suffix.lower()] += 1


def _read_file(name: str, jsonl: bool) -> Iterator[Document | Problem]:
    try:
        with Path(name).open("rb") as stream:
            yield from _read(stream, readable_name(name), is_jsonl(name, jsonl))
    except OSError as error:
        yield Problem(
            readable_name(name), 0, f"can not be read ({error.strerror}). Check the file."
        )


def _read(stream: BinaryIO, label: str, jsonl: bool) -> Iterator[Document | Problem]:
    if jsonl:
        yield from read_documents(stream, label)
        return
    try:
        yield from read_stream(stream, label)
    except MissingExtraError as error:  # of a file in a folder, among others that can be read
        yield Problem(label, 0, str(error))
