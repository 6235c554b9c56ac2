"""Whether schemas exclude each other, proved from their keywords.

    >>> small, large = {"type": "integer", "maximum": 5}, {"type": "integer", "minimum": 10}
    >>> Prover({}).exclude([small, large])
    True

One question is asked: can no value fit all of several schemas? "Yes" is a proof; "no" only says
that none was found. What is looked at: types, named values, ranges of numbers and their multiples,
lengths, patterns, and for objects and arrays the same of what they must hold, keys that one schema
demands and another one forbids among them.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from setaccio.data.schema.grammar.exact_numbers import Range, range_of
from setaccio.data.schema.validation.patterns import matches
from setaccio.data.schema.validation.validators import jsonschema, make_validator
from setaccio.data.schema.walk import TYPES, reference_lookup, types_of

MOST_STEPS = 300
"""Questions about single places that a proof may ask; what takes more counts as not proved."""

MOST_IN_ALL = 40_000
"""The same for all proofs about one schema."""

_DEEPEST = 12
_MOST_ITEMS = 16
_MOST_MULTIPLES = 64

Parts = Sequence[Any]


class Prover:
    """Asks about the parts of one schema.

    Args:
        root: the whole schema, in which references are looked up; without keywords that its draft
            ignores (:func:`setaccio.data.schema.dialects.without_siblings`).
    """

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self.lookup = reference_lookup(root)
        self._judge = _lenient(root)
        self._left = MOST_IN_ALL
        self._stop = 0

    def exclude(self, parts: Parts) -> bool:
        """Whether it is proved that no value fits all of some schemas.

        A ``oneOf`` in them counts as ``anyOf``, so that no two proofs rest on each other.
        """
        self._stop = max(0, self._left - MOST_STEPS)
        return self._empty(parts, 0)

    def _empty(self, parts: Parts, depth: int) -> bool:
        self._left -= 1
        if depth > _DEEPEST or self._left < self._stop:
            return False
        flat: list[dict[str, Any]] = []
        choices: list[list[Any]] = []
        if not self._spread(parts, flat, choices):
            return True
        named = _named(flat)
        if named is not None:
            judges = [self._judge.evolve(schema=part) for part in parts if part is not True]
            return not any(all(judge.is_valid(value) for judge in judges) for value in named)
        types = frozenset(TYPES).intersection(*map(_types, flat))
        if all(self._empty_type(kind, flat, depth) for kind in types):
            return True
        for options in choices:
            others = [{"anyOf": each} for each in choices if each is not options]
            if all(self._empty([*flat, *others, option], depth + 1) for option in options):
                return True
        return False

    def _spread(self, parts: Parts, flat: list[dict[str, Any]], choices: list[list[Any]]) -> bool:
        """Take apart what all has to hold at once; False where a part lets nothing pass.

        Args:
            parts: schemas.
            flat: gets them, what they refer to and what they combine, without these keywords.
            choices: gets lists of schemas of which one has to hold.
        """
        waiting, seen = list(parts), set()
        while waiting:
            part = waiting.pop()
            if part is False:
                return False
            if not isinstance(part, dict) or id(part) in seen:
                continue
            seen.add(id(part))
            if isinstance(part.get("$ref"), str):
                waiting.append(self.lookup(part["$ref"]))
            waiting += part.get("allOf", [])
            choices += [part[key] for key in ("anyOf", "oneOf") if key in part]
            own = {key: value for key, value in part.items() if key not in _COMBINING}
            if own:
                flat.append(own)
        return True

    def _empty_type(self, kind: str, flat: list[dict[str, Any]], depth: int) -> bool:
        if kind == "number":
            return _no_number([part for part in flat if part.keys() & _NUMBER or "type" in part])
        if kind == "string":
            least, most = _bounds(flat, "minLength", "maxLength")
            return least > most or _no_text(flat)
        if kind == "array":
            return self._no_array(flat, depth)
        return kind == "object" and self._no_object(flat, depth)

    def _no_array(self, flat: list[dict[str, Any]], depth: int) -> bool:
        tuples = [self._items(part) for part in flat]
        ends = [len(front) for front, rest in tuples if rest is False]
        least, most = _bounds(flat, "minItems", "maxItems", ends)
        if least > most:
            return True
        return any(
            self._empty(
                [front[at] if at < len(front) else rest for front, rest in tuples], depth + 1
            )
            for at in range(min(least, _MOST_ITEMS))
        )

    def _items(self, part: dict[str, Any]) -> tuple[list[Any], Any]:
        """The schemas of the first items, and of those behind them."""
        items = part.get("items", True)
        if isinstance(items, list):
            return items, part.get("additionalItems", True)
        old = "$schema" in self._root and "2020-12" not in str(self._root["$schema"])
        return ([] if old else part.get("prefixItems", [])), items

    def _no_object(self, flat: list[dict[str, Any]], depth: int) -> bool:
        needed = {name for part in flat for name in _required(part)}
        ends = [
            len(part.get("properties", {}))
            for part in flat
            if part.get("additionalProperties") is False and not part.get("patternProperties")
        ]
        least, most = _bounds(flat, "minProperties", "maxProperties", ends)
        if max(least, len(needed)) > most:
            return True
        return any(
            self._empty([rule for part in flat for rule in _rules(part, name)], depth + 1)
            for name in sorted(needed)
        )


@functools.cache
def _lenient_class(kind: Any) -> Any:
    """A class of validators to which ``oneOf`` is ``anyOf``."""
    keywords = {"oneOf": kind.VALIDATORS["anyOf"]} if "anyOf" in kind.VALIDATORS else {}
    extend: Any = jsonschema.validators.extend  # which has no types
    return extend(kind, keywords)


def _lenient(root: dict[str, Any]) -> Any:
    exact: Any = make_validator(root)
    kind: Any = type(exact)
    return _lenient_class(kind)(exact.schema, format_checker=exact.format_checker)


def _required(part: dict[str, Any]) -> list[str]:
    return part["required"] if isinstance(part.get("required"), list) else []


_COMBINING = frozenset({"$ref", "allOf", "anyOf", "oneOf", "$defs", "definitions"})
_NUMBER = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})


def _types(part: dict[str, Any]) -> frozenset[str]:
    return frozenset("number" if name == "integer" else name for name in types_of(part))


def _named(flat: list[dict[str, Any]]) -> list[Any] | None:
    """The values that a schema names, the shortest list of them; None where none does."""
    lists = [[part["const"]] for part in flat if "const" in part]
    lists += [part["enum"] for part in flat if "enum" in part]
    return min(lists, key=len, default=None)


def _bounds(
    flat: list[dict[str, Any]], least: str, most: str, ends: Iterable[int] = ()
) -> tuple[int, float]:
    """The greatest lower and the least upper bound of a count."""
    lower = max((math.ceil(part.get(least, 0)) for part in flat), default=0)
    upper = min([*(part[most] for part in flat if most in part), *ends], default=math.inf)
    return lower, upper


def _no_number(flat: list[dict[str, Any]]) -> bool:
    """Whether ranges of numbers leave nothing between them, or no whole number, or no multiple."""
    ranges = [range_of(part, whole=_is_whole(part)) for part in flat]
    lower = max(
        ((Fraction(each.lower), each.above) for each in ranges if each.lower is not None),
        default=None,
    )
    upper = min(
        ((Fraction(each.upper), not each.below) for each in ranges if each.upper is not None),
        default=None,
    )
    if lower is None or upper is None:
        return False
    (least, above), (most, closed) = lower, upper
    if least > most or (least == most and (above or not closed)):
        return True
    step = _step(ranges)
    if step is None:
        return False
    first = math.floor(least / step) + 1 if above else math.ceil(least / step)
    last = math.floor(most / step) if closed else math.ceil(most / step) - 1
    if last - first > _MOST_MULTIPLES:
        return False
    return not any(_fits(step * count, ranges) for count in range(first, last + 1))


def _is_whole(part: dict[str, Any]) -> bool:
    types = types_of(part)
    return "integer" in types and "number" not in types


def _step(ranges: list[Range]) -> Fraction | None:
    """What all numbers are multiples of, the coarsest that one schema asks for."""
    steps = [each.step for each in ranges if each.step is not None]
    steps += [Fraction(1)] if any(each.whole for each in ranges) else []
    return max(steps, default=None)


def _fits(number: Fraction, ranges: list[Range]) -> bool:
    return all(
        (each.step is None or (number / each.step).denominator == 1)
        and (not each.whole or number.denominator == 1)
        for each in ranges
    )


def _no_text(flat: list[dict[str, Any]]) -> bool:
    """Whether patterns and lengths leave no text; llguidance intersects the expressions."""
    keys = ("pattern", "minLength", "maxLength")
    kept = [{key: part[key] for key in keys if key in part} for part in flat]
    kept = [part for part in kept if part]
    if len(kept) < 2 or not any("pattern" in part for part in kept):
        return False
    import llguidance  # not needed by those who only read tasks

    content = json.dumps({"allOf": [{"type": "string", **part} for part in kept]})
    grammar = llguidance.LLMatcher.grammar_from_json_schema(content)
    return str(llguidance.LLMatcher.validate_grammar(grammar, None)).startswith("Unsatisfiable")


def _rules(part: dict[str, Any], name: str) -> Iterator[Any]:
    """What a schema demands of the value of a key."""
    named = part.get("properties", {})
    if name in named:
        yield named[name]
    patterns = part.get("patternProperties", {})
    try:
        met = [rule for pattern, rule in patterns.items() if matches(pattern, name)]
    except ValueError:  # a pattern that only the grammar can read
        return
    yield from met
    if name not in named and not met:
        yield part.get("additionalProperties", True)
