"""Sentences and clauses of a text, and passages as ``(start, end)`` in code points."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

Passage = tuple[int, int]
_BREAK = re.compile(r"(?<=[.!?…。！？])[\"'”’)\]]*\s+|\s*\n+\s*|(?<=[。！？])")


def merge_passages(passages: Iterable[Passage]) -> list[Passage]:
    """Join passages that overlap or touch, and sort them."""
    merged: list[Passage] = []
    for start, end in sorted(passages):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def overlaps(passage: Passage, others: Iterable[Passage]) -> bool:
    """Whether a passage shares a character with one of the others."""
    return any(start < passage[1] and passage[0] < end for start, end in others)


def sentence_spans(text: str, whole: Iterable[Passage] = ()) -> list[Passage]:
    """Cut a text into sentences and lines, the white space between them left out.

    Args:
        text: the text.
        whole: passages that are never cut.
    """
    kept = list(whole)
    cuts = [cut.span() for cut in _BREAK.finditer(text) if _begins(text, cut.end())]
    cuts = [cut for cut in cuts if not overlaps((cut[0], max(cut[1], cut[0] + 1)), kept)]
    return list(_between(text, cuts, (0, len(text))))


def clauses(text: str, sentence: Passage, whole: Iterable[Passage] = ()) -> list[Passage]:
    """Cut a sentence behind its commas and semicolons; ``whole`` is never cut."""
    kept = list(whole)
    found = re.compile(r"(?<=[,;])\s+").finditer(text, *sentence)
    cuts = [cut.span() for cut in found if not overlaps(cut.span(), kept)]
    return list(_between(text, cuts, sentence))


def _begins(text: str, at: int) -> bool:
    """Whether a sentence can begin here: with no small letter, as behind "approx." """
    return not text[at : at + 1].islower()


def _between(text: str, cuts: list[Passage], area: Passage) -> Iterator[Passage]:
    edges = [area[0], *(edge for cut in cuts for edge in cut), area[1]]
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        piece = text[start:end]
        if piece.strip():
            first = start + len(piece) - len(piece.lstrip())
            yield first, start + len(piece.rstrip())
