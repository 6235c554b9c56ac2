"""Makes a small run folder whose texts, ids, keys and model names try to run as script."""

from __future__ import annotations

import json
from pathlib import Path

from setaccio.data import Pair, Task
from setaccio.eval.evaluate import score_predictions

ATTACKS = (
    "</script><script>window.hit = 1</script>",
    "<img src=x onerror='window.hit = 1'>",
    "<!--<script>",
    "'\"><svg onload=window.hit=1>",
    "&lt;b&gt; {{hit}} ${hit} \u2028 \x00 \U0001f372",
)
HOSTILE = "h<script>window.hit=1</script>"

TASK = Task.from_schema(
    {
        "title": "dish",
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "cups": {"type": "number"},
            "steps": {"type": "array", "items": {"type": "string"}},
            "<b>note</b>": {"type": ["string", "null"]},
        },
        "required": ["name"],
    }
)
SOUP = {"name": "Soup", "cups": 2, "steps": ["Boil it.", "Serve it."], "<b>note</b>": None}
PAIRS = [
    Pair("good", "\U0001f372 Soup: 2 cups. Boil it. Serve it.", SOUP),
    Pair("bad", "Soup: 2 cups, 12 spoons. Boil it. Serve it.", SOUP),
    Pair("cut", "Soup again.", {**SOUP, "<b>note</b>": "again"}),
    Pair(HOSTILE, " ".join(ATTACKS), {**SOUP, "name": ATTACKS[0], "<b>note</b>": ATTACKS[1]}),
]
WRONG = {"name": "Stew", "cups": 2, "steps": ["Boil it.", ATTACKS[3]], "<b>note</b>": ATTACKS[4]}
ROWS = [
    {
        "id": "good",
        "raw": json.dumps(SOUP),
        "status": "ok",
        "confidence": {"/name": 0.9, "/cups": 0.8, "/steps/0": 0.7, "/steps/1": 0.6},
        "spans": {"/name": {"start": 2, "end": 6, "how": "exact"}},
    },
    {
        "id": "bad",
        "raw": json.dumps(WRONG),
        "status": "ok",
        "confidence": {"/name": 0.4},
    },
    {"id": "cut", "raw": '{"name": "So', "status": "truncated_output"},
    {"id": HOSTILE, "raw": json.dumps({**SOUP, "name": ATTACKS[0]}), "status": "ok"},
]
ARMS = ("first", f"second{ATTACKS[0]}")


def make_run(folder: Path) -> Path:
    """Score two arms on four documents; the second arm's outputs are not JSON."""
    lines = [{**row, "model": ARMS[0], "seconds": 0.5} for row in ROWS]
    lines += [
        {"id": pair.id, "raw": f"no JSON {ATTACKS[1]}", "model": ARMS[1], "seconds": 0.25}
        for pair in PAIRS
    ]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder.parent / "outputs.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    score_predictions(file, PAIRS, TASK, out=folder)
    return folder
