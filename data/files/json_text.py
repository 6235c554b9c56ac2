"""JSON text, read as RFC 8259 has it, with reasons that are made for whoever wrote the text.

Contract: ``parse_json(text)`` gives the value or raises a ``ValueError`` of one line. Python's own
reader also takes ``NaN``, numbers beyond a float's range and any depth that its stack holds; what
comes later (the schema library, llguidance) does not. RFC 8259 leaves open what an object means in
which a key is repeated: here the last value stays, as in Python, and the object remembers the key,
so that :meth:`setaccio.data.Task.problems` can say so.

>>> parse_json('{"a": 1E2}')
{'a': 100.0}
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from json import JSONDecodeError, JSONDecoder
from typing import Any

from setaccio.data.files.decimals import read_float

MAX_DEPTH = 100
"""Most objects and arrays inside one another. llguidance's own limit for a schema is 127."""

MAX_DIGITS = 4300
"""Longest integer, in digits: what Python reads."""

TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"


def refuse_constant(word: str) -> Any:
    """For ``json``'s ``parse_constant``: ``NaN`` and ``Infinity`` are no JSON (RFC 8259).

    Raises:
        ValueError: always.
    """
    raise ValueError(f"{word} is no JSON number")


def finite(digits: str) -> float:
    """For ``json``'s ``parse_float``.

    Raises:
        ValueError: the number is beyond a float's range.
    """
    number = read_float(digits)
    if not math.isfinite(number):
        refuse_constant(_shortened(digits))
    return number


def integer(digits: str) -> int:
    """For ``json``'s ``parse_int``.

    Raises:
        ValueError: the number has too many digits.
    """
    if len(digits.lstrip("-")) > MAX_DIGITS:
        raise ValueError(f"{_shortened(digits)} has more than {MAX_DIGITS} digits")
    return int(digits)


def _shortened(digits: str) -> str:
    return digits if len(digits) <= 24 else f"{digits[:12]}... ({len(digits)} characters)"


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {json.dumps(key)} stands twice in one object")
        found[key] = value
    return found


class RepeatedKeys(dict[str, Any]):
    """A dictionary that was read from an object in which keys stood more than once.

    Attributes:
        counts: how many times each of these keys stood there.
    """

    counts: dict[str, int]


def read_object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """For ``json``'s ``object_pairs_hook``: a dictionary, where needed a :class:`RepeatedKeys`."""
    pairs = list(pairs)
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    counts = Counter(key for key, _ in pairs)
    return like({key: count for key, count in counts.items() if count > 1}, found)


def like(counts: dict[str, int], content: dict[str, Any]) -> RepeatedKeys:
    """A dictionary that says that some keys were repeated."""
    marked = RepeatedKeys(content)
    marked.counts = counts
    return marked


def repetitions(value: Any, path: str = "$") -> Iterator[str]:
    """Say which keys stood more than once.

    Args:
        value: a JSON value.
        path: where it stands, as messages write it.

    Yields:
        One sentence a key, first the path of its object.
    """
    if isinstance(value, RepeatedKeys):
        for key, count in value.counts.items():
            yield f"{path}: the key {key!r} stands {count} times in one object"
    if isinstance(value, dict):
        for key, part in value.items():
            if isinstance(part, dict | list):
                yield from repetitions(part, f"{path}.{key}")
    elif isinstance(value, list):
        for index, part in enumerate(value):
            if isinstance(part, dict | list):
                yield from repetitions(part, f"{path}[{index}]")


def _decoder(read_pairs: Callable[[Iterable[tuple[str, Any]]], dict[str, Any]]) -> JSONDecoder:
    return JSONDecoder(
        parse_constant=refuse_constant,
        parse_float=finite,
        parse_int=integer,
        object_pairs_hook=read_pairs,
    )


DECODER = _decoder(read_object)
_STRICTEST = _decoder(_once)


def parse_json(text: str, *, unique_keys: bool = False) -> Any:
    """Read one JSON value.

    Args:
        text: the JSON.
        unique_keys: refuse a key that stands twice in an object; otherwise the last one wins, and
            the object is a :class:`RepeatedKeys`.

    Raises:
        ValueError: it is no JSON, a number can not be held, or it is nested too deeply.
    """
    try:
        value = (_STRICTEST if unique_keys else DECODER).decode(text)
    except RecursionError as error:
        raise ValueError(TOO_DEEP) from error
    except JSONDecodeError as error:
        raise ValueError(_reason(error)) from error
    if text.count("[") + text.count("{") > MAX_DEPTH and is_deep(value):
        raise ValueError(TOO_DEEP)
    return value


def dump_compact(value: Any) -> str:
    """Compact JSON: no blanks after separators, characters as themselves.

    DEL alone is escaped: llguidance counts it among the control characters, so a constrained model
    could not write it otherwise.
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text.replace("\x7f", "\\u007f")


def _reason(error: JSONDecodeError) -> str:
    """What is wrong and where; the line only where there are several."""
    what = error.msg.rstrip(": ").removesuffix(" at")
    if "\n" not in error.doc.rstrip():
        return f"{what} at character {error.pos + 1}"
    return f"{what} at line {error.lineno}, column {error.colno}"


def is_deep(value: Any) -> bool:
    """Whether a value is nested more than ``MAX_DEPTH`` levels deep, or holds itself."""
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        parts = (part for each in level for part in _inside(each))
        level = list({id(part): part for part in parts}.values())
        if not level:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
    parts = value.values() if isinstance(value, dict) else value
    return (part for part in parts if isinstance(part, dict | list))


def unwritable(value: Any) -> bool:
    """Whether half of a surrogate pair is somewhere in it, which no encoding can write."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False
