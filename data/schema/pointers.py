"""JSON pointers (RFC 6901): how a place in a JSON value is written, as in ``/items/0/name``."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from typing import Any


def join(pointer: str, part: str | int) -> str:
    """The pointer of a key or index below another pointer; the whole value's is empty."""
    return f"{pointer}/{str(part).replace('~', '~0').replace('/', '~1')}"


def pointer_of(keys: Iterable[str | int]) -> str:
    """The pointer that leads through some keys and indices."""
    return functools.reduce(join, keys, "")


def split_pointer(pointer: str) -> list[str]:
    """The keys and indices that a pointer is made of."""
    parts = pointer.split("/")[1:]
    return [part.replace("~1", "/").replace("~0", "~") for part in parts]


def is_within(pointer: str, outer: str) -> bool:
    """Whether a pointer leads to the place of another one, or to something inside it."""
    return pointer == outer or pointer.startswith(f"{outer}/")


def leaves(value: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """Everything in a JSON value that is neither object nor array, in document order.

    Args:
        value: any JSON value.
        pointer: where it stands.

    Yields:
        ``(pointer, leaf)``; empty objects and arrays have no leaf.
    """
    if isinstance(value, dict):
        for key, part in value.items():
            yield from leaves(part, join(pointer, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from leaves(part, join(pointer, index))
    else:
        yield pointer, value


def step_into(value: Any, part: str) -> Any:
    """The part of an object or array under one key or index of a pointer.

    Raises:
        LookupError: there is none.
    """
    return value[int(part)] if isinstance(value, list) else value[part]
