"""Find the JSON in a model's answer: strictly as it stands, or leniently inside what surrounds it.

A free model may wrap its answer in code fences or in words. Strict parsing takes the answer as a
whole; lenient parsing drops the fences and takes the first JSON object or array. Braces in words
before a fence are no answer, so what is broken there does not hide what the fence holds. Both
follow RFC 8259 and nothing beyond it: no NaN, no comments, no repair.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, NoReturn

_FENCE = re.compile(r"```[A-Za-z0-9_-]*[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)
_BEGIN = re.compile(r"[{\[]")


class Answer(NamedTuple):
    """What was found in an answer.

    Attributes:
        found: whether there is a JSON value at all (``null`` is one).
        value: the value; None when nothing was found.
        strict: whether the answer as a whole is that value, blanks around it aside.
    """

    found: bool
    value: Any
    strict: bool


NOTHING = Answer(False, None, False)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)


def _checked(value: Any) -> Any:
    # An escaped lone surrogate parses, but no encoding can write what comes of it.
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    return value


def parse_strict(text: str) -> Any:
    """Parse a text that is one JSON value and nothing else.

    Raises:
        ValueError: it is not.
    """
    try:
        return _checked(_DECODER.decode(text))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _first_value(text: str) -> Answer | None:
    """The first object or array; :data:`NOTHING` where it is broken, None where none begins."""
    begin = _BEGIN.search(text)
    while begin:
        try:
            value, _ = _DECODER.raw_decode(text, begin.start())
            return Answer(True, _checked(value), False)
        except json.JSONDecodeError as error:
            # What was read up to the error belongs to the broken value: an object inside an
            # answer that was cut off is not the answer, nor is one behind the broken place.
            if text[begin.end() : error.pos].strip():
                return NOTHING
            begin = _BEGIN.search(text, max(error.pos, begin.end()))
        except (ValueError, RecursionError):
            return NOTHING
    return None


def _without_fences(text: str) -> Answer:
    """The first value of a text with fences: before the first one, inside it, or behind it."""
    while fence := _FENCE.search(text):
        before, inside = _first_value(text[: fence.start()]), _first_value(fence.group(1))
        if before and before.found:
            return before
        if inside:
            return inside
        text = text[fence.end() :]
    return _first_value(text) or NOTHING


def parse_answer(raw: str) -> Answer:
    """Find the JSON value in an answer.

    Args:
        raw: the generated text.

    Returns:
        The value, and whether it is the whole answer; :data:`NOTHING` when there is none, as in
        an answer that was cut off inside its outermost object.
    """
    try:
        return Answer(True, parse_strict(raw.strip(" \t\r\n")), True)
    except ValueError:
        pass
    return _without_fences(raw)
