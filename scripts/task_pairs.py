"""Make pairs of the files that the tasks' sources publish; docs/tasks.md says where they are.

Values are copied from the text, without the punctuation around them; null where a part is missing.
A row in which a value does not stand in the text is left out and counted.

    python -m scripts.task_pairs address labeled.xml --out address.jsonl
    python -m scripts.task_pairs receipt SROIE/data --out receipt.jsonl
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from setaccio.cli.terminal.console import fail, tell
from setaccio.data.errors import DataError, SetaccioError
from setaccio.data.records import Pair, write_pairs
from setaccio.data.task.task import load_task

Row = tuple[str, str, dict[str, Any]]
EDGES = " \t\n.,;:()[]"
"""Punctuation that a value begins or ends with and that is no part of it."""

ADDRESS_PARTS = {
    "AddressNumber": "number",
    "StreetName": "street",
    "Occupancy": "unit",
    "Subaddress": "unit",
    "USPSBox": "po_box",
    "Recipient": "recipient",
    "BuildingName": "building",
    "LandmarkName": "building",
    "PlaceName": "city",
    "StateName": "state",
    "Zip": "zip",
}
"""Beginnings of usaddress's tags, and the fields that they are parts of."""

CITATION_PARTS = {
    "author": "authors",
    "date": "year",
    "title": "title",
    "container-title": "container",
    "journal": "container",
    "publisher": "publisher",
    "location": "location",
    "pages": "pages",
    "doi": "doi",
    "url": "url",
}
"""Elements of anystyle's sequences, and their fields."""

COPIED = ("address", "citation", "booking")
"""Tasks whose texts all stand in the document in one piece."""

_BEFORE = {
    "container": re.compile(r"^in:? ", re.IGNORECASE),
    "pages": re.compile(r"^(pages?|pp?)\.? *", re.IGNORECASE),
}
_YEAR = re.compile(r"\b(1[5-9]|20)\d\d(?!\d)")


def address_rows(path: Path) -> Iterator[Row]:
    """Rows of a training file of datamade/usaddress, such as ``training/labeled.xml``."""
    for number, line in enumerate(_tree(path).iter("AddressString")):
        parts = [(one.tag, (one.text or "").strip()) for one in line]
        words: dict[str, list[str]] = {}
        for tag, word in parts:
            field = next((to for begin, to in ADDRESS_PARTS.items() if tag.startswith(begin)), None)
            if field:
                words.setdefault(field, []).append(word)
        text = " ".join(word for _, word in parts)
        yield f"a{number}", text, {key: " ".join(found) for key, found in words.items()}


def citation_rows(path: Path) -> Iterator[Row]:
    """Rows of a parser file of inukshuk/anystyle, such as ``res/parser/core.xml``."""
    for number, sequence in enumerate(_tree(path).iter("sequence")):
        parts = [(one.tag, " ".join((one.text or "").split())) for one in sequence]
        gold: dict[str, Any] = {}
        for tag, said in parts:
            field = CITATION_PARTS.get(tag)
            if field is None or field in gold:
                continue
            year = _YEAR.search(said)
            if field != "year":
                gold[field] = _BEFORE[field].sub("", said) if field in _BEFORE else said
            elif year:
                gold[field] = int(year[0])
        yield f"core{number}", " ".join(said for _, said in parts), gold


def booking_rows(path: Path) -> Iterator[Row]:
    """Rows of a file of PolyAI's restaurant8k, such as ``train_0.json``."""
    for number, turn in enumerate(_json(path)):
        said = turn["userInput"]["text"]
        gold = {}
        for label in turn.get("labels", ()):
            span = label.get("valueSpan", {})
            value = said[span.get("startIndex", 0) : span.get("endIndex", len(said))]
            gold.setdefault(label["slot"], value)
        asked = (turn.get("context") or {}).get("requestedSlots")
        before = f"[asked: {', '.join(asked)}] " if asked else ""
        yield f"{path.stem}-{number}", before + said, gold


def command_rows(path: Path) -> Iterator[Row]:
    """Rows of a file of SNIPS's NLU benchmark, such as ``train_GetWeather_full.json``."""
    for intent, commands in _json(path).items():
        for number, command in enumerate(commands):
            slots: dict[str, list[str]] = {}
            for part in command["data"]:
                if "entity" in part:
                    slots.setdefault(part["entity"], []).append(part["text"].strip())
            text = "".join(part["text"] for part in command["data"]).strip()
            yield f"{intent}-{number}", text, {"intent": intent, "slots": slots}


def receipt_rows(path: Path) -> Iterator[Row]:
    """Rows of SROIE's ``data`` folder: ``box/NNN.csv`` with the lines, ``key/NNN.json``."""
    for key in sorted((path / "key").glob("*.json")):
        box = (path / "box" / f"{key.stem}.csv").read_text(encoding="utf-8", errors="replace")
        # Eight numbers of a box, and then the text, which may hold commas itself.
        lines = [line.split(",", 8)[-1].strip() for line in box.splitlines()]
        gold = {name: value or None for name, value in _json(key).items()}
        yield key.stem, "\n".join(filter(None, lines)), gold


READERS: Mapping[str, Callable[[Path], Iterator[Row]]] = {
    "address": address_rows,
    "citation": citation_rows,
    "booking": booking_rows,
    "command": command_rows,
    "receipt": receipt_rows,
}


def task_pairs(task: str, paths: Iterable[Path]) -> tuple[list[Pair], int]:
    """Pairs of a task.

    Args:
        task: a key of :data:`READERS`.
        paths: files of its source, or the folder for receipts.

    Returns:
        The pairs whose gold stands in their text and fits the task's schema, and how many do not.

    Raises:
        DataError: a file is missing or not of the expected form.
    """
    chosen = load_task(task)
    names = list(chosen.json_schema["properties"])
    kept, left_out = [], 0
    for path in paths:
        try:
            rows = list(READERS[task](path))
        except (OSError, ValueError, KeyError, TypeError, ElementTree.ParseError) as error:
            raise DataError(f"{path}: not a file of the source of {task!r}: {error!r}") from None
        for identifier, text, found in rows:
            gold = {name: _trimmed(found.get(name)) for name in names}
            stands = task not in COPIED or all(_stands(value, text) for value in gold.values())
            if text and stands and not chosen.problems(gold):
                kept.append(Pair(identifier, text, gold))
            else:
                left_out += 1
    return kept, left_out


def _trimmed(value: Any) -> Any:
    return (value.strip(EDGES) or None) if isinstance(value, str) else value


def _stands(value: Any, text: str) -> bool:
    return not isinstance(value, str) or value in text


def _tree(path: Path) -> ElementTree.Element:
    # A file that the user chose; expat itself refuses entities that grow without bound.
    return ElementTree.parse(path).getroot()  # noqa: S314


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8", errors="replace"))


def main() -> int:
    """Parse, read, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("task", choices=READERS)
    parser.add_argument("source", nargs="+", type=Path, help="files, or the folder for receipts")
    parser.add_argument("--out", required=True, type=Path, help="for the pairs")
    given = parser.parse_args()
    try:
        pairs, left_out = task_pairs(given.task, given.source)
        write_pairs(given.out, pairs)
    except SetaccioError as error:
        fail(error)
        return error.exit_code
    tell(f"{given.out}: {len(pairs)} pairs; {left_out} rows left out.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
