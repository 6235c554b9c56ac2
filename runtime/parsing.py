"""Find the JSON in a model's answer: strictly as it stands, or leniently inside what surrounds it.

A free model may wrap its answer in a code fence or in words. Strict parsing takes the answer as a
whole; lenient parsing drops a fence and takes the first JSON object or array. Both follow RFC 8259
and nothing beyond it: no NaN, no comments, no repair.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple, NoReturn

_FENCE = re.compile(r"```[A-Za-z0-9_-]*[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)
_BEGIN = re.compile(r"[{\[]")
_GREATEST_TRIES = 50


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


def _first_value(text: str) -> Answer:
    for tried, match in enumerate(_BEGIN.finditer(text)):
        if tried == _GREATEST_TRIES:
            break
        try:
            value, _ = _DECODER.raw_decode(text, match.start())
            return Answer(True, _checked(value), False)
        except (ValueError, RecursionError):
            continue
    return Answer(False, None, False)


def parse_answer(raw: str) -> Answer:
    """Find the JSON value in an answer.

    Args:
        raw: the generated text.

    Returns:
        The value, and whether it is the whole answer. Without a fence the first object or array
        that parses counts, so an answer cut off inside its outermost object yields none.
    """
    try:
        return Answer(True, parse_strict(raw.strip(" \t\r\n")), True)
    except ValueError:
        pass
    fence = _FENCE.search(raw)
    body = fence.group(1) if fence else raw
    begin = _BEGIN.search(body)
    return _first_value(body) if begin else Answer(False, None, False)
