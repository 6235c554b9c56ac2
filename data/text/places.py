"""Where a passage of an extracted text stands in the file that it was read from.

>>> places = SourceMap(names=["Subject", "1.1"])
>>> places.add(0, 14, 0)
>>> places.locate(9, 14)
{'part': 'Subject'}

A map holds pieces of the text in order, each with a page and a box, or with the name of a part.
They are kept in arrays: a long document has a million of them.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in points (1/72 inch) from the page's upper left corner, as shown."""


class SourceMap:
    """Pieces of a text and where each stands in its source.

    Args:
        names: what the parts are called, where the source has parts and no pages.
        note: what of the source is not in the text; empty where all of it is.

    Attributes:
        starts: offsets of the pieces' first characters, in code points, ascending.
        ends: offsets behind their last ones.
        numbers: their pages, from 1, or the places of their parts in ``names``.
        boxes: four numbers a piece (:data:`Box`), where the source has pages.
    """

    def __init__(self, names: Sequence[str] = (), note: str = "") -> None:
        self.names = list(names)
        self.note = note
        self.starts, self.ends, self.numbers = array("I"), array("I"), array("I")
        self.boxes = array("f")

    def add(self, start: int, end: int, number: int, box: Box | None = None) -> None:
        """Add a piece behind those that are there."""
        self.starts.append(start)
        self.ends.append(end)
        self.numbers.append(number)
        if box is not None:
            self.boxes.extend(box)

    def locate(self, start: int, end: int) -> dict[str, Any]:
        """Where a passage stands.

        Args:
            start: offset of its first character, in code points.
            end: offset behind its last one.

        Returns:
            ``page`` and ``box``, which holds all of it that is on that page; or the ``part`` that
            it begins in; nothing where no piece is touched.
        """
        at = max(0, bisect_right(self.starts, start) - 1)
        touched = []
        while at < len(self.starts) and self.starts[at] < end:
            if self.ends[at] > start:
                touched.append(at)
            at += 1
        if not touched:
            return {}
        number = self.numbers[touched[0]]
        if self.names:
            return {"part": self.names[number]} if number < len(self.names) else {}
        boxes = [self.boxes[4 * at : 4 * at + 4] for at in touched if self.numbers[at] == number]
        lefts, tops, rights, bottoms = zip(*boxes, strict=True)
        box = (min(lefts), min(tops), max(rights), max(bottoms))
        if not all(map(math.isfinite, box)):
            return {"page": number}
        return {"page": number, "box": [round(edge, 1) for edge in box]}

    @property
    def is_whole(self) -> bool:
        """Whether there are as many of everything as there should be."""
        count = len(self.starts)
        boxes = 0 if self.names else 4 * count
        return len(self.ends) == len(self.numbers) == count and len(self.boxes) == boxes
