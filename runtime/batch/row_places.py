"""What merging parts knows of rows: which document of the input each is of, and where it stands."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from setaccio.runtime.batch.journal_rows import Row
from setaccio.runtime.batch.shards import Positions

OFFSET_BITS = 48
"""Bits of a row's offset in its part; the part's number stands above them."""

NOWHERE = np.uint64(2**64 - 1)
"""In place of part and offset where no row was found."""


class InputPlaces:
    """Positions in the input by what tells their rows; each is taken once, in order."""

    def __init__(self, places: Positions, positions: Positions) -> None:
        order = np.argsort(places, kind="stable")
        self._places = places[order]
        self._positions = positions[order]
        self._used: npt.NDArray[np.uint32] = np.zeros(len(order), np.uint32)

    def take(self, place: int) -> int | None:
        """The next position in the input that has this place; None where none is left."""
        first = self.slot(place)
        if first is None:
            return None
        at = first + int(self._used[first])
        if at == len(self._places) or self._places[at] != place:
            return None
        self._used[first] += 1
        return int(self._positions[at])

    def slot(self, place: int) -> int | None:
        """A number for all that have this place; None for one that is not there."""
        first = int(np.searchsorted(self._places, np.uint64(place)))
        known = first < len(self._places) and self._places[first] == place
        return first if known else None


class RowIndex:
    """Where each document's row stands: part and offset, by the document's place in the input."""

    def __init__(self, total: int) -> None:
        self.found: Positions = np.full(total, NOWHERE, np.uint64)
        self.failed = 0
        self.left_out = 0
        self._failed: dict[int, list[int]] = {}

    def note(self, position: int, place: int, part: int, offset: int, row: Row) -> None:
        """Note where the row of the document at a position stands; ``place`` tells the row."""
        self.found[position] = part << OFFSET_BITS | offset
        if not row.ok:
            self.failed += 1
            self._failed.setdefault(place, []).append(position)

    def replace(self, place: int, part: int, offset: int, row: Row) -> bool:
        """Whether a row without a document of its own is that of a retry, which is then put right.

        A run that was killed left the failed row beside the one that replaces it.
        """
        self.left_out += 1
        if not row.ok:
            return True
        if not self._failed.get(place):
            return False
        self.failed -= 1
        self.note(self._failed[place].pop(), place, part, offset, row)
        return True

    def missing(self) -> Positions:
        """Places in the input that no row was found for."""
        return np.flatnonzero(self.found == NOWHERE).astype(np.uint64)
