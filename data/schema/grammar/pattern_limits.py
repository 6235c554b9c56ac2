"""Patterns that are beyond what the grammar's lexer can follow, found before any document.

llguidance builds a lexer while an answer grows. Some patterns, repetitions of repetitions mostly,
compile at once and then need so many states that every answer ends in a lexer error. So a few
answers are begun here, over a small vocabulary of pieces of words, and with half the effort that
llguidance allows itself for one step, since a model's vocabulary asks for more.
"""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Iterator
from itertools import product
from typing import Any

from setaccio.data.schema.walk import walk

STEPS = 24
"""Pieces that are written."""

TOO_MANY_STATES = "repetitions in repetitions need more states than the lexer can follow"
"""Why such a pattern is refused."""

_LETTERS = "aehinorst"
_KEYS = ("pattern", "minLength", "maxLength")


class _Pieces:
    """A vocabulary as llguidance takes it: bytes, pieces of words, digits."""

    eos_token_id = 0
    bos_token_id = None
    special_token_ids = (0,)
    tokens = (
        b"<end>",
        *(bytes([byte]) for byte in range(256)),
        *("".join(pair).encode() for pair in product(_LETTERS, repeat=2)),
        *("".join(three).encode() for three in product(_LETTERS, repeat=3)),
        *(f" {''.join(pair)}".encode() for pair in product(_LETTERS, repeat=2)),
        *(f"{''.join(pair)}ing".encode() for pair in product(_LETTERS, repeat=2)),
        *(f"{''.join(pair)}".title().encode() for pair in product(_LETTERS, repeat=2)),
        *(f"{number:02}".encode() for number in range(100)),
    )

    def __call__(self, text: str) -> list[int]:
        return [byte + 1 for byte in text.encode()]


@functools.cache
def _tokenizer() -> Any:
    import llguidance  # not needed by those who only read tasks

    return llguidance.LLTokenizer(llguidance.TokenizerWrapper(_Pieces()))


def explosion(part: dict[str, Any]) -> str:
    """Why the lexer could not follow a schema's pattern; empty where it can.

    Args:
        part: a schema with a ``pattern`` that compiles.
    """
    return _explosion(json.dumps({key: part[key] for key in _KEYS if key in part}))


def explosions(schema: dict[str, Any]) -> Iterator[str]:
    """Reasons as by :func:`explosion` for all patterns in a schema, those of keys among them."""
    for _, part in walk(schema):
        places = [part] if isinstance(part.get("pattern"), str) else []
        places += [{"pattern": key} for key in part.get("patternProperties", {})]
        yield from filter(None, map(explosion, places))


@functools.lru_cache(maxsize=1024)
def _explosion(content: str) -> str:
    import llguidance

    part = {"type": "string", **json.loads(content)}
    grammar = llguidance.LLMatcher.grammar_from_json_schema(json.dumps(part))
    limits = llguidance.LLParserLimits()
    limits = llguidance.LLParserLimits(step_lexer_fuel=limits.step_lexer_fuel // 2)
    matcher = llguidance.LLMatcher(_tokenizer(), grammar, log_level=0, limits=limits)
    if matcher.is_error():
        return ""  # which is said where the schema is compiled
    dice = random.Random(0)
    for _ in range(STEPS):
        mask = matcher.compute_bitmask()
        if matcher.is_error():
            return TOO_MANY_STATES
        allowed = [n for n in range(1, len(_Pieces.tokens)) if mask[n >> 3] >> (n & 7) & 1]
        going_on = [n for n in allowed if b'"' not in _Pieces.tokens[n]] or allowed
        if not going_on or not matcher.consume_token(dice.choice(going_on)):
            return ""
    return ""
