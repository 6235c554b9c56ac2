"""Rows of results with known errors, drawn from a distribution in which confidence is worth
something, and the error that a threshold really has on it."""

from __future__ import annotations

import numpy as np

from setaccio.eval.trust.risk import JudgedRow, judge_row

FIELDS = ("date", "time", "people", "first_name", "last_name")


def draw_rows(count: int, seed: int, *, hard: float = 0.25, name: str = "d") -> list[JudgedRow]:
    """Documents of which a share is hard; what is wrong in them is less sure and less grounded.

    Args:
        count: how many.
        seed: of the drawing.
        hard: share of documents in which values may be wrong.
        name: first letters of the ids.
    """
    dice = np.random.default_rng(seed)
    return [_draw(f"{name}{number}", dice, hard) for number in range(count)]


def _draw(identifier: str, dice: np.random.Generator, hard: float) -> JudgedRow:
    is_hard = dice.random() < hard
    data, confidence, removed, spans, outcomes = {}, {}, {}, {}, []
    for field in FIELDS:
        wrong = is_hard and dice.random() < 0.3
        at = f"/{field}"
        data[field] = "a value" if dice.random() < 0.5 else None
        doubt = dice.exponential(0.8 if wrong else 0.2 if is_hard else 0.02)
        confidence[at] = round(float(np.exp(-doubt)), 4)
        removed[at] = round(float(dice.beta(1, 60 if is_hard else 300)), 4)
        if data[field] and dice.random() < (0.5 if wrong else 0.95):
            spans[at] = {"start": 0, "end": 7, "how": "exact", "score": 1.0}
        outcomes.append(
            {"outcome": "wrong" if wrong else "correct", "gold": at, "predictions": [at]}
        )
    row = {
        "id": identifier,
        "status": "repetition" if dice.random() < 0.01 else "ok",
        "data": data,
        "confidence": confidence,
        "removed": removed,
        "spans": spans,
        "prompt_tokens": int(dice.integers(60, 120)),
        "completion_tokens": int(dice.integers(30, 60)),
        "chunks": 1,
        "closed_lists": 0,
    }
    return judge_row(identifier, row, outcomes)
