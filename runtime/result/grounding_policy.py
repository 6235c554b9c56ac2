"""What becomes of values that stand nowhere in the document: null, dropped, or a failure.

    >>> spans = ground(text, data)
    >>> apply_grounding(data, spans, task.json_schema, "null").data

Whether a value may be null or be missing is asked of the schema itself, by validating the changed
answer, so that every keyword counts and an answer that was valid stays valid.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from setaccio.data.schema.pointers import join, leaves, split_pointer, step_into
from setaccio.data.schema.validation.validators import make_validator
from setaccio.data.text.evidence import Span, ungrounded

Policy = Literal["null", "drop", "fail"]


@dataclass(frozen=True)
class Grounded:
    """An answer after a grounding policy.

    Attributes:
        data: the answer.
        changed: pointers, in the answer as it was, of leaves set to null or removed.
        unresolved: pointers, in the answer as it was, of leaves that are not grounded and stand
            there still, because the schema demands them or the policy is ``fail``.
        moved: for each leaf of ``data``, its pointer in the answer as it was; removing an item
            moves those behind it.
    """

    data: Any
    changed: list[str] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)


def _shadow(value: Any, pointer: str = "") -> Any:
    """The same shape, with each leaf's pointer in its place."""
    if isinstance(value, dict):
        return {key: _shadow(part, join(pointer, key)) for key, part in value.items()}
    if isinstance(value, list):
        return [_shadow(part, join(pointer, index)) for index, part in enumerate(value)]
    return pointer


class _Editor:
    """Changes an answer as far as its schema allows."""

    def __init__(self, data: Any, schema: dict[str, Any]) -> None:
        self._validator = make_validator(schema)
        self.data = copy.deepcopy(data)
        self.shadow = _shadow(data)
        # An answer may break its schema already: a change must only not make it worse.
        self._faults = self._count()

    def _count(self) -> int:
        return sum(1 for _ in self._validator.iter_errors(self.data))

    def _place(self, root: Any, parts: list[str]) -> tuple[Any, Any]:
        """The object or array that holds a part, and the part's key or index in it."""
        holder = functools.reduce(step_into, parts[:-1], root)
        return holder, int(parts[-1]) if isinstance(holder, list) else parts[-1]

    def _keeps_valid(self) -> bool:
        return self._count() <= self._faults

    def is_choice(self, pointer: str) -> bool:
        """Whether the schema names the values that this leaf may have."""
        parts = split_pointer(pointer)
        if not parts:
            return False
        holder, key = self._place(self.data, parts)
        # A value that nobody can mean: does enum or const object to it, in some branch at least?
        kept, holder[key] = holder[key], "\ue000 no such choice"
        errors = list(self._validator.iter_errors(self.data))
        holder[key] = kept
        while errors:
            error = errors.pop()
            if error.validator in ("enum", "const"):
                return True
            errors += error.context or []
        return False

    def set_null(self, pointer: str) -> bool:
        """Set a leaf to null; False, and nothing is changed, where the schema forbids it."""
        parts = split_pointer(pointer)
        if not parts:
            return False
        holder, key = self._place(self.data, parts)
        kept, holder[key] = holder[key], None
        if self._keeps_valid():
            return True
        holder[key] = kept
        return False

    def remove(self, pointer: str) -> str:
        """Remove a leaf, or the smallest part around it that can be missing.

        Returns:
            Pointer of what was removed; empty where nothing could be.
        """
        parts = split_pointer(pointer)
        while parts:
            if self._remove(parts):
                return "".join(join("", part) for part in parts)
            parts = parts[:-1]
        return ""

    def _remove(self, parts: list[str]) -> bool:
        holder, key = self._place(self.data, parts)
        before = copy.copy(holder)
        del holder[key]
        if self._keeps_valid():
            del self._place(self.shadow, parts)[0][key]
            return True
        if isinstance(holder, list):
            holder[:] = before
        else:  # the keys' order is kept as well
            holder.clear()
            holder.update(before)
        return False


def apply_grounding(
    data: Any, spans: Mapping[str, Span], schema: dict[str, Any], policy: Policy
) -> Grounded:
    """Deal with the values of an answer that stand nowhere in the document.

    Values that the schema itself names (``enum``, ``const``) are choices, not quotations, and are
    left alone.

    Args:
        data: the answer; it is not changed.
        spans: from :func:`ground`.
        schema: the JSON Schema of the answer.
        policy: ``null`` sets them to null where the schema allows it; ``drop`` removes optional
            keys and list items that hold them (the whole item where its required key is at
            fault); ``fail`` changes nothing.

    Returns:
        The answer, and what was and what could not be done about each of them.
    """
    editor = _Editor(data, schema)
    wrong = [p for p in ungrounded(data, spans) if not editor.is_choice(p)]
    changed: list[str] = []
    unresolved: list[str] = []
    gone: tuple[str, ...] = ()
    # From the end, because removing an item moves only those behind it.
    for pointer in reversed(wrong):
        if pointer.startswith(gone) or (policy == "null" and editor.set_null(pointer)):
            changed.append(pointer)
        elif policy == "drop" and (removed := editor.remove(pointer)):
            changed.append(pointer)
            gone = (*gone, f"{removed}/")
        else:
            unresolved.append(pointer)
    moved = dict(leaves(editor.shadow)) if data is not None else {}
    return Grounded(editor.data, changed[::-1], unresolved[::-1], moved)
