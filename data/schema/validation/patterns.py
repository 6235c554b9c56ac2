r"""The regular expressions of JSON Schema, as the grammar reads them, for whatever checks values.

JSON Schema has those of ECMA-262, llguidance reads them by Rust's rules with ``\d`` and ``\w`` for
ASCII alone. Python's ``re`` knows no ``\p{L}`` and no ``(?<name>...)``, takes ``٣`` for a digit and
lets ``$`` match before a line's end. So patterns are translated for the ``regex`` package.

    >>> matches(r"^\p{Lu}\d$", "É1"), matches(r"^\d$", "1\n")
    (True, False)
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import regex

_TOKEN = re.compile(
    r"\\u\{(?P<code>[0-9a-fA-F]{1,6})\}|\\c(?P<control>[A-Za-z])|\\(?P<escaped>.)|(?P<other>.)",
    re.DOTALL,
)
_OUTSIDE = {"d": "[0-9]", "D": "[^0-9]", "w": "[0-9A-Za-z_]", "W": "[^0-9A-Za-z_]", "z": r"\Z"}
_INSIDE = {"d": "0-9", "w": "0-9A-Za-z_", "D": "[^0-9]", "W": "[^0-9A-Za-z_]"}


SEARCH_SECONDS = 0.5
"""What one search may take: some patterns go back over a text without end."""

JUDGE_SECONDS = 5.0
"""What a server lets all searches of one answer take together."""

_UNTIL: ContextVar[float] = ContextVar("_UNTIL", default=float("inf"))

MOST_NESTED = 100
"""Groups inside one another; the libraries that read patterns follow them by recursion."""


@functools.lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> Any:
    """Compile a pattern of a schema.

    Args:
        pattern: the pattern.

    Returns:
        A compiled expression of the ``regex`` package; ``search`` with it.

    Raises:
        ValueError: it is no regular expression, or uses what the package does not know; one line
            says why.
    """
    translated, nested = _translate(pattern)
    try:
        # Classes within classes are of its newer syntax only.
        return regex.compile(translated, regex.V1 if nested else regex.V0)
    except (regex.error, OverflowError, RecursionError, MemoryError) as error:
        reason = getattr(error, "msg", "") or "too large"
        raise ValueError(f"{reason}") from error


def matches(pattern: str, text: str) -> bool:
    """Whether a text holds what a pattern describes.

    Raises:
        ValueError: as by :func:`compile_pattern`, or the search takes more than
            :data:`SEARCH_SECONDS`, or what :func:`search_limit` allows.
    """
    left = min(SEARCH_SECONDS, _UNTIL.get() - time.monotonic())
    try:
        if left > 0:
            return compile_pattern(pattern).search(text, timeout=left) is not None
    except TimeoutError:
        if left == SEARCH_SECONDS:
            raise ValueError(f"the pattern takes more than {left} s to search a text") from None
    raise ValueError("the patterns take too long to search all texts")


@contextmanager
def search_limit(seconds: float) -> Iterator[None]:
    """Bound what all searches within the block may take together, in this thread.

    Args:
        seconds: after which the next search is a ValueError.
    """
    before = _UNTIL.set(min(_UNTIL.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _UNTIL.reset(before)


def surely_matches(pattern: str, text: str) -> bool:
    """As :func:`matches`; False for a pattern that can not be compiled, or searches too long."""
    try:
        return matches(pattern, text)
    except ValueError:
        return False


def is_pattern(value: object) -> bool:
    """For a format checker: true, or the error of :func:`compile_pattern`; other types are fine."""
    if isinstance(value, str):
        compile_pattern(value)
    return True


def _translate(pattern: str) -> tuple[str, bool]:
    """The pattern for the ``regex`` package, and whether a class holds another one.

    Raises:
        ValueError: groups are nested too deeply.
    """
    out: list[str] = []
    inside = nested = False
    depth = 0
    for token in _TOKEN.finditer(pattern):
        code, escaped, other = token["code"], token["escaped"], token["other"]
        if code or token["control"]:
            number = int(code, 16) if code else ord(token["control"].upper()) - 64
            out.append(f"\\U{number:08x}")
        elif escaped:
            nested |= inside and escaped in "DW"
            out.append((_INSIDE if inside else _OUTSIDE).get(escaped, token[0]))
        elif other == "$" and not inside:
            out.append(r"\Z")
        else:
            depth += 0 if inside else (other == "(") - (other == ")")
            if depth > MOST_NESTED:
                raise ValueError(f"groups are nested more than {MOST_NESTED} deep")
            inside = other == "[" or (inside and other != "]")
            out.append(other)
    return "".join(out), nested
