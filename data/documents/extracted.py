"""A text while it is read out of a document: what has been written, and where each piece stood."""

from __future__ import annotations

import base64
from array import array
from collections.abc import Mapping
from typing import Any, NamedTuple

from setaccio.data.errors import UnreadableError
from setaccio.data.text.places import Box, SourceMap

REST = "#..."
"""The name of an error of whatever else is in a file; no attachment's name is dots alone."""


class Extracted:
    """The text of one document, written from its beginning to its end.

    Args:
        most: most characters that are taken.
    """

    def __init__(self, most: int) -> None:
        self.places = SourceMap()
        self._most = most
        self._pieces: list[str] = []
        self._last = ""
        self._names: dict[str, int] = {}
        self.length = 0

    def write(self, text: str) -> None:
        """Add text that stands nowhere in particular, such as a line break.

        Raises:
            UnreadableError: the text is longer than is taken.
        """
        text = text.replace("\r\n", "\n").replace("\r", "\n")  # as every reader of files does
        self.length += len(text)
        if self.length > self._most:
            raise UnreadableError(
                f"holds more than {self._most:,} characters of text. Split it into smaller files."
            )
        if text:
            self._pieces.append(text)
            self._last = text[-1]

    def on_page(self, text: str, page: int, box: Box) -> None:
        """Add text that stands in a box of a page, counted from 1."""
        start = self.length
        self.write(text)
        self.places.add(start, self.length, page, box)

    def in_part(self, text: str, part: str) -> None:
        """Add text that stands in a part with a name."""
        start = self.length
        self.write(text)
        if part not in self._names:
            self._names[part] = len(self._names)
            self.places.names.append(part)
        self.places.add(start, self.length, self._names[part])

    def end_line(self, blank: bool = False) -> None:
        """End the line, where one has begun; with ``blank``, leave one empty behind it."""
        if self._last and self._last != "\n":
            self.write("\n")
        if blank and self._pieces and self._pieces[-1] != "\n\n":
            self._pieces[-1:] = [self._pieces[-1].removesuffix("\n"), "\n\n"]
            self.length += 1

    @property
    def text(self) -> str:
        """What has been written; the white space at its end is no part of it."""
        return "".join(self._pieces).rstrip()


class Found(NamedTuple):
    """One text of a document, or why there is none.

    Attributes:
        name: empty for the document itself; for an attachment ``#`` and its name.
        text: what was read.
        places: where its pieces stand.
        error: what is wrong, and what to do; empty where there is a text.
    """

    name: str
    text: str = ""
    places: SourceMap | None = None
    error: str = ""


def pack_places(places: SourceMap) -> dict[str, Any]:
    """A map without its note as JSON, with arrays in base 64."""
    packed = (places.starts, places.ends, places.numbers, places.boxes)
    arrays = [base64.b64encode(each.tobytes()).decode() for each in packed]
    return {"arrays": arrays, "names": places.names}


def unpack_places(packed: Mapping[str, Any], note: str) -> SourceMap:
    """The way back of :func:`pack_places`; what is packed is not trusted.

    Raises:
        ValueError: it is no map.
    """
    try:
        places = SourceMap(list(map(str, packed["names"])), note)
        arrays = [base64.b64decode(each, validate=True) for each in packed["arrays"]]
        places.starts, places.ends, places.numbers = (array("I", each) for each in arrays[:3])
        places.boxes = array("f", arrays[3])
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise ValueError("no map of a document") from error
    if not places.is_whole:
        raise ValueError("no map of a document")
    return places


def to_row(found: Found) -> dict[str, Any]:
    """What goes from the child process to its parent: JSON."""
    places = found.places
    row: dict[str, Any] = {"name": found.name, "text": found.text, "error": found.error}
    if places is not None:
        row |= {**pack_places(places), "note": places.note}
    return row


def from_row(row: dict[str, Any]) -> Found:
    """The way back of :func:`to_row`.

    Raises:
        ValueError: it is no such row; what a hostile document may have written is not trusted.
    """
    try:
        name, text, error = (_writable(str(row[key])) for key in ("name", "text", "error"))
        if "arrays" not in row:
            return Found(name, text, None, error)
        return Found(name, text, unpack_places(row, str(row["note"])), error)
    except (KeyError, TypeError) as error_:
        raise ValueError("no row of a document") from error_


def _writable(text: str) -> str:
    """A text without halves of surrogate pairs, of the same length."""
    return text.encode("utf-8", "replace").decode()
