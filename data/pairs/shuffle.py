"""Another order of a text's sentences, where the order says nothing about the gold.

Contract: sentences that hold items of a list whose order counts keep their places, and so do those
of lists of objects, whose parts belong together. A list's order counts unless the task scores it
``unordered``; the gold of such a list follows the new order of the text.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from setaccio.data.records import Pair
from setaccio.data.schema.pointers import join, split_pointer
from setaccio.data.task.task import Task
from setaccio.data.text.evidence import Evidence, SourceText, evidence
from setaccio.data.text.sentences import overlaps, sentence_spans


def _lists(value: Any, pointer: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Arrays of an object and of the objects inside it, with their pointers."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _lists(part, join(pointer, key))
    elif isinstance(value, list):
        yield pointer, value


def _is_free(pointer: str, items: list[Any], task: Task) -> bool:
    """Whether the order of a list counts for nothing."""
    rule = task.scoring.get(".".join(split_pointer(pointer)))
    plain = not any(isinstance(item, (dict, list)) for item in items)
    return plain and rule is not None and rule.method == "unordered"


def _is_said(pointer: str, items: list[Any], known: Evidence) -> bool:
    """Whether all of a list stands in the text."""
    return not any(name.startswith(pointer + "/") for name in known.missing)


def shuffle_sentences(pair: Pair, task: Task, rng: random.Random) -> Pair | None:
    """Put the sentences of a pair's text into another order.

    Args:
        pair: a pair whose gold is valid.
        task: its scoring rules say which lists have no order.
        rng: decides the order.

    Returns:
        The changed pair under the same id, or None where fewer than two sentences may move, or an
        ordered list is said in other words, so that its sentences are not known.
    """
    known = evidence(pair.text, pair.gold)
    ordered = [
        (pointer, items)
        for pointer, items in _lists(pair.gold)
        if items and not _is_free(pointer, items, task)
    ]
    if not all(_is_said(pointer, items, known) for pointer, items in ordered):
        return None
    fixed = [span for pointer, _ in ordered for span in known.below(pointer)]
    places = sentence_spans(pair.text, known.passages)
    loose = [number for number, place in enumerate(places) if not overlaps(place, fixed)]
    if len(loose) < 2:
        return None
    order = list(range(len(places)))
    for number, other in zip(loose, rng.sample(loose, len(loose)), strict=True):
        order[number] = other
    parts, at = [], 0
    for (start, end), number in zip(places, order, strict=True):
        parts += [pair.text[at:start], pair.text[slice(*places[number])]]
        at = end
    text = "".join([*parts, pair.text[at:]])
    return replace(pair, text=text, gold=_follow(pair.gold, "", SourceText(text), task))


def _follow(value: Any, pointer: str, text: SourceText, task: Task) -> Any:
    """Sort the lists without an order by where their items stand first."""
    if isinstance(value, dict):
        return {k: _follow(part, join(pointer, k), text, task) for k, part in value.items()}
    if not isinstance(value, list) or not _is_free(pointer, value, task):
        return value
    first = [text.mentions(item)[:1] for item in value]
    if not all(first):
        return value
    ranked = sorted(range(len(value)), key=lambda number: (first[number][0], number))
    return [value[number] for number in ranked]
