"""One answer from those of a document's chunks.

    >>> answers = [extract(chunk.text) for chunk in chunks]  # data, chances, spans of each
    >>> merge([Part(chunk, *answer) for chunk, answer in zip(chunks, answers)], task.merge).data

Neighbouring chunks overlap. An item of a list that both found there is one item, while one that
the document itself repeats elsewhere, or that one chunk's answer repeats, stays repeated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from setaccio.data.schema.pointers import join, leaves
from setaccio.data.task.rules import MergeRule
from setaccio.data.task.task import dump_compact
from setaccio.data.text.evidence import Span
from setaccio.data.text.folding import fold
from setaccio.runtime.prompt.chunks import Chunk
from setaccio.runtime.result.confidence import LeafChance


@dataclass(frozen=True)
class Part:
    """What came out of one chunk.

    Attributes:
        chunk: where it stands in the document.
        data: the answer; None where there is none.
        chances: JSON pointer of a leaf to how sure the model was of it.
        spans: JSON pointer of a leaf to its passage, offsets within the chunk.
    """

    chunk: Chunk
    data: Any
    chances: Mapping[str, LeafChance] = field(default_factory=dict)
    spans: Mapping[str, Span] = field(default_factory=dict)


@dataclass(frozen=True)
class Merged:
    """One answer from several.

    Attributes:
        data: the answer; None where no part has one.
        chances: JSON pointer of a leaf of ``data`` to how sure the model was of it.
        spans: JSON pointer of a leaf of ``data`` to its passage, offsets within the document.
    """

    data: Any
    chances: dict[str, LeafChance]
    spans: dict[str, Span]


def merge_answers(parts: Sequence[Part], rules: Mapping[str, MergeRule] | None = None) -> Merged:
    """Merge the answers of a document's chunks.

    Objects are merged key by key. Of scalars the one with the highest confidence wins, the first
    where confidences are absent or equal; null, and a text or list without content, never win over
    a value. Lists are concatenated. An item that equals one of another chunk (case, blanks and
    Unicode forms aside) is left out unless spans show that the two stand in different places of
    the document. Objects of neighbouring chunks that quote the same passage and contradict each
    other nowhere are one as well, with what either of them says.

    Args:
        parts: in the order of the chunks.
        rules: by path, for fields that are merged in another way.
    """
    merger = _Merger(parts, rules or {})
    values = [_Value(index, "", part.data) for index, part in enumerate(parts)]
    data = merger.merge(values, "", "")
    return Merged(data, merger.chances, merger.spans)


class _Value(NamedTuple):
    part: int
    pointer: str
    value: Any


class _Merger:
    """Merges place by place: a ``target`` is a pointer in the merged answer, a ``path`` the keys
    that lead there, as rules are declared."""

    def __init__(self, parts: Sequence[Part], rules: Mapping[str, MergeRule]) -> None:
        self.parts = parts
        self.rules = rules
        self.chances: dict[str, LeafChance] = {}
        self.spans: dict[str, Span] = {}

    def merge(self, values: list[_Value], target: str, path: str) -> Any:
        """Merge what several parts say of one place."""
        values = [value for value in values if not _is_empty(value.value)] or values
        if not values:
            return None
        rule = self.rules.get(path)
        if rule and rule.method in ("first", "last"):
            return self._copy(values[0 if rule.method == "first" else -1], target)
        kind = type(values[0].value)
        if kind is dict:
            return self._objects([v for v in values if isinstance(v.value, dict)], target, path)
        if kind is list:
            arrays = [v for v in values if isinstance(v.value, list)]
            return self._arrays(arrays, target, path, rule)
        return self._copy(max(values, key=self._confidence_of), target)

    def _confidence_of(self, value: _Value) -> float:
        # max takes the first of equals: without confidences that is the first part's value.
        chance = self.parts[value.part].chances.get(value.pointer)
        return -1.0 if chance is None else chance.confidence

    def _objects(self, values: list[_Value], target: str, path: str) -> dict[str, Any]:
        keys = dict.fromkeys(key for value in values for key in value.value)
        return {
            key: self.merge(
                [
                    _Value(v.part, join(v.pointer, key), v.value[key])
                    for v in values
                    if key in v.value
                ],
                join(target, key),
                f"{path}.{key}" if path else key,
            )
            for key in keys
        }

    def _arrays(
        self, arrays: list[_Value], target: str, path: str, rule: MergeRule | None
    ) -> list[Any]:
        items = _Items(self.parts, rule)
        for array in arrays:
            for index, item in enumerate(array.value):
                items.add(_Value(array.part, join(array.pointer, index), item))
        merged = []
        for number, found in enumerate(items.found):
            place = join(target, number)
            equal = len({_name(value.value) for value in found}) == 1
            merged.append(
                self._copy(found[0], place) if equal else self._objects(found, place, path)
            )
        return merged

    def _copy(self, value: _Value, target: str) -> Any:
        """Take a value over as it is, with what is known of its leaves."""
        part = self.parts[value.part]
        for pointer, _ in leaves(value.value, value.pointer):
            now = target + pointer[len(value.pointer) :]
            if pointer in part.chances:
                self.chances[now] = part.chances[pointer]
            if pointer in part.spans:
                span, begin = part.spans[pointer], part.chunk.start
                self.spans[now] = Span(begin + span.start, begin + span.end, span.how, span.score)
        return value.value


class _Items:
    """The items of one list, as several parts found them.

    Attributes:
        found: for each item what the parts say of it, in the order of the parts.
    """

    def __init__(self, parts: Sequence[Part], rule: MergeRule | None) -> None:
        self.found: list[list[_Value]] = []
        self._parts = parts
        self._rule = rule
        self._by_name: dict[str, list[int]] = {}
        self._objects: dict[int, list[int]] = {}  # by the part that spoke of them last

    def add(self, value: _Value) -> None:
        """Add an item, to those that it is one with or as another one."""
        name = self._name(value)
        # Equal items first; only then objects that differ and quote one passage.
        known = self._by_name.setdefault(name, [])
        number = next((n for n in known if self._is_same(self.found[n][-1], value)), None)
        if number is None:
            number = next((n for n in self._neighbours(value) if self._fits(n, value)), None)
        if number is None:
            number = len(self.found)
            self.found.append([])
        self.found[number].append(value)
        if number not in known:  # the item is found by either spelling from now on
            known.append(number)
        if isinstance(value.value, dict):
            self._objects.setdefault(value.part, []).append(number)

    def _name(self, value: _Value) -> str:
        """What is the same for items that may be one."""
        key = self._rule.key if self._rule else None
        if key and isinstance(value.value, dict) and not _is_empty(value.value.get(key)):
            return f"key {_name(value.value[key])}"
        return _name(value.value)

    def _is_same(self, one: _Value, other: _Value) -> bool:
        """Whether items of one name are one item, which two parts found."""
        if one.part == other.part:
            return False  # what one answer repeats, it means to repeat
        if self._rule and self._rule.method in ("unique", "key"):
            return True
        return self._meet(one, other) is not False

    def _neighbours(self, value: _Value) -> list[int]:
        """Objects that the part before spoke of, in the overlap perhaps."""
        if self._rule or not isinstance(value.value, dict):
            return []
        return self._objects.get(value.part - 1, [])

    def _fits(self, number: int, value: _Value) -> bool:
        """Whether an object says of one passage the same as another, or more or less of it."""
        other = self.found[number][-1]
        if other.part == value.part or not self._meet(other, value):
            return False
        return _agree(other.value, value.value)

    def _meet(self, one: _Value, other: _Value) -> bool | None:
        """Whether some leaf of two items stands in one place; None where that is not known."""
        first, second = self._places(one), self._places(other)
        common = first.keys() & second.keys()
        if not common:
            return None
        return any(
            first[leaf][0] < second[leaf][1] and second[leaf][0] < first[leaf][1] for leaf in common
        )

    def _places(self, value: _Value) -> dict[str, tuple[int, int]]:
        """Where in the document an item's leaves stand, by their pointers within the item."""
        part = self._parts[value.part]
        begin, skip = part.chunk.start, len(value.pointer)
        return {
            pointer[skip:]: (begin + part.spans[pointer].start, begin + part.spans[pointer].end)
            for pointer, _ in leaves(value.value, value.pointer)
            if pointer in part.spans
        }


def _is_empty(value: Any) -> bool:
    """Whether a value says nothing: null, a blank text, a list or object without content."""
    return value is None or value in ([], {}) or (isinstance(value, str) and not value.strip())


def _agree(one: Any, other: Any) -> bool:
    """Whether two values contradict each other nowhere; where one says nothing, it does not."""
    if _is_empty(one) or _is_empty(other):
        return True
    if isinstance(one, dict) and isinstance(other, dict):
        return all(_agree(one[key], other[key]) for key in one if key in other)
    if isinstance(one, list) and isinstance(other, list):
        first, second = ({_name(item) for item in items} for items in (one, other))
        return first <= second or second <= first
    return _name(one) == _name(other)


def _name(value: Any) -> str:
    """Equal for values that differ in case, blanks or Unicode forms only."""
    return fold(dump_compact(value))
