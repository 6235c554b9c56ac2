"""Documents and pairs: JSON Lines on disk, streaming in memory.

A document is ``{"id", "text"}``, a pair ``{"id", "text", "gold"}``. Readers yield records one at a
time; a line that can not be used is yielded as a :class:`Problem` that names file, line and
reason, so that one bad line neither stops the others nor disappears.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from setaccio.data.errors import DataError, UsageError
from setaccio.data.task import dump_compact

_NEW_FILE = 0o644
_STANDARD = ("/dev/stdout", "/dev/stderr")
_DESCRIPTORS = (Path("/dev/fd"), Path("/proc/self/fd"))
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True)
class Document:
    """A text to extract from. ``id`` is unique within its source."""

    id: str
    text: str


@dataclass(frozen=True)
class Pair:
    """A document and what should come out of it (``gold``, a JSON object)."""

    id: str
    text: str
    gold: dict[str, Any]


@dataclass(frozen=True)
class Problem:
    """A line or file that could not be used.

    Attributes:
        source: file name, or ``<stdin>``.
        line: line number from 1, or 0 when the whole file is meant.
        message: what is wrong with it.
    """

    source: str
    line: int
    message: str

    def __str__(self) -> str:
        """Render as ``file:line: message``."""
        where = f"{self.source}:{self.line}" if self.line else self.source
        return f"{where}: {self.message}"


def _not_json(word: str) -> Any:
    raise ValueError(f"{word} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _not_json(digits)


def _unwritable(value: Any) -> bool:
    """Whether half of a surrogate pair is somewhere in it, which no encoding can write."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def read_jsonl(stream: Iterable[bytes], source: str) -> Iterator[tuple[int, Any] | Problem]:
    """Parse JSON Lines, blank lines skipped.

    Stricter than Python's reader: ``NaN`` and numbers beyond a float's range are no JSON (RFC 8259,
    section 6), and an escaped half of a surrogate pair is no text.

    Args:
        stream: lines of bytes, as from a file opened in binary mode.
        source: what problems should name.

    Yields:
        ``(line number, value)``, or a :class:`Problem` for a line that is not UTF-8 JSON.
    """
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
            value = json.loads(text, parse_constant=_not_json, parse_float=_finite)
        except UnicodeDecodeError as error:
            yield Problem(source, number, f"not UTF-8 at byte {error.start} of the line")
        except (ValueError, RecursionError) as error:  # also a number of too many digits
            yield Problem(source, number, f"not JSON ({error})")
        else:
            if _SURROGATE.search(text) and _unwritable(value):
                said = "half of a surrogate pair (\\ud800 to \\udfff), which is no Unicode text"
                yield Problem(source, number, f"holds {said}")
            else:
                yield number, value


def _text_of(value: Any) -> str | None:
    text = value.get("text") if isinstance(value, dict) else None
    return text if isinstance(text, str) else None


def _id_of(value: dict[str, Any], otherwise: str) -> str:
    given = value.get("id")
    return otherwise if given is None else str(given)


def read_documents(stream: Iterable[bytes], source: str) -> Iterator[Document | Problem]:
    """Read documents from lines of ``{"id", "text"}``; a missing id becomes ``source:line``."""
    for item in read_jsonl(stream, source):
        if isinstance(item, Problem):
            yield item
            continue
        number, value = item
        text = _text_of(value)
        if text is None:
            yield Problem(source, number, 'no "text" string in this line')
        else:
            yield Document(_id_of(value, f"{source}:{number}"), text)


def read_pairs(path: str | Path) -> Iterator[Pair | Problem]:
    """Read pairs from a JSON Lines file of ``{"id", "text", "gold"}``.

    Raises:
        UsageError: there is no such file.
    """
    path = Path(path)
    try:
        stream = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path}: can not be read ({error.strerror}).") from error
    with stream:
        for item in read_jsonl(stream, str(path)):
            if isinstance(item, Problem):
                yield item
                continue
            number, value = item
            text = _text_of(value)
            if text is None:
                yield Problem(str(path), number, 'no "text" string in this line')
            elif not isinstance(value.get("gold"), dict):
                yield Problem(str(path), number, 'no "gold" object in this line')
            else:
                yield Pair(_id_of(value, str(number)), text, value["gold"])


def load_pairs(path: str | Path, *, skip_bad: bool = False) -> tuple[list[Pair], list[Problem]]:
    """Read a whole file of pairs.

    Args:
        path: a JSON Lines file.
        skip_bad: return bad lines as problems; by default they are refused.

    Returns:
        The pairs, and the problems (always empty unless ``skip_bad``).

    Raises:
        DataError: bad lines (unless ``skip_bad``), or no usable line at all.
        UsageError: there is no such file.
    """
    pairs: list[Pair] = []
    problems: list[Problem] = []
    for item in read_pairs(path):
        if isinstance(item, Problem):
            problems.append(item)
        else:
            pairs.append(item)
    if problems and not skip_bad:
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise DataError(f"{problems[0]}{more}. Repair or remove these lines.")
    if not pairs:
        raise DataError(f"{path}: no usable pair. Each line is {{id, text, gold}}.")
    return pairs, problems


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[IO[str]]:
    """Open a text file that appears under its name only when it is complete.

    It is written beside the target under a temporary name, flushed to disk and renamed, so a
    reader never sees half a file and a failure leaves the former file as it was. A link stays a
    link: the file that it points to is replaced. Into a device or pipe (``/dev/stdout``) the text
    is written as it comes; there is nothing to rename.

    Raises:
        UsageError: the folder does not exist or can not be written.
        OSError: writing failed on the way, as on a full disk; names the file.
    """
    path = Path(path)
    if _is_stream(path):
        with _named_failures(path), _open_stream(path) as stream:
            yield stream
        return
    try:
        target = path.resolve()
    except (OSError, RuntimeError) as error:
        raise UsageError(f"{path}: is a link that leads round in a circle.") from error
    with _named_failures(path), _open_temporary(target) as (stream, temporary):
        yield stream
        stream.flush()
        os.fsync(stream.fileno())
        temporary.replace(target)


def _open_stream(path: Path) -> IO[str]:
    try:
        return path.open("a", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: can not be written ({error.strerror}).") from error


@contextlib.contextmanager
def _open_temporary(path: Path) -> Iterator[tuple[IO[str], Path]]:
    """A new file beside ``path`` with its permissions; gone at the end unless it was renamed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else _NEW_FILE
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise UsageError(f"{path}: can not be written ({error.strerror}).") from error
    try:
        Path(temporary).chmod(mode)
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            yield stream, Path(temporary)
    finally:
        Path(temporary).unlink(missing_ok=True)


@contextlib.contextmanager
def _named_failures(path: Path) -> Iterator[None]:
    """Say which file could not be written: the system's own error leaves it out."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or isinstance(error, BrokenPipeError):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def _is_stream(path: Path) -> bool:
    """Whether it is something to write into, such as a device or pipe, not a file to replace."""
    given = path.absolute()
    if str(given) in _STANDARD or given.parent in _DESCRIPTORS:
        return True  # whatever the shell has put behind it, a file to append to included
    return path.exists() and not (path.is_file() or path.is_dir())


def write_pairs(path: str | Path, pairs: Iterable[Pair]) -> int:
    """Write pairs as JSON Lines, whole or not at all.

    Returns:
        How many were written.
    """
    count = 0
    with atomic_write(path) as stream:
        for pair in pairs:
            row = {"id": pair.id, "text": pair.text, "gold": pair.gold}
            stream.write(dump_compact(row) + "\n")
            count += 1
    return count
