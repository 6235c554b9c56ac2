"""Pairs in which a field is not there: its evidence is taken out of the text, and its gold with it.

Contract: ``drop_field(pair, task, rng)`` takes out whole sentences, or else clauses between
commas, that hold evidence of one field and of no other. It gives None where that can not be done
and known to be right: a value that is said in other words, evidence shared with another field, a
field that the schema demands with a value.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from setaccio.data.records import Pair
from setaccio.data.schema.pointers import is_within, join, leaves, split_pointer, step_into
from setaccio.data.task.task import Task
from setaccio.data.text.evidence import Evidence, SourceText, evidence
from setaccio.data.text.sentences import Passage, clauses, overlaps, sentence_spans


def fields_of(gold: Any, pointer: str = "") -> Iterator[str]:
    """Pointers of the fields of an object and of the objects inside it, arrays left closed."""
    for key, value in gold.items():
        below = join(pointer, key)
        if value not in (None, [], {}, ""):
            yield below
        if isinstance(value, dict):
            yield from fields_of(value, below)


def without_field(gold: dict[str, Any], pointer: str, task: Task) -> dict[str, Any] | None:
    """The gold with one field absent, as the schema says it: null, left out, or an empty array.

    Returns:
        None where the schema allows none of them.
    """
    *path, last = split_pointer(pointer)
    choices: tuple[Any, ...] = (None, ..., [])
    for absent in choices:
        changed = copy.deepcopy(gold)
        inside: Any = changed
        for part in path:
            inside = step_into(inside, part)
        if absent is ...:
            del inside[last]
        elif absent == [] and not isinstance(inside[last], list):
            continue
        else:
            inside[last] = absent
        if not task.problems(changed):
            return changed
    return None


def drop_field(pair: Pair, task: Task, rng: random.Random) -> Pair | None:
    """Take one field out of a pair's text and gold.

    Args:
        pair: a pair whose gold is valid.
        task: says whether the field may be absent, and how.
        rng: decides which of the possible fields.

    Returns:
        The changed pair under the same id, or None where no field can be dropped.
    """
    known = evidence(pair.text, pair.gold)
    if known.missing:  # what is said in other words may stand anywhere
        return None
    pointers = list(fields_of(pair.gold))
    rng.shuffle(pointers)
    for pointer in pointers:
        if not known.below(pointer):
            continue
        gold = without_field(pair.gold, pointer, task)
        text = _without_evidence(pair.text, known, pointer)
        if gold is None or text is None:
            continue
        source = SourceText(text)
        values = [value for name, value in leaves(pair.gold) if is_within(name, pointer)]
        if not any(source.mentions(value) for value in values):
            return replace(pair, text=text, gold=gold)
    return None


def _without_evidence(text: str, known: Evidence, pointer: str) -> str | None:
    """The text without the sentences or clauses that hold a field's evidence."""
    own = known.below(pointer)
    others = [
        place
        for name, places in known.found.items()
        if not is_within(name, pointer)
        for place in places
    ]
    removed: list[Passage] = []
    for sentence in sentence_spans(text, known.passages):
        if not overlaps(sentence, own):
            continue
        units = [sentence]
        if overlaps(sentence, others):
            units = [c for c in clauses(text, sentence, known.passages) if overlaps(c, own)]
        if any(overlaps(unit, others) for unit in units):
            return None
        removed += units
    for start, end in reversed(removed):
        text = _cut_out(text, start, end)
    return text.strip() if any(letter.isalnum() for letter in text) else None


def _cut_out(text: str, start: int, end: int) -> str:
    """Take out a passage with the white space behind it, and mend what stands around it."""
    before, after = text[:start], text[end:]
    ended = text[start:end].rstrip()[-1:]
    if ended in ".!?" and before.rstrip().endswith((",", ";")):
        return before.rstrip().rstrip(",;") + ended + after
    return before + after.lstrip() if before.strip() else after.lstrip(" ,;")
