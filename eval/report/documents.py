"""Every document of a run as the report shows it: text, gold, and what each arm made of it.

``scores.jsonl`` says of every leaf how it came out and where it stands, as JSON Pointers (RFC 6901)
into gold and prediction; here the pointers get their values and their places in the text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from setaccio.data.records import Pair
from setaccio.data.task.task import Json, Task, dump_compact
from setaccio.data.text.evidence import SourceText
from setaccio.data.text.sentences import Passage
from setaccio.eval.report.data import LEVELS, Record, ReportArm, Run
from setaccio.eval.report.spans import leaf_passages, utf16_offsets
from setaccio.eval.scoring.counts import ABSENT, OUTCOMES, at_pointer, leaf_pointers
from setaccio.eval.scoring.score import read_answer, rename_keys
from setaccio.runtime.result.parsing import parse_answer

GREATEST_RAW = 20_000
"""Characters of a raw output that the report shows; the folder's predictions have all."""
_CODES = {name: at for at, name in enumerate((*OUTCOMES, "uncounted"))}
_NOWHERE = (-1, -1)


def document_payload(run: Run, name: str) -> dict[str, Any]:
    """One document for the page's script.

    Args:
        run: the run.
        name: the document's id.

    Returns:
        ``id``, ``text`` (None when the folder does not hold it), ``strings`` and ``arms``. Strings
        that come more than once (pointers, gold, right values) are kept once, in ``strings``, and
        named by their position. ``arms`` has per arm None or an object: ``status``, ``levels``,
        ``score``, where there are any ``raw``, ``message`` and ``seconds``, and ``leaves``: outcome
        code, path, gold value or -1, start and end of the gold value in the text, and the predicted
        values, each with path, value or -1, start, end and confidence or -1. Starts and ends count
        UTF-16 units; -1 is nowhere.
    """
    pair = run.documents.get(name)
    place = _Places(pair.text if pair else "")
    return {
        "id": name,
        "text": pair.text if pair else None,
        "arms": [_arm(arm, name, pair, place, run.task) for arm in run.arms],
        "strings": list(place.strings),
    }


class _Places:
    """One document's strings and spans, shared by its arms."""

    def __init__(self, text: str) -> None:
        self.source = SourceText(text)
        self.strings: dict[str, int] = {}
        self.convert: Callable[[Passage], Passage] = utf16_offsets(text)

    def string(self, text: str | None) -> int:
        """Position of a string among the document's strings; -1 for None."""
        return -1 if text is None else self.strings.setdefault(text, len(self.strings))

    def span(self, span: Passage | None) -> Passage:
        """A span in UTF-16 units."""
        return self.convert(span) if span else _NOWHERE


def _arm(
    arm: ReportArm, name: str, pair: Pair | None, place: _Places, task: Task | None
) -> dict[str, Any] | None:
    score = arm.scores.get(name)
    if score is None:
        return None
    output, value = _scored_output(arm, score, task)
    gold = pair.gold if pair else ABSENT
    said = leaf_passages(place.source, gold)
    told = leaf_passages(place.source, value, output.get("spans"))
    leaves = [
        _leaf(leaf, output, said, told, place)
        for leaf in diff_leaves(score.get("outcomes", ()), gold, value)
    ]
    payload: dict[str, Any] = {
        "status": str(score.get("status", "")),
        "levels": [bool(score.get(key)) for key, _ in LEVELS],
        "score": round(float(score.get("score", 0.0)), 4),
        "leaves": leaves,
    }
    raw = output.get("raw")
    if isinstance(raw, str) and raw.strip() and (value is ABSENT or raw != dump_compact(value)):
        payload["raw"] = raw[:GREATEST_RAW] + ("…" if len(raw) > GREATEST_RAW else "")
    if output.get("message"):
        payload["message"] = str(output["message"])
    if isinstance(output.get("seconds"), int | float):
        payload["seconds"] = round(output["seconds"], 3)
    return payload


def _scored_output(arm: ReportArm, score: Record, task: Task | None) -> tuple[Record, Any]:
    """The output that was scored: the newest that has its status and all its leaves."""
    rows = arm.outputs.get(str(score["id"]), [])[::-1]
    found = [(row, _value(arm, row, task)) for row in rows]
    for row, value in found:
        if _is_of(score, row, value):
            return row, value
    return found[0] if found else ({}, ABSENT)


def _value(arm: ReportArm, row: Record, task: Task | None) -> Any:
    """The JSON value of an output, its keys named as in the task."""
    raw = row.get("raw")
    if isinstance(raw, str):
        if task is not None:
            answer = read_answer(raw, task, arm.aliases)
            return answer.value if answer.found else ABSENT
        answer = parse_answer(raw)
        return rename_keys(answer.value, arm.aliases) if answer.found else ABSENT
    data = row.get("data")
    return ABSENT if data is None else rename_keys(data, arm.aliases)


def _is_of(score: Record, row: Record, value: Any) -> bool:
    if row.get("status") not in (score.get("status"), None, ""):
        return False
    pointers = (at for one in score.get("outcomes", ()) for at in one["predictions"])
    return all(value is not ABSENT and at_pointer(value, at) is not ABSENT for at in pointers)


def _leaf(
    leaf: DiffLeaf,
    output: Record,
    said: dict[str, Passage],
    told: dict[str, Passage],
    place: _Places,
) -> list[Any]:
    gold = said.get(leaf.path) if leaf.outcome == "omitted" else None
    found = [
        [
            place.string(path),
            place.string(json_text(value)),
            *place.span(told.get(path)),
            _confidence(output, path),
        ]
        for path, value in leaf.found
    ]
    return [
        _CODES[leaf.outcome],
        place.string(leaf.path),
        place.string(json_text(leaf.gold)),
        *place.span(gold),
        found,
    ]


def _confidence(output: Record, path: str) -> float:
    known = output.get("confidence")
    value = known.get(path) if isinstance(known, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return -1
    return round(min(max(float(value), 0.0), 1.0), 4)


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

    outcome: str
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
    leaves = [_diff_leaf(one, gold, value) for one in ranked]
    if not any(leaf.found for leaf in leaves):
        leaves += [
            DiffLeaf("uncounted", pointer, ABSENT, ((pointer, found),))
            for pointer in _pointers(value)
            if (found := at_pointer(value, pointer)) not in (None, [], {})
        ]
    return leaves


def json_text(value: Any) -> str | None:
    """A value as JSON; None when it is absent."""
    return None if value is ABSENT else json.dumps(value, ensure_ascii=False)


def _pointers(value: Any) -> list[str]:
    return [] if value is ABSENT else leaf_pointers(value)


def _diff_leaf(outcome: dict[str, Any], gold: Any, value: Any) -> DiffLeaf:
    pointers = [str(pointer) for pointer in outcome["predictions"]]
    path = pointers[0] if outcome["gold"] is None else str(outcome["gold"])
    wanted = ABSENT if outcome["gold"] is None else at_pointer(gold, path)
    found = tuple((pointer, at_pointer(value, pointer)) for pointer in pointers)
    return DiffLeaf(outcome["outcome"], path, wanted, found)
