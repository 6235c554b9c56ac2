"""Keys that stand more than once in a JSON object, which Python's reader passes over in silence.

RFC 8259 leaves open what such an object means; here the last value stays, as in Python, and the
object remembers which keys were repeated, so that :meth:`setaccio.data.Task.problems` can say so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any


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
