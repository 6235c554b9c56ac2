"""Rows of results with their documents, as a review gets them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from setaccio.data.text.evidence import ground

DOCUMENTS = {
    "a": "Sponge cake 🍰. Beat 2 eggs with 50 g sugar.",
    "b": "Tea. Pour 200 ml water on 1 tea bag.",
    "c": "Soup with carrots and salt.",
    "d": "Nothing to eat here.",
}
ANSWERS: dict[str, Any] = {
    "a": {"title": "Sponge cake", "ingredients": ["2 eggs", "50 g sugar"], "directions": []},
    "b": {"title": "Tea", "ingredients": ["200 ml water", "1 tea bag"], "directions": []},
    "c": {"title": "Soup", "ingredients": ["carrots", "salt", "pepper"], "directions": []},
    "d": None,
}


def result_row(name: str, sure: float, **more: Any) -> dict[str, Any]:
    """A row as `setaccio extract` writes it."""
    data = ANSWERS[name]
    spans = {at: one.to_dict() for at, one in ground(DOCUMENTS[name], data).items()}
    return {
        "id": name,
        "status": "invalid_json" if data is None else "ok",
        "data": data,
        "raw": "I am sorry.",
        "message": "",
        "task": "recipe",
        "model": "mine.gguf",
        "confidence": dict.fromkeys(spans, sure),
        "spans": spans,
        **more,
        "key": f"{ord(name):032x}",
    }


def write_lines(path: Path, lines: list[dict[str, Any]]) -> Path:
    """Write JSON Lines."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def review_folder(folder: Path, **of_c: Any) -> tuple[Path, Path]:
    """A file of results and one of the documents; ``d`` failed, and ``b`` is the surest."""
    rows = [result_row("a", 0.7), result_row("b", 0.9), result_row("c", 0.5, **of_c)]
    results = write_lines(folder / "results.jsonl", [*rows, result_row("d", 0)])
    texts = [{"id": name, "text": text} for name, text in DOCUMENTS.items()]
    return results, write_lines(folder / "docs.jsonl", texts)
