"""What repeats among pairs: ids, texts, and texts that are nearly the same.

known = Known(NEAR)
for kind, message in known.compare("train", line, pair): ...
"""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator

from rapidfuzz import fuzz

from setaccio.data.records import Pair
from setaccio.data.text.words import words_of

NEAR = 90.0
_SHINGLE = 4
_SKETCH = 24
_SHARED = 4
_BUCKET = 200
_NAMED = 3


class Ids:
    """Ids seen so far, and how many came again."""

    def __init__(self) -> None:
        self._seen: set[str] = set()
        self._twice: dict[str, None] = {}
        self._again = 0

    def add(self, pair_id: str) -> None:
        """Count one id."""
        if pair_id in self._seen:
            self._twice.setdefault(pair_id)
            self._again += 1
        self._seen.add(pair_id)

    def said(self) -> str | None:
        """What repeats, in one line; None where every id came once."""
        if not self._again:
            return None
        shown = ", ".join(repr(name) for name in list(self._twice)[:_NAMED])
        more = ", ..." if len(self._twice) > _NAMED else ""
        total, own = len(self._seen) + self._again, len(self._seen)
        return f"{total} pairs have only {own} different ids (more than once: {shown}{more})"


class Known:
    """Texts seen so far, found again by exact, normalised and sketched form.

    Args:
        near: least similarity, 0 to 100, at which texts of two parts are near-duplicates.
    """

    def __init__(self, near: float) -> None:
        self.near = near
        self.ids: set[tuple[str, str]] = set()
        self.exact: dict[str, str] = {}
        self.normal: dict[str, str] = {}
        self.rows: list[tuple[str, str, str]] = []
        self.sketches = Sketches()

    def compare(self, part: str, line: int, pair: Pair) -> Iterator[tuple[str, str]]:
        """Yield what the pair repeats, then remember it."""
        place = f"{part}:{line} ({pair.id})"
        words = words_of(pair.text)
        normal = " ".join(words)
        if (part, pair.id) in self.ids:
            yield "duplicate_id", f"the id {pair.id} occurs before"
        if pair.text in self.exact:
            yield "duplicate", f"same text as {self.exact[pair.text]}"
        elif words and normal in self.normal:
            yield "same_text", f"same words as {self.normal[normal]}"
        else:
            sketch = sketch_of(words)
            found = self._nearest(part, normal, sketch)
            if found:
                yield "near_duplicate", f"{found[0]:.0f}% the same as {found[1]}"
            self.sketches.add(len(self.rows), sketch)
            self.rows.append((part, place, normal))
        self.ids.add((part, pair.id))
        self.exact.setdefault(pair.text, place)
        self.normal.setdefault(normal, place)

    def _nearest(self, part: str, normal: str, sketch: list[int]) -> tuple[float, str] | None:
        best: tuple[float, str] | None = None
        # A stock sentence that everything holds tells nothing and would cost most.
        for n in self.sketches.candidates(sketch, skip_crowded=True):
            other, place, text = self.rows[n]
            if other == part:
                continue
            score = fuzz.ratio(normal, text, score_cutoff=self.near)
            if score and (best is None or score > best[0]):
                best = score, place
        return best


class Sketches:
    """Texts by the hashes in their sketches, to find those that may be nearly the same."""

    def __init__(self) -> None:
        self._buckets: defaultdict[int, list[int]] = defaultdict(list)

    def add(self, number: int, sketch: list[int]) -> None:
        """Remember a text under a number."""
        for bucket in sketch:
            self._buckets[bucket].append(number)

    def candidates(self, sketch: list[int], *, skip_crowded: bool) -> Iterator[int]:
        """Numbers of the texts that share enough hashes with a sketch.

        Args:
            sketch: from :func:`sketch_of`.
            skip_crowded: pass over a hash that more than 200 texts have; otherwise the first 200
                of them count.
        """
        shared: Counter[int] = Counter()
        for found in (self._buckets[bucket] for bucket in sketch):
            if len(found) <= _BUCKET or not skip_crowded:
                shared.update(found[:_BUCKET])
        needed = min(_SHARED, len(sketch))
        yield from (number for number, count in shared.items() if count >= needed)


def sketch_of(words: list[str]) -> list[int]:
    """The smallest hashes of the text's word sequences: alike texts share many of them.

    Bottom-k sketch after Broder, "On the resemblance and containment of documents" (1997).
    """
    last = max(1, len(words) - _SHINGLE + 1)
    shingles = {" ".join(words[n : n + _SHINGLE]) for n in range(last)}
    return sorted({zlib.crc32(shingle.encode()) for shingle in shingles})[:_SKETCH]
