"""Gold against prediction, leaf by leaf, as the score paired them.

``scores.jsonl`` says of every leaf how it came out and where it stands, as JSON Pointers (RFC 6901)
into gold and prediction. Here the pointers get their values.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from setaccio.data.task.task import Json
from setaccio.eval.scoring.counts import leaf_pointers

Outcome = Literal["correct", "wrong", "omitted", "hallucinated", "uncounted"]
ABSENT = ...
"""What :func:`at_pointer` gives when there is nothing; null is something."""


@dataclass(frozen=True)
class DiffLeaf:
    """One value, or those that stand for each other.

    Attributes:
        outcome: as the score counts it; ``uncounted`` is a value of an output that failed, which
            scores nothing.
        path: pointer into gold; into the prediction where gold has none.
        gold: the gold value; :data:`ABSENT` when there is none.
        found: pointer and value of each predicted one; several where a step was split.
    """

    outcome: Outcome
    path: str
    gold: Any
    found: tuple[tuple[str, Json], ...] = ()


def diff_leaves(outcomes: Sequence[dict[str, Any]], gold: Json, value: Json) -> list[DiffLeaf]:
    """Give the outcomes of a score their values.

    Args:
        outcomes: records of ``outcome``, ``gold`` and ``predictions``.
        gold: the gold value; :data:`ABSENT` when it is not known.
        value: the predicted value; :data:`ABSENT` when there is none.

    Returns:
        The leaves in the order of gold, those that gold does not have behind them; and where no
        prediction counted, what was predicted all the same.
    """
    places = {pointer: at for at, pointer in enumerate(_pointers(gold))}
    ranked = sorted(outcomes, key=lambda one: places.get(one["gold"], len(places)))
    leaves = [_leaf(one, gold, value) for one in ranked]
    if not any(leaf.found for leaf in leaves):
        leaves += [
            DiffLeaf("uncounted", pointer, ABSENT, ((pointer, found),))
            for pointer in _pointers(value)
            if (found := at_pointer(value, pointer)) not in (None, [], {})
        ]
    return leaves


def at_pointer(value: Json, pointer: str) -> Any:
    """What a JSON Pointer leads to; :data:`ABSENT` when it leads nowhere."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return ABSENT
    return value


def json_text(value: Any) -> str | None:
    """A value as JSON; None when it is absent."""
    return None if value is ABSENT else json.dumps(value, ensure_ascii=False)


def _pointers(value: Any) -> list[str]:
    return [] if value is ABSENT else leaf_pointers(value)


def _leaf(outcome: dict[str, Any], gold: Any, value: Any) -> DiffLeaf:
    pointers = [str(pointer) for pointer in outcome["predictions"]]
    path = pointers[0] if outcome["gold"] is None else str(outcome["gold"])
    wanted = ABSENT if outcome["gold"] is None else at_pointer(gold, path)
    found = tuple((pointer, at_pointer(value, pointer)) for pointer in pointers)
    return DiffLeaf(outcome["outcome"], path, wanted, found)
