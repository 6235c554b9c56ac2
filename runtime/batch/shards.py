"""One job over many processes without an engine: each takes the documents of its share.

A document's share is told by its id alone (:func:`shard_of`), so that it is the same on every
machine and in every version, and documents that are added or removed move no other:

    >>> shard = parse_shard("3/16")
    >>> shard.takes("notes/a.txt")
    True

A shard that has read its input to the end leaves a record beside its results
(``part-3.jsonl.shard``): which share of how many it is, with what its rows were made, and where in
the input each of its documents stands. :mod:`setaccio.runtime.batch.merge_parts` puts the parts
together by these records.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import zipfile
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from setaccio.data.errors import DataError, UsageError
from setaccio.data.files.atomic import atomic_path
from setaccio.data.records import Document, Problem
from setaccio.runtime.batch.journal_rows import document_key, journal_rows, place_of
from setaccio.runtime.batch.sources import identify

SUFFIX = ".shard"
_FORM = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")
_PERSON = b"setaccio shard"
_NUMBER = re.compile(rb"[0-9]+")
_MARK = b"\xff"  # no byte of UTF-8
_STEP = 0x9E3779B97F4A7C15  # 2**64 divided by the golden ratio
_DIGITS = 64  # the lowest ones, which alone count modulo 2**64: it divides 10**64
_PLACE_BYTES = 8
_LOOKED_AT = 1000
"""Rows of a part by which it is known whose it is."""
_UNREADABLE = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    TypeError,
    zipfile.BadZipFile,
    zlib.error,
)
Positions = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Shard:
    """A share of the documents: ``number``, from 1, of ``count``."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def takes(self, identifier: str) -> bool:
        """Whether a document belongs to this share."""
        return shard_of(identifier, self.count) == self.number


def shard_of(identifier: str, count: int) -> int:
    """Number of the share, from 1 to ``count``, that a document belongs to.

    The rule, fixed for ever: the last run of ASCII digits in the id is a number ``k`` (0 without
    one), and a byte 0xFF stands in its place; the first eight bytes of a BLAKE2b of that, as a
    whole number, are ``h``. The share is ``(h + k * 0x9E3779B97F4A7C15) % 2**64 * count >> 64``,
    plus 1. Numbers that follow each other thus fall evenly, the golden ratio of the circle apart (a
    Kronecker sequence). Without them a share of ``n`` documents differs from the mean by about
    ``sqrt(count / n)`` of it, as with any hash.

    Args:
        identifier: the document's id.
        count: how many shares there are.
    """
    text = identifier.encode("utf-8", "surrogatepass")
    number = 0
    if found := _NUMBER.search(text[::-1]):
        start, end = len(text) - found.end(), len(text) - found.start()
        number = int(text[start:end][-_DIGITS:])
        text = text[:start] + _MARK + text[end:]
    digest = hashlib.blake2b(text, digest_size=8, person=_PERSON).digest()
    place = (int.from_bytes(digest, "big") + number * _STEP) % 2**64
    return (place * count >> 64) + 1


def parse_shard(text: str) -> Shard:
    """Read ``3/16``.

    Raises:
        UsageError: it has another form, or the number is not one from 1 to the count.
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise UsageError(f"--shard {text}: is not NUMBER/COUNT, such as 3/16.")
    shard = Shard(int(found[1]), int(found[2]))
    if not 1 <= shard.number <= shard.count:
        raise UsageError(f"--shard {text}: out of range. Shards are numbered from 1 to {found[2]}.")
    return shard


def short_place(key: str, identifier: str) -> int:
    """What tells a row from the others of its file, as a whole number of 64 bits."""
    return int.from_bytes(place_of(key, identifier)[:_PLACE_BYTES], "big")


def record_path(part: Path) -> Path:
    """Where the record of a shard's results lies."""
    return part.with_name(part.name + SUFFIX)


@dataclass(frozen=True)
class ShardRecord:
    """What a finished shard says of itself.

    Attributes:
        shard: which share.
        run: fingerprint of model, task and options.
        settings: the same, readable.
        total: documents of the whole input, those of other shards included.
        digest: hash of the whole input's ids and texts, in order.
        positions: place in the input, from 0, of each document of this share.
        places: for each of them, :func:`short_place` of its row.
    """

    shard: Shard
    run: str
    settings: Mapping[str, Any]
    total: int
    digest: str
    positions: Positions
    places: Positions

    def write(self, part: Path) -> None:
        """Write it beside the results, whole or not at all."""
        head = {
            "shard": self.shard.number,
            "of": self.shard.count,
            "run": self.run,
            "settings": dict(self.settings),
            "documents": self.total,
            "input": self.digest,
        }
        text = np.frombuffer(json.dumps(head).encode(), np.uint8)
        with atomic_path(record_path(part)) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, head=text, positions=self.positions, places=self.places)


def read_shard_record(part: Path) -> ShardRecord:
    """Read the record of a shard's results.

    Raises:
        DataError: there is none, as beside results that are not finished, or it can not be read.
    """
    path = record_path(part)
    if not path.is_file():
        raise DataError(
            f"{part}: its shard is not finished, or its record {path.name} was not copied along. "
            "Give the shard's command again with --resume, or name the input with --sources."
        )
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as found:
            head = json.loads(found["head"].tobytes())
            return ShardRecord(
                Shard(head["shard"], head["of"]),
                head["run"],
                head["settings"],
                head["documents"],
                head["input"],
                found["positions"],
                found["places"],
            )
    except _UNREADABLE as error:
        raise DataError(
            f"{path}: is not the record of a shard, or is cut off. Copy it again, or give the "
            "shard's command again with --resume."
        ) from error


class ShareReader:
    """Passes on the documents of one share, and notes where in the input they stand.

    Args:
        shard: which share.
        run: from :func:`setaccio.runtime.batch.journal.fingerprint`.
        settings: model, task and options, for the record.
        jsonl: whether every source is read as JSON Lines.
    """

    def __init__(
        self, shard: Shard, run: str, settings: Mapping[str, Any], *, jsonl: bool = False
    ) -> None:
        self.shard = shard
        self.run = run
        self.settings = settings
        self.jsonl = jsonl
        self._total = 0
        self._digest = hashlib.blake2b(digest_size=16)
        self._positions = array("Q")
        self._places = array("Q")

    def take(
        self, items: Iterable[Document | Problem | None]
    ) -> Iterator[Document | Problem | None]:
        """The items of this share, and None where nothing has come yet."""
        for item in items:
            if item is None:
                yield None
                continue
            identifier, text = identify(item, self.jsonl)
            for part in (identifier, text):
                content = part.encode("utf-8", "surrogatepass")
                self._digest.update(len(content).to_bytes(8, "big") + content)
            if self.shard.takes(identifier):
                self._positions.append(self._total)
                self._places.append(short_place(document_key(self.run, text), identifier))
                yield item
            self._total += 1

    def begin(self, part: Path) -> None:
        """Remove the record of a former run: the results are not finished from now on.

        Raises:
            UsageError: rows of another shard stand there; nothing is removed.
        """
        if part.is_file() and part.stat().st_size:
            self._refuse_other(part)
        record_path(part).unlink(missing_ok=True)

    def _refuse_other(self, part: Path) -> None:
        """By the record where there is one, and by the rows' ids, which are always there."""
        advice = "Name this shard's own file, or replace that one with --overwrite."
        with contextlib.suppress(DataError):
            other = read_shard_record(part).shard
            if other != self.shard:
                raise UsageError(f"{part}: is shard {other}, and this is {self.shard}. {advice}")
        with part.open("rb") as stream:
            for _, row in islice(journal_rows(stream, part), _LOOKED_AT):
                if row and not self.shard.takes(row.id):
                    right = Shard(shard_of(row.id, self.shard.count), self.shard.count)
                    raise UsageError(
                        f"{part}: holds a row of shard {right} ({row.id!r}), and this is "
                        f"{self.shard}. {advice}"
                    )

    def finish(self, part: Path) -> None:
        """Write the record beside the results, once everything was taken and has its row."""
        record = ShardRecord(
            self.shard,
            self.run,
            self.settings,
            self._total,
            self._digest.hexdigest(),
            np.array(self._positions, np.uint64),
            np.array(self._places, np.uint64),
        )
        record.write(part)
