"""Rows of results as an extraction of receipts writes them, drawn from one distribution, and what
a shift does to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

Row = dict[str, Any]
PLACES = ("Paris", "Berlin", "Kuala Lumpur")


def draw_results(count: int, seed: int) -> list[Row]:
    """So many rows; a few of them have failed."""
    dice = np.random.default_rng(seed)
    return [_draw(number, dice) for number in range(count)]


def _draw(number: int, dice: np.random.Generator) -> Row:
    failed = dice.random() < 0.02
    data = {
        "company": f"company {dice.integers(1000)}",
        "currency": str(dice.choice(["EUR", "USD", "MYR"], p=[0.5, 0.3, 0.2])),
        "paid": bool(dice.random() < 0.7),
        "total": round(float(dice.gamma(2, 20)), 2) if dice.random() < 0.9 else None,
        "address": {"city": str(dice.choice(PLACES)) if dice.random() < 0.6 else None},
        "items": ["an item"] * int(dice.poisson(3)),
    }
    pointers = ["/company", "/currency", "/paid", "/total", "/address/city"]
    pointers += [f"/items/{at}" for at in range(len(data["items"]))]
    return {
        "id": f"r{number}",
        "status": "truncated_output" if failed else "ok",
        "data": data,
        "raw": "",
        "prompt_tokens": int(dice.normal(200, 30)),
        "completion_tokens": int(dice.normal(60, 10)),
        "task": "receipt",
        "model": "a.gguf",
        "confidence": {at: round(float(dice.beta(20, 1)), 4) for at in pointers},
        "removed": {at: round(float(dice.beta(1, 200)), 4) for at in pointers},
        "spans": {at: {} for at in pointers if dice.random() < 0.9},
    }


def other_language(row: Row) -> Row:
    """Another language: the model is less sure, and fewer values stand in the text."""
    confidence = {at: value**3 for at, value in row["confidence"].items()}
    spans = dict(list(row["spans"].items())[::2])
    return {**row, "confidence": confidence, "spans": spans}


def scan_noise(row: Row) -> Row:
    """Errors of optical character recognition: more tokens, more that the mask removes."""
    removed = {at: min(1.0, value * 3) for at, value in row["removed"].items()}
    return {**row, "removed": removed, "prompt_tokens": int(row["prompt_tokens"] * 1.2)}


def other_vendor(row: Row) -> Row:
    """Another vendor's receipts: one currency only."""
    return {**row, "data": {**row["data"], "currency": "MYR"}}


def other_template(row: Row) -> Row:
    """A changed template: the total is elsewhere and not found any more."""
    return {**row, "data": {**row["data"], "total": None}}


SHIFTS = (other_language, scan_noise, other_vendor, other_template)


def write_rows(path: Path, rows: list[Row]) -> Path:
    """Write JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
