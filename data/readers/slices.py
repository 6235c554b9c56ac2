"""Slices of a data set, written as in Hugging Face's ``datasets``: ``train[:4096]``, ``[10%:]``.

>>> parse_slice("train[:10%]").rows(250)
range(0, 25)

Format: https://huggingface.co/docs/datasets/loading#slice-splits, without the sum of two slices;
read here because a slice of a file must not need ``datasets``.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from setaccio.data.errors import UsageError

_SLICE = re.compile(r"(?P<part>[\w.-]*)(?:\[(?P<start>-?\d+%?)?:(?P<end>-?\d+%?)?\])?")
_SOURCE = re.compile(r"(?P<source>.+?)(?P<slice>\[(?:-?\d+%?)?:(?:-?\d+%?)?\])")


class Slice(NamedTuple):
    """A part of a data set.

    Attributes:
        part: name of the part, such as ``train``; empty means the only one.
        start: first row, such as ``10%`` or ``-100``; empty means the beginning.
        end: row behind the last; empty means the end.
    """

    part: str = ""
    start: str = ""
    end: str = ""

    @property
    def whole(self) -> bool:
        """Whether no row of the part is left out."""
        return not (self.start or self.end)

    @property
    def relative(self) -> bool:
        """Whether the number of rows must be known to say which are meant."""
        return any("%" in bound or bound.startswith("-") for bound in (self.start, self.end))

    def rows(self, count: int) -> range:
        """The row numbers, from 0, that are meant in a part of ``count`` rows."""
        return range(_row(self.start or "0", count), _row(self.end or "100%", count))


def _row(bound: str, count: int) -> int:
    number = round(int(bound[:-1]) * count / 100) if bound.endswith("%") else int(bound)
    return min(max(number + count if bound.startswith("-") else number, 0), count)


def parse_slice(text: str) -> Slice:
    """Read what ``train``, ``train[:4096]``, ``[10%:]`` or ``[100:-100]`` means.

    Raises:
        UsageError: it is written otherwise, or counts over 100%.
    """
    found = _SLICE.fullmatch(text.strip())
    bounds = [found["start"] or "", found["end"] or ""] if found else []
    over = any(b.endswith("%") and abs(int(b[:-1])) > 100 for b in bounds)
    if found is None or over or not text.strip():
        raise UsageError(
            f"{text}: no slice. Write it as train, train[:4096], [10%:] or train[100:-100]."
        )
    return Slice(found["part"], *bounds)


def split_source(text: str) -> tuple[str, Slice]:
    """Cut ``pairs.jsonl[:4096]`` into the source and the slice of it."""
    found = _SOURCE.fullmatch(text)
    return (found["source"], parse_slice(found["slice"])) if found else (text, Slice())
