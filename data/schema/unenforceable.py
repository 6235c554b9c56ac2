"""Everything in a schema that the constraint can not enforce, each part with its place.

llguidance ends at the first such part and does not always say where it stands. Here the parts are
tried one by one; what is refused is taken out of a copy, so that what remains shows the next.
"""

from __future__ import annotations

import copy
import json
import urllib.parse
from collections.abc import Iterator
from typing import Any, NamedTuple

from setaccio.data.errors import SchemaError
from setaccio.data.schema.grammar.exact_grammar import exact_grammar
from setaccio.data.schema.grammar.pattern_limits import TOO_MANY_STATES, explosion, explosions
from setaccio.data.schema.grammar.readable import NOT_DISJOINT, readable
from setaccio.data.schema.keywords import UNENFORCED, refused_keyword, unenforced_keywords
from setaccio.data.schema.pointers import pointer_of
from setaccio.data.schema.walk import path_of, walk

LONGEST_REASON = 200
"""Characters that are kept of a reason."""

# What is judged by itself, with the type that stands beside it or, where none does, this one.
_ALONE = {"format": "string", "pattern": "string", "multipleOf": "number"}
_NEEDED = frozenset({"type", "$defs", "definitions", "$schema"})

_UNSATISFIABLE = "Unsatisfiable schema"
_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "multipleOf")

_Place = tuple[str, str, dict[str, Any]]  # path as in messages, JSON pointer, schema


class Refusal(NamedTuple):
    """A keyword that the constraint can not enforce.

    Attributes:
        path: of the keyword, as in ``$.properties.title.format``.
        pointer: JSON pointer of the schema that it stands in.
        keyword: its name.
        reason: why; empty where the keyword is never enforced.
    """

    path: str
    pointer: str
    keyword: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path} ({self.reason})" if self.reason else self.path


def shorten(reason: str) -> str:
    """What llguidance says, in one line and without the state of its parser."""
    for mark in ("<state>", "\n  while processing"):
        reason = reason.partition(mark)[0]
    reason = " ".join(reason.rpartition("\nerror: ")[2].split())
    if reason.startswith("oneOf constraints"):  # what follows names an option that nobody has
        reason = NOT_DISJOINT
    if reason.startswith("Unable to determine if regex is empty"):  # with length or other patterns
        reason = "it is too complex together with the lengths and patterns beside it"
    kept = reason[:LONGEST_REASON].rstrip()
    return kept if kept == reason else f"{kept}..."


def refusals(schema: dict[str, Any]) -> list[Refusal]:
    """Name what can not be enforced.

    Args:
        schema: a valid JSON Schema.

    Returns:
        The keywords in the schema's order; none where nothing is refused, or where it can not be
        said what.
    """
    if not unenforced_keywords(schema) and not _reason(schema) and not any(explosions(schema)):
        return []
    whole = copy.deepcopy(schema)
    for key in ("$id", "id"):
        whole.pop(key, None)
    places = [(path_of(keys), pointer_of(keys), part) for keys, part in walk(whole)]
    _lead_on(whole)
    found: list[tuple[int, Refusal]] = []
    for number, place in enumerate(places):
        alone = [*_refused_alone(place), *_exploding_keys(place)]
        found += ((number, refusal) for refusal in alone)
    if _reason(_probe(whole, "")):  # what only several keywords make, such as options that overlap
        referring = [any("$ref" in inner for _, inner in walk(part)) for _, _, part in places]
        # Inner parts first; those that refer to others when these have been seen.
        for refers in (False, True):
            for number, place in reversed(list(enumerate(places))):
                if referring[number] == refers:
                    found += ((number, refusal) for refusal in _refused_here(whole, place))
    if not found and _reason(_probe(whole, "")).startswith(_UNSATISFIABLE):
        found += enumerate(_without_value(whole, places))
    ordered = [refusal for _, refusal in sorted(found, key=lambda entry: entry[0])]
    return list(_confirmed(schema, whole, ordered)) or ordered


def _confirmed(
    schema: dict[str, Any], whole: dict[str, Any], found: list[Refusal]
) -> Iterator[Refusal]:
    """The refusals that are true: put back alone, the keyword is refused.

    Args:
        schema: the schema as it was given.
        whole: the same without what was taken out; it gets back what was blamed wrongly.
        found: what was taken out.
    """
    if _reason(_probe(whole, "")):
        yield from found  # what else is refused would be said of each
        return
    taken = {pointer_of(keys): part for keys, part in walk(schema)}
    left = {pointer_of(keys): part for keys, part in walk(whole)}
    for refusal in found:
        part = left.get(refusal.pointer)
        seen = refusal.reason and refusal.reason != TOO_MANY_STATES  # by a compilation
        if seen and part is not None and refusal.keyword not in part:
            part[refusal.keyword] = _led_on(
                taken[refusal.pointer][refusal.keyword], refusal.keyword
            )
            if not _reason(_probe(whole, "")) and _is_reached(whole, part):
                continue
            del part[refusal.keyword]
        yield refusal


def _is_reached(whole: dict[str, Any], part: dict[str, Any]) -> bool:
    """Whether the grammar depends on a part: what no reference leads to any more is not read."""
    part["not"] = {}
    try:
        return bool(_reason(_probe(whole, "")))
    finally:
        del part["not"]


def _without_value(whole: dict[str, Any], places: list[_Place]) -> Iterator[Refusal]:
    """The innermost parts that no value fits."""
    inside: list[str] = []
    for path, pointer, part in reversed(places):
        if any(each.startswith(f"{pointer}/") for each in inside):
            continue
        reason = _reason(_probe(whole, pointer))
        if reason.startswith(_UNSATISFIABLE):
            inside.append(pointer)
            keyword = next((key for key in _BOUNDS if key in part), "")
            why = shorten(reason).removeprefix(_UNSATISFIABLE).lstrip(": ")
            yield Refusal(path, pointer, keyword, f"no value fits it: {why}")


def _reason(schema: dict[str, Any]) -> str:
    """Why llguidance refuses a schema; empty where it does not."""
    import llguidance  # not needed by those who only read tasks

    try:
        exact = exact_grammar(schema)
    except SchemaError as error:
        return str(error)
    grammar = exact or llguidance.LLMatcher.grammar_from_json_schema(json.dumps(readable(schema)))
    return str(llguidance.LLMatcher.validate_grammar(grammar, None))


def _refused_alone(place: _Place) -> Iterator[Refusal]:
    """Take out the keywords that are refused whatever stands beside them."""
    path, pointer, part = place
    for key in list(part):
        if key in UNENFORCED:
            yield Refusal(f"{path}.{key}", pointer, key, "")
            del part[key]
        elif key in _ALONE:
            reason = _reason({"type": part.get("type", _ALONE[key]), key: part[key]})
            if key == "pattern":
                reason = reason or explosion(part)
            if reason:
                yield Refusal(f"{path}.{key}", pointer, key, shorten(reason))
                del part[key]


def _exploding_keys(place: _Place) -> Iterator[Refusal]:
    """Take out patterns of keys that the lexer can not follow."""
    path, pointer, part = place
    keys = part.get("patternProperties", {})
    if any(explosion({"pattern": key}) for key in keys):
        yield Refusal(f"{path}.patternProperties", pointer, "patternProperties", TOO_MANY_STATES)
        del part["patternProperties"]


def _lead_on(whole: dict[str, Any]) -> None:
    """Let references lead to where they led, once the schema is a definition of a probe."""
    for _, part in walk(whole):
        reference = part.get("$ref")
        if isinstance(reference, str) and (reference == "#" or reference.startswith("#/")):
            part["$ref"] = f"#/$defs/whole{reference[1:]}"


def _led_on(value: Any, keyword: str) -> Any:
    """A keyword's value for a probe."""
    part = copy.deepcopy({keyword: value})
    _lead_on(part)
    return part[keyword]


def _probe(whole: dict[str, Any], pointer: str) -> dict[str, Any]:
    """A schema that is one part of the whole, whose references lead to where they led."""
    probe = {"$defs": {"whole": whole}, "$ref": f"#/$defs/whole{urllib.parse.quote(pointer)}"}
    return {**probe, "$schema": whole["$schema"]} if "$schema" in whole else probe


def _refused_here(whole: dict[str, Any], place: _Place) -> Iterator[Refusal]:
    """Take out the keywords without which a part would not be refused."""
    path, pointer, part = place
    probe = _probe(whole, pointer)
    for _ in range(len(part)):
        reason = _reason(probe)
        if not reason or reason.startswith(_UNSATISFIABLE):
            return
        named = "$ref" if reason.startswith("Invalid URI") else refused_keyword(reason)
        # What is wrong with a reference's target is said there.
        passed = _NEEDED if named == "$ref" else _NEEDED | {"$ref"}
        for key in sorted(set(part) - passed, key=lambda key: (key != named, key)):
            taken = part.pop(key)
            if _reason(probe) != reason:
                yield Refusal(f"{path}.{key}", pointer, key, shorten(reason))
                break
            part[key] = taken
        else:
            return
