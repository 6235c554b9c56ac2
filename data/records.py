"""Documents and pairs: JSON Lines on disk, streaming in memory.

A document is ``{"id", "text"}``, a pair ``{"id", "text", "gold"}`` and, where it has them, a
``weight`` and ``examples``. Readers yield records one at a time; a line that can not be used is
yielded as a :class:`Problem` that names file, line and reason, so that one bad line neither stops
the others nor disappears.
"""

from __future__ import annotations

import codecs
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from setaccio.data.errors import DataError, UsageError
from setaccio.data.files.atomic import atomic_write as atomic_write
from setaccio.data.files.json_text import parse_json, unwritable
from setaccio.data.task.task import Shot, dump_compact
from setaccio.data.text.places import SourceMap

# The small files of pairs and recipes that come with the package.
SAMPLE_FOLDER = Path(__file__).parent / "samples"
BOOKINGS_TRAIN = SAMPLE_FOLDER / "bookings_train.jsonl"
BOOKINGS_TEST = SAMPLE_FOLDER / "bookings_test.jsonl"
RECIPES_TOLD = SAMPLE_FOLDER / "recipes_told.jsonl"
RECIPES_RETOLD = SAMPLE_FOLDER / "recipes_retold.jsonl"

_COPY = re.compile(r"(?:~[a-z]+\d+)+$")
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True)
class Document:
    """A text to extract from. ``id`` is unique within its source; ``source_map`` says where what
    stands in the file, if that is no plain text."""

    id: str
    text: str
    source_map: SourceMap | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Pair:
    """A document and what should come out of it.

    Attributes:
        id: unique within its source.
        text: the document.
        gold: a JSON object.
        weight: how much its loss counts in training, above 0; 1 is one ordinary pair.
        examples: worked examples that stand in its training prompt in place of the task's own.
        labelled_by: the model that wrote the gold, where no person has seen it; otherwise empty.
    """

    id: str
    text: str
    gold: dict[str, Any]
    weight: float = 1.0
    examples: tuple[Shot, ...] = ()
    labelled_by: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The pair as its line holds it: what is at its default is not written."""
        row: dict[str, Any] = {"id": self.id, "text": self.text, "gold": self.gold}
        if self.weight != 1.0:
            row["weight"] = self.weight
        if self.examples:
            row["examples"] = [{"text": shot.text, "gold": shot.gold} for shot in self.examples]
        return row | ({"labelled_by": self.labelled_by} if self.labelled_by else {})


@dataclass(frozen=True)
class Problem:
    """A line or file that could not be used.

    Attributes:
        source: file name, or ``<stdin>``.
        line: line number from 1, or 0 when the whole file is meant.
        message: what is wrong with it.
        row: number of the row in the file, from 1, where its line holds several; otherwise 0.
        lines: how many lines of the file are lost by it; 0 where it is a doubt and nothing is.
    """

    source: str
    line: int
    message: str
    row: int = 0
    lines: int = 1

    def __str__(self) -> str:
        """Render as ``file:line: message``."""
        where = f"{self.source}:{self.line}" if self.line else self.source
        return (
            f"{where}: row {self.row}: {self.message}" if self.row else f"{where}: {self.message}"
        )


def origin_of(pair_id: str) -> str:
    """The id of the pair that a copy was made from (``a~typos1`` is one of ``a``), or the id."""
    return _COPY.sub("", pair_id) or pair_id


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
        if number == 1 and line.startswith(_WIDE):
            # Lines can not be told apart by their bytes there, so that the rest is no lines either.
            yield Problem(source, 1, "UTF-16 or UTF-32 text. Save the file as UTF-8")
            return
        if not line.strip():
            continue
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip()
            value = parse_json(text)
        except UnicodeDecodeError as error:
            yield Problem(source, number, f"not UTF-8 at byte {error.start} of the line")
        except ValueError as error:
            yield Problem(source, number, f"not JSON ({error})")
        else:
            if _SURROGATE.search(text) and unwritable(value):
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

    Args:
        path: the file. ``weight``, ``examples``, ``labelled_by`` and ``seen_by_person`` in a line
            are read too, other keys are not.

    Raises:
        UsageError: there is no such file.
    """
    for item in read_numbered_pairs(path):
        yield item if isinstance(item, Problem) else item[1]


def read_numbered_pairs(path: str | Path) -> Iterator[tuple[int, Pair] | Problem]:
    """As :func:`read_pairs`, each pair with the number of its line, from 1."""
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
            try:
                yield number, parse_pair(value, str(number))
            except ValueError as error:
                yield Problem(str(path), number, f"{error} in this line")


def parse_pair(value: Any, otherwise: str) -> Pair:
    """Make a pair of the JSON value that stands for it.

    Args:
        value: ``{"text", "gold"}``, with ``id`` and the rest where it has them.
        otherwise: its id where the value has none.

    Raises:
        ValueError: says which part is missing or wrong.
    """
    text = _text_of(value)
    if text is None:
        raise ValueError('no "text" string')
    if not text.strip():
        raise ValueError("the text is empty")
    if not isinstance(value.get("gold"), dict):
        raise ValueError('no "gold" object')
    weight, shots = value.get("weight"), value.get("examples")
    seen = value.get("seen_by_person") is True
    return Pair(
        _id_of(value, otherwise),
        text,
        value["gold"],
        1.0 if weight is None else parse_weight(weight),
        () if shots is None else _examples(shots),
        "" if seen else str(value.get("labelled_by") or ""),
    )


def parse_weight(value: Any) -> float:
    """A weight of a pair.

    Raises:
        ValueError: it is not a number above 0.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ValueError('the "weight" is not a number above 0')
    return float(value)


def _examples(value: Any) -> tuple[Shot, ...]:
    try:
        return tuple(Shot.model_validate(shot, strict=True) for shot in value)
    except (ValidationError, TypeError) as error:
        raise ValueError('the "examples" are not a list of {text, gold}') from error


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
    return collect_pairs(
        read_pairs(path), str(path), skip_bad=skip_bad, advice=" Each line is {id, text, gold}."
    )


def collect_pairs(
    items: Iterable[Pair | Problem], source: str, *, skip_bad: bool = False, advice: str = ""
) -> tuple[list[Pair], list[Problem]]:
    """Take pairs and problems apart.

    Args:
        items: what a reader of pairs yields.
        source: what an error should name.
        skip_bad: return problems; by default they are refused.
        advice: what can be done where nothing could be used.

    Raises:
        DataError: problems (unless ``skip_bad``), or no pair at all.
    """
    found = list(items)
    pairs = [item for item in found if isinstance(item, Pair)]
    problems = [item for item in found if isinstance(item, Problem)]
    if not skip_bad:
        refuse_problems(problems)
    if not pairs:
        raise DataError(f"{source}: no usable pair.{advice}")
    return pairs, problems


def refuse_problems(problems: Sequence[Problem], advice: str = "") -> None:
    """Refuse input in which something could not be used.

    Args:
        problems: what could not be used; nothing happens where there is none.
        advice: what can be done besides repairing it.

    Raises:
        DataError: names the first and counts the others.
    """
    if problems:
        more = f" and {len(problems) - 1} more" if len(problems) > 1 else ""
        raise DataError(f"{problems[0]}{more}. Repair or remove these lines{advice}.")


def pairs_digest(pairs: Iterable[Pair]) -> str:
    """SHA-256 (hex) of pairs, in order, as compact JSON Lines, weights and examples included."""
    digest = sha256()
    for pair in pairs:
        digest.update(dump_compact(pair.to_dict()).encode("utf-8", "replace") + b"\n")
    return digest.hexdigest()


def write_pairs(path: str | Path, pairs: Iterable[Pair]) -> int:
    """Write pairs as JSON Lines, whole or not at all; returns how many were written."""
    with atomic_write(path) as stream:
        return sum(1 for pair in pairs if stream.write(dump_compact(pair.to_dict()) + "\n"))
