"""Parts of a job become one file: complete, nothing doubled, in the order of the input.

    >>> merge_parts([Path("part-1.jsonl"), Path("part-2.jsonl")], Path("all.jsonl"))
    MergedParts(rows=1000, failed=0, left_out=0)

Each part is read twice: once to learn where the row of every document stands (some tens of bytes a
document of the job, whatever the rows' size), once to copy the rows. Where a document stands in the
input is known from the shards' records (:mod:`setaccio.runtime.batch.shards`) or from the input
itself.
"""

from __future__ import annotations

import contextlib
import errno
import re
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from setaccio.data.errors import DataError, UsageError
from setaccio.data.files.atomic import atomic_path
from setaccio.data.records import Document, Problem
from setaccio.runtime.batch.journal_rows import RUN_DIGITS, Row, journal_rows
from setaccio.runtime.batch.row_places import NOWHERE, OFFSET_BITS, InputPlaces, RowIndex
from setaccio.runtime.batch.shards import (
    SUFFIX,
    Positions,
    ShardRecord,
    read_shard_record,
    shard_of,
    short_place,
)
from setaccio.runtime.batch.sources import identify

MOST_NAMED = 8
"""Shards or files that an error names."""

MOST_PARTS = 65_535
"""Parts that can be told apart beside the places of their rows."""

_TAIL = 120  # bytes; more than review and key are
_OTHER_FILES = 64
"""Files that a process has open besides the parts."""
# Fields of a budget stand right before the key, which ends the row.
_REVIEW = re.compile(rb'"review":(true|false),"key":"[0-9a-f]+"\}\s*\Z')
_AGAIN = "Give the shard's command again with --resume, then merge."


class MergedParts(NamedTuple):
    """What came of it.

    Attributes:
        rows: rows that were written.
        failed: how many of them are of documents that failed.
        left_out: rows of the parts that stand for nothing in the input: of documents, or former
            texts of them, that the last run of their shard did not find there, and failed ones
            beside the row that replaced them.
        marked: how many of the rows say whether a person must look at them.
        to_review: how many say that one must.
    """

    rows: int
    failed: int
    left_out: int
    marked: int = 0
    to_review: int = 0


def merge_parts(
    parts: Sequence[Path],
    out: Path,
    *,
    items: Iterable[Document | Problem] | None = None,
    jsonl: bool = False,
) -> MergedParts:
    """Put the rows of several result files into one, in the order of the input.

    Args:
        parts: files of ``extract --shard``, each with its record beside it; with ``items`` any
            files of results that hold the whole job together.
        out: the new file; it appears when it is complete.
        items: the input, read anew; without it the records tell the order.
        jsonl: whether every source of ``items`` was read as JSON Lines.

    Raises:
        UsageError: a part is not there, or is named twice, or ``out`` is one of them or a folder;
            there are too many parts.
        DataError: a shard is missing, not finished, or of another input, model or option; a
            document has no row or one too many; a file holds no results.
    """
    parts = [part for part in parts if not part.name.endswith(SUFFIX)]
    _check_files(parts, out)
    _allow_files(len(parts) + _OTHER_FILES)
    index = _by_records(parts) if items is None else _by_input(parts, items, jsonl)
    with atomic_path(out.resolve()) as temporary, temporary.open("wb") as target, ExitStack() as s:
        streams = [s.enter_context(_open(part, len(parts))) for part in parts]
        marks = [0, 0]
        for line in _lines(streams, index.found):
            target.write(line)
            if mark := _REVIEW.search(line, max(0, len(line) - _TAIL)):
                marks[mark[1] == b"true"] += 1
    return MergedParts(len(index.found), index.failed, index.left_out, sum(marks), marks[True])


def _check_files(parts: Sequence[Path], out: Path) -> None:
    if not parts:
        raise UsageError("No parts are named. Name the results of every shard: part-*.jsonl")
    if len(parts) > MOST_PARTS:
        raise UsageError(f"{len(parts)} parts are named; at most {MOST_PARTS} are merged at once.")
    if out.is_dir():
        raise UsageError(f"{out}: is a folder. Name a file for the whole.")
    seen: dict[Path, Path] = {}
    for part in parts:
        if not part.is_file():
            raise UsageError(f"{part}: no such file. Name the results of every shard.")
        former = seen.setdefault(part.resolve(), part)
        if former is not part:
            raise UsageError(f"{part}: is the same file as {former}. Name each part once.")
    if out.resolve() in seen:
        raise UsageError(f"{out}: is one of the parts. Name another file for the whole.")


def _allow_files(count: int) -> None:
    """Let this process have so many files open, where the system allows it."""
    try:
        import resource
    except ImportError:  # not on this system
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _open(part: Path, count: int) -> BinaryIO:
    try:
        return part.open("rb")
    except OSError as error:
        if error.errno not in (errno.EMFILE, errno.ENFILE):
            raise
        raise UsageError(
            f"{part}: {count} parts are more files than may be open at once here. Raise the limit "
            "(ulimit -n), or make fewer shards."
        ) from error


def _by_records(parts: Sequence[Path]) -> RowIndex:
    records = [read_shard_record(part) for part in parts]
    _check_records(parts, records)
    index = RowIndex(records[0].total)
    for number, (part, record) in enumerate(zip(parts, records, strict=True)):
        before = index.left_out
        _read_part(index, number, part, record)
        lost = int((index.found[record.positions.astype(np.int64)] == NOWHERE).sum())
        if lost:
            stale = index.left_out - before
            also = f" ({stale} rows are of other documents)" if stale else ""
            raise DataError(f"{part}: {lost} documents have no row{also}. {_AGAIN}")
    if len(missing := index.missing()):
        raise DataError(f"Document {missing[0] + 1} of the input belongs to no shard. {_AGAIN}")
    return index


def _read_part(index: RowIndex, number: int, part: Path, record: ShardRecord) -> None:
    places = InputPlaces(record.places, record.positions)
    for offset, row in _rows(part):
        _check_row(part, record, row)
        place = short_place(row.key, row.id)
        position = places.take(place)
        if position is not None:
            index.note(position, place, number, offset, row)
        elif places.slot(place) is None:
            index.left_out += 1
        elif not index.replace(place, number, offset, row):
            raise DataError(f"{part}: {row.id!r} has more rows than the input has documents.")


def _check_records(parts: Sequence[Path], records: Sequence[ShardRecord]) -> None:
    """The records are of one job, and each of its shards is there once."""
    first = records[0]
    by_number: dict[int, Path] = {}
    for part, record in zip(parts, records, strict=True):
        if record.shard.count != first.shard.count:
            raise DataError(
                f"{part}: is shard {record.shard}, but {parts[0]} is {first.shard}. Merge the "
                "parts of one division."
            )
        if record.run != first.run:
            raise DataError(
                f"{part}: was made otherwise than {parts[0]} ({_difference(first, record)}). "
                "Make one of them anew with the other's model, task and options."
            )
        if (record.digest, record.total) != (first.digest, first.total):
            raise DataError(
                f"{part}: was made from another input than {parts[0]}: {record.total} and "
                f"{first.total} documents, or other texts. {_AGAIN}"
            )
        former = by_number.setdefault(record.shard.number, part)
        if former is not part:
            raise DataError(f"{part} and {former}: are both shard {record.shard}. Name one.")
    missing = [n for n in range(1, first.shard.count + 1) if n not in by_number]
    if missing:
        named = ", ".join(f"{n}/{first.shard.count}" for n in missing[:MOST_NAMED])
        more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        raise DataError(f"Shards are missing: {named}{more}. Name their files too.")


def _difference(one: ShardRecord, other: ShardRecord) -> str:
    names = [n for n in one.settings if one.settings[n] != other.settings.get(n)]
    said = (f"{n}: {other.settings.get(n)} and {one.settings[n]}" for n in names[:MOST_NAMED])
    return "; ".join(said) or "by another version of Setaccio"


def _check_row(part: Path, record: ShardRecord, row: Row) -> None:
    if row.key[:RUN_DIGITS] != record.run[:RUN_DIGITS]:
        raise DataError(
            f"{part}: holds rows of another model, task or options ({row.id!r}). Make it anew with "
            "--overwrite, or take those rows out."
        )
    if not record.shard.takes(row.id):
        right = shard_of(row.id, record.shard.count)
        raise DataError(
            f"{part}: {row.id!r} belongs to shard {right}/{record.shard.count}, and this is "
            f"{record.shard}. Was another file copied here?"
        )


def _by_input(parts: Sequence[Path], items: Iterable[Document | Problem], jsonl: bool) -> RowIndex:
    names = array("Q", (short_place("", identify(item, jsonl)[0]) for item in items))
    ids = np.array(names, np.uint64)
    index = RowIndex(len(ids))
    places = InputPlaces(ids, np.arange(len(ids), dtype=np.uint64))
    keys: Positions = np.zeros(len(ids), np.uint64)  # of the rows, by the slots of their ids
    run = ""
    for number, part in enumerate(parts):
        for offset, row in _rows(part):
            run = run or row.key[:RUN_DIGITS]
            if row.key[:RUN_DIGITS] != run:
                raise DataError(
                    f"{part}: {row.id!r} was made with another model, task or options than the "
                    f"first rows of {parts[0]}. Make it anew with these."
                )
            name, key = short_place("", row.id), short_place(row.key, row.id)
            slot, position = places.slot(name), places.take(name)
            if slot is not None and keys[slot] not in (0, key):
                raise DataError(
                    f"{part}: {row.id!r} has rows of several texts, whose order only the shards' "
                    "records tell. Copy those along, or give each text an id of its own."
                )
            if position is not None:
                keys[slot] = key
                index.note(position, key, number, offset, row)
            elif slot is None or not index.replace(key, number, offset, row):
                raise DataError(
                    f"{part}: {row.id!r} has more rows than documents in the input. Is a part "
                    "named twice, or has the input changed?"
                )
    if len(missing := index.missing()):
        raise DataError(
            f"{len(missing)} documents of the input have no row; the first is number "
            f"{missing[0] + 1}. Name the parts that are missing, or finish them with --resume."
        )
    return index


def _rows(part: Path) -> Iterator[tuple[int, Row]]:
    """Rows with their offsets."""
    offset = 0
    with part.open("rb") as stream:
        for line, row in journal_rows(stream, part):
            if row is not None:
                yield offset, row
            offset += len(line)


def _lines(streams: Sequence[BinaryIO], places: Positions) -> Iterator[bytes]:
    """The rows in the order of the input; a part whose rows are in order is read straight on."""
    readers: list[Callable[[int], bytes]] = [_reader(stream) for stream in streams]
    for place in places:
        part, offset = divmod(int(place), 1 << OFFSET_BITS)
        yield readers[part](offset)


def _reader(stream: BinaryIO) -> Callable[[int], bytes]:
    at = 0

    def read(offset: int) -> bytes:
        nonlocal at
        if offset != at:
            stream.seek(offset)
        line = stream.readline()
        at = offset + len(line)
        return line

    return read
