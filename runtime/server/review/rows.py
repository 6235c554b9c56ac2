"""Rows of results in the order in which a person should look at them, each with its text.

    >>> texts = read_texts(read_sources(["notes/"], False), problems := [])
    >>> with ReviewRows(Path("results.jsonl"), texts) as rows:
    ...     rows.places[0].id, rows.read(rows.places[0])["data"]

First come those that a review budget sends to a person, by their risk. Rows without a budget come
by their status, those that are not ``ok`` first, and then by their least confident value. Pairs
(``text`` and ``gold``) are rows as well; of those that a model labelled, the ones with most values
that stand nowhere in their text come first.

Of several rows of one text, as a second model or a second try leaves them, the last one counts. The
file stays open while it is reviewed and rows are read as they are asked for, so that memory
holds texts and places only.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from setaccio.data.errors import DataError, UsageError
from setaccio.data.files.json_text import dump_compact, parse_json
from setaccio.data.records import Document, Problem, read_jsonl
from setaccio.data.schema.pointers import leaves
from setaccio.data.text.evidence import ground

NO_TEXT = "without their text"
OTHER_TEXT = "with another text than the one that was extracted from"
OTHER_TASK = "of another task"
REPLACED = "of a text that a later row is of"

_FIRST, _UNKNOWN, _LAST = range(3)
_ADVICE = "Give what setaccio extract or setaccio data label wrote."


class RowPlace(NamedTuple):
    """Where a row stands, in the file and in the order of the review.

    Attributes:
        urgency: sorts rows; the least comes first.
        offset: of its line in the file, in bytes.
        id: of its document.
        document: from :func:`document_hash`.
        key: the row's key; a hash of the row where it has none.
        must: whether it should be looked at: a budget says so, or its status is not ``ok``.
    """

    urgency: tuple[int, float, float]
    offset: int
    id: str
    document: str
    key: str
    must: bool


def document_hash(identifier: str, text: str) -> str:
    """What tells one document from another: 32 hex digits of id and text."""
    whole = f"{identifier}\0{text}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(whole, digest_size=16).hexdigest()


def read_texts(
    items: Iterable[Document | Problem], problems: list[Problem]
) -> dict[str, str | None]:
    """Texts by the ids of their documents.

    Args:
        items: as from :func:`setaccio.runtime.batch.sources.read_sources`.
        problems: gets what can not be read.

    Returns:
        The texts; None for an id that stands for two different ones.
    """
    found: dict[str, str | None] = {}
    for item in items:
        if isinstance(item, Problem):
            problems.append(item)
        else:
            same = found.get(item.id, item.text) == item.text
            found[item.id] = item.text if same else None
    return found


class ReviewRows:
    """The rows of one file; to be closed, or used in a ``with`` statement.

    Attributes:
        path: the file.
        places: the rows that can be reviewed, the most urgent first.
        task: name of the task that they are of; empty where they do not say.
        budgeted: whether a review budget speaks of all of them.
        left_out: how many rows can not be reviewed, by the reason in words.
        problems: lines that are no rows.
    """

    def __init__(
        self, path: Path, texts: Mapping[str, str | None], task: str | None = None
    ) -> None:
        """Read the file once.

        Args:
            path: rows of ``setaccio extract``, or pairs.
            texts: of documents, by id; a row that holds its ``text`` needs none.
            task: rows of tasks with other names are left out; None takes those of the only task.

        Raises:
            UsageError: there is no such file.
            DataError: it holds no row, or rows of several tasks and none is named.
        """
        self.path = path
        self.left_out: Counter[str] = Counter()
        self.problems: list[Problem] = []
        self._texts = texts
        try:
            self._file: IO[bytes] = path.open("rb")
        except OSError as error:
            raise UsageError(f"{path}: can not be read ({error.strerror}).") from error
        try:
            self.task, self.places, self.budgeted = self._scan(task)
        except BaseException:
            self.close()
            raise

    def _scan(self, task: str | None) -> tuple[str, list[RowPlace], bool]:
        starts: list[int] = []
        budgeted = False
        places: dict[str, RowPlace] = {}
        tasks: Counter[str] = Counter()
        for item in read_jsonl(_noted(self._file, starts), str(self.path)):
            if isinstance(item, Problem):
                self.problems.append(item)
                continue
            number, value = item
            row = _as_row(value, f"{self.path}:{number}")
            if row is None:
                self.problems.append(Problem(str(self.path), number, "no row of results"))
                continue
            tasks[row["task"]] += 1
            if task is not None and row["task"] not in ("", task):
                self.left_out[OTHER_TASK] += 1
            elif (reason := self._objection(row)) is not None:
                self.left_out[reason] += 1
            else:
                budgeted = budgeted or isinstance(row.get("review"), bool)
                document = document_hash(row["id"], self._text_of(row) or "")
                self.left_out[REPLACED] += document in places
                places[document] = _place(row, document, starts[number - 1])
        self.left_out += Counter()  # without what is zero
        named = self._only_task(tasks, task)
        ordered = sorted(places.values())
        # Beside those that a budget speaks of, --resume may have left others that it does not.
        return named, ordered, budgeted and all(one.urgency[0] != _UNKNOWN for one in ordered)

    def _only_task(self, tasks: Counter[str], task: str | None) -> str:
        if not tasks:
            first = f" ({self.problems[0]})" if self.problems else ""
            raise DataError(f"{self.path}: no row of results in it{first}. {_ADVICE}")
        names = sorted(name for name in tasks if name)
        if task is None and len(names) > 1:
            raise DataError(
                f"{self.path}: rows of {len(names)} tasks ({', '.join(names)}). Name the one to "
                "review with --task."
            )
        if task is not None and not tasks[task] and not tasks[""]:
            raise DataError(
                f"{self.path}: its rows are of the task {', '.join(names)}, not {task}. Name that "
                "one with --task."
            )
        return names[0] if task is None and names else task or ""

    def _objection(self, row: Mapping[str, Any]) -> str | None:
        """Why a row can not be reviewed; None where it can."""
        text = self._text_of(row)
        if not text or not text.strip():
            return NO_TEXT
        values = dict(leaves(row["data"]))
        for pointer, span in row["spans"].items():
            value = values.get(pointer)
            exact = isinstance(value, str) and span["how"] == "exact"
            if span["end"] > len(text) or (exact and text[span["start"] : span["end"]] != value):
                return OTHER_TEXT
        return None

    def _text_of(self, row: Mapping[str, Any]) -> str | None:
        own = row.get("text")
        return own if isinstance(own, str) else self._texts.get(row["id"])

    def read(self, place: RowPlace) -> dict[str, Any]:
        """A row, whole, with its ``text``; of values without known places these are looked for."""
        self._file.seek(place.offset)
        value = parse_json(self._file.readline().decode("utf-8-sig"))
        row = _as_row(value, place.id)
        if row is None:
            raise DataError(f"{self.path}: was changed while it was reviewed. Start again.")
        text = self._text_of(row) or ""
        if not row["spans"]:
            found = ground(text, row["data"])
            row["spans"] = {pointer: span.to_dict() for pointer, span in found.items()}
        return {**row, "id": place.id, "key": place.key, "text": text}

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> ReviewRows:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _noted(stream: Iterable[bytes], starts: list[int]) -> Iterator[bytes]:
    """The lines of a stream; ``starts`` gets the offset of each."""
    at = 0
    for line in stream:
        starts.append(at)
        at += len(line)
        yield line


def _as_row(value: Any, otherwise: str) -> dict[str, Any] | None:
    """A line as a row with everything that a review needs; None where it is none.

    Args:
        value: the line's JSON.
        otherwise: id of a pair that has none.
    """
    if not isinstance(value, dict):
        return None
    row = dict(value)
    if isinstance(row.get("gold"), dict) and isinstance(row.get("text"), str):
        row = {"id": otherwise, **row, "status": "ok", "data": row["gold"]}
    if not ("data" in row and isinstance(row.get("status"), str)) or row.get("id") is None:
        return None
    row["id"] = str(row["id"])
    row["task"] = row["task"] if isinstance(row.get("task"), str) else ""
    row["spans"] = _spans(row.get("spans"))
    return row


def _spans(given: Any) -> dict[str, Any]:
    """The spans of a row that are as rows of ours have them."""
    known = given.items() if isinstance(given, dict) else ()
    return {
        pointer: {"how": "exact", "score": 1.0, **span}
        for pointer, span in known
        if isinstance(span, dict)
        and all(type(span.get(edge)) is int and span[edge] >= 0 for edge in ("start", "end"))
        and span["start"] <= span["end"]
    }


def _place(row: Mapping[str, Any], document: str, offset: int) -> RowPlace:
    must = row.get("review") is True or row["status"] != "ok"
    group = _FIRST if must else _LAST if row.get("review") is False else _UNKNOWN
    risk, key = row.get("risk"), row.get("key")
    if not isinstance(risk, int | float) or not 0 <= risk <= 1:
        risk = None
    if not isinstance(key, str) or not key:
        key = hashlib.sha256(dump_compact(row).encode("utf-8", "replace")).hexdigest()[:32]
    confidence = row.get("confidence")
    chances = confidence.values() if isinstance(confidence, dict) else ()
    least = min((one for one in chances if isinstance(one, int | float)), default=1.0)
    doubted = row.get("ungrounded")
    return RowPlace(
        (
            group,
            float(row["status"] == "ok") if risk is None else -float(risk),
            least - (len(doubted) if isinstance(doubted, list) else 0),
        ),
        offset,
        row["id"],
        document,
        key,
        must,
    )
