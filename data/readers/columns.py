"""Text and gold from the columns of a row: ``{phrase}`` in a text, ``{"tone": "{tone}"}`` as gold.

>>> fill_text("{phrase}!", {"phrase": "Well done"})
'Well done!'
>>> fill_gold({"tone": "{tone}", "stars": "{stars:int}"}, {"tone": "warm", "stars": "5"})
{'tone': 'warm', 'stars': 5}

A name stands for a column, or with dots for what lies inside one (``{author.name}``, ``{tags.0}``).
A literal brace is doubled. Where a string of the gold is one name and nothing else, the value keeps
its type, and an empty one becomes null; ``:int``, ``:number``, ``:bool`` and ``:json`` read a text
as that type, and ``:document`` in a text names a file whose text is meant. What is filled in is
never itself read as a template.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from setaccio.data.errors import UsageError
from setaccio.data.files.json_text import finite, parse_json
from setaccio.data.schema.pointers import step_into

_BOOLS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _to_bool(text: str) -> bool:
    if text.strip().lower() not in _BOOLS:
        raise ValueError("is neither true nor false")
    return _BOOLS[text.strip().lower()]


def _to_number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return finite(text)


DOCUMENT = "document"
"""The type of a column that names a file, whose text is wanted."""

TYPES: dict[str, Callable[[str], Any]] = {
    "int": int,
    "number": _to_number,
    "bool": _to_bool,
    "json": parse_json,
    "text": str,
    DOCUMENT: str,
}
"""What can stand behind the colon, and how a text is read as it."""


def _parts(template: str) -> list[tuple[str, str | None, str]]:
    """The template as ``(literal, name or None, type)``."""
    try:
        parsed = list(string.Formatter().parse(template))
    except ValueError as error:
        raise UsageError(f"Template {template!r}: {error}. A literal brace is doubled.") from error
    parts: list[tuple[str, str | None, str]] = []
    for literal, name, kind, conversion in parsed:
        if name == "" or conversion or (kind and kind not in TYPES):
            raise UsageError(
                f"Template {template!r}: a place is written {{column}}, or {{column:TYPE}} with "
                f"one of {', '.join(TYPES)}. A literal brace is doubled."
            )
        parts.append((literal, name, kind or ""))
    return parts


def names_in(template: Any) -> list[str]:
    """The columns that a text or gold template asks for, in order, each once.

    Raises:
        UsageError: it can not be filled in, whatever the row.
    """
    found = (name for text in _strings(template) for _, name, _ in _parts(text))
    return list(dict.fromkeys(name for name in found if name is not None))


def _strings(template: Any) -> Iterator[str]:
    if isinstance(template, str):
        yield template
    elif isinstance(template, (dict, list)):
        for part in template.values() if isinstance(template, dict) else template:
            yield from _strings(part)


def look_up(row: Mapping[str, Any], name: str) -> Any:
    """The value of a column, or with dots of what lies inside it.

    Raises:
        ValueError: there is none.
    """
    if name in row:
        return row[name]
    value: Any = row
    for part in name.split("."):
        try:
            value = step_into(value, part)
        except (LookupError, ValueError, TypeError) as error:
            raise ValueError(f"no column {name!r}") from error
    return value


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def fill_text(
    template: str, row: Mapping[str, Any], read: Callable[[str], str] | None = None
) -> str:
    """Fill in a text.

    Args:
        template: the text, with columns.
        row: column to value.
        read: gives the text of the file that a ``{column:document}`` names.

    Raises:
        ValueError: the row lacks a column, or a file can not be read.
        UsageError: it is no template.
    """
    pieces = []
    for literal, name, kind in _parts(template):
        value = "" if name is None else _as_text(look_up(row, name))
        pieces += [literal, read(value) if read and kind == DOCUMENT else value]
    return "".join(pieces)


def fill_gold(template: Any, row: Mapping[str, Any]) -> Any:
    """Fill in the strings of a JSON value.

    Raises:
        ValueError: the row lacks a column, or a cell can not be read as its type.
        UsageError: it is no template.
    """
    if isinstance(template, dict):
        return {key: fill_gold(part, row) for key, part in template.items()}
    if isinstance(template, list):
        return [fill_gold(part, row) for part in template]
    if not isinstance(template, str):
        return template
    parts = _parts(template)
    literal, name, kind = parts[0] if len(parts) == 1 else ("", None, "")
    if literal or name is None:
        return fill_text(template, row)
    return _typed(name, kind, look_up(row, name))


def _typed(name: str, kind: str, value: Any) -> Any:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if kind == "text":
        return _as_text(value)
    if not kind or not isinstance(value, str):
        return value
    try:
        return TYPES[kind](value)
    except ValueError as error:
        raise ValueError(f"column {name!r}: {value[:40]!r} is no {kind} ({error})") from error
