"""A model of random weights that recites given texts: what its first layer has to hold.

A benchmark needs sensible answers of a known length; a model of random weights gives gibberish, a
real one can not be had offline. So all matrices have the shape of the real model and are filled
with random numbers, and the first layer is written by hand such that the model's own greedy choice
behind each prompt is a transcript of real text. Nobody's decoding loop has to be tampered with:
every program sees a plain Qwen 2 model, does all its work and gets the same tokens.

How the first layer recites: attention head ``h`` looks ``h`` tokens back (query and key are
constants, which rotary embedding turns into a function of distance), so the residual stream holds
a code of the last tokens. Each hidden unit of the feed-forward part holds the code of one context
as its gate, opens when that context is met, and writes the embedding of the token that follows.
The output matrix is the embedding matrix, as in the real models, so that token is the likeliest.
All later layers are random; what they add is small beside it.

The file is written by :mod:`benchmarks.random_models.recite_gguf`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

SPREAD = 40.0  # standard deviation of the random eight-bit numbers
LOUDNESS = 8.0  # of the context's code beside the token's own embedding
CONSTANT = 1.5  # value that every head writes to its last number: the bias of the hidden units
_OPEN, _STEEPNESS = 0.85, 100.0  # cosine at which a hidden unit opens, and how sharply
_VOICE = 40.0  # of the recited token's embedding in the residual stream
_CLASH = 0.8  # contexts as alike as this must be followed by the same token


@dataclass(frozen=True)
class Shape:
    """Sizes of a Qwen 2 model.

    Attributes:
        name: of the model.
        width: numbers of the residual stream.
        layers: number of layers.
        heads: attention heads; so many tokens back a recital remembers.
        groups: key-value heads.
        hidden: hidden units of a feed-forward part; so many tokens can be recited.
    """

    name: str
    width: int
    layers: int
    heads: int
    groups: int
    hidden: int

    @property
    def head(self) -> int:
        """Numbers of one head."""
        return self.width // self.heads


QWEN_05B = Shape("qwen2.5-0.5b-shape", 896, 24, 14, 2, 4864)
QWEN_15B = Shape("qwen2.5-1.5b-shape", 1536, 28, 12, 2, 8960)
SKETCH = Shape("qwen2-sketch", 512, 2, 16, 2, 512)
"""Too small to measure; it tokenises, tests and compiles like the others."""


@dataclass(frozen=True)
class Recital:
    """What is to be recited.

    Attributes:
        prompt: token ids of the prompt; the last few tell one recital from another.
        answer: token ids behind it; the end of the turn follows by itself.
    """

    prompt: Sequence[int]
    answer: Sequence[int]


class Memory:
    """The contexts that a model of a shape recites from.

    Args:
        shape: of the model.
        embedding: int8 (vocabulary, width), the embedding without its scale.
        end: the token that ends an answer.
    """

    def __init__(self, shape: Shape, embedding: npt.NDArray[np.int8], end: int) -> None:
        self._shape = shape
        self._embedding = embedding
        self._end = end
        self.keys: Floats = np.empty((0, shape.width), np.float32)
        self.following: list[int] = []

    def add(self, recital: Recital) -> bool:
        """Remember a recital; False, and nothing is remembered, where it can not be told apart.

        That is so where a context of it is all but equal to one that another token follows, or
        where the hidden units are used up.
        """
        text = [*recital.prompt, *recital.answer, self._end]
        begin = len(recital.prompt)
        if begin < self._shape.heads:
            return False
        keys = np.stack([self._key(text[:position]) for position in range(begin, len(text))])
        following = self.following + text[begin:]
        known = np.concatenate([self.keys, keys])
        alike = keys @ known.T / self._shape.width > _CLASH
        differ = np.asarray(text[begin:])[:, None] != np.asarray(following)[None, :]
        if len(following) > self._shape.hidden or bool((alike & differ).any()):
            return False
        self.keys, self.following = known, following
        return True

    def _key(self, context: Sequence[int]) -> Floats:
        """The normalised residual stream behind a context, as the first attention leaves it."""
        shape = self._shape
        rows = self.rows(context[-shape.heads :][::-1])
        codes = rows / np.sqrt((rows**2).mean(axis=1, keepdims=True))
        per_group = shape.heads // shape.groups
        stream = rows[0].copy()
        for head in range(shape.heads):
            group = head // per_group
            code = codes[head, group * shape.head : (group + 1) * shape.head].copy()
            code[-1] = CONSTANT
            stream[head * shape.head : (head + 1) * shape.head] += LOUDNESS * code
        normalised: Floats = stream / np.sqrt((stream**2).mean())
        return normalised

    def rows(self, tokens: Sequence[int]) -> Floats:
        """Embeddings of tokens, float32 (tokens, width), of standard deviation 1."""
        return self._embedding[list(tokens)].astype(np.float32) / np.float32(SPREAD)

    def gate(self) -> Floats:
        """Gate of the feed-forward part, (hidden, width)."""
        rows = np.zeros((self._shape.hidden, self._shape.width), np.float32)
        constants, total = self._constants()
        count = len(self.following)
        rows[:count] = _STEEPNESS * self.keys / self._shape.width
        rows[:count, constants] -= _STEEPNESS * _OPEN / total
        return rows

    def up(self) -> Floats:
        """Up-projection of the feed-forward part, (hidden, width): 1 for every remembered unit."""
        rows = np.zeros((self._shape.hidden, self._shape.width), np.float32)
        constants, total = self._constants()
        rows[: len(self.following), constants] = 1.0 / total
        return rows

    def down(self) -> Floats:
        """Down-projection of the feed-forward part, (width, hidden)."""
        columns = np.zeros((self._shape.width, self._shape.hidden), np.float32)
        level = _STEEPNESS * (1.0 - _OPEN)
        columns[:, : len(self.following)] = self.rows(self.following).T * (_VOICE / level)
        return columns

    def _constants(self) -> tuple[list[int], float]:
        """Which numbers of the stream are constant, and what they add up to."""
        shape = self._shape
        places = [head * shape.head + shape.head - 1 for head in range(shape.heads)]
        if not self.following:
            return places, 1.0
        return places, float(self.keys[:, places].sum(axis=1).mean())


def random_embedding(shape: Shape, count: int, seed: int) -> npt.NDArray[np.int8]:
    """A random embedding matrix without its scale, int8 (count, width)."""
    generator = np.random.default_rng(seed)
    table = np.empty((count, shape.width), np.int8)
    for start in range(0, count, 8192):
        part = table[start : start + 8192]
        part[:] = eight_bits(generator, part.size).reshape(part.shape)
    return table


def eight_bits(generator: np.random.Generator, count: int) -> npt.NDArray[np.int8]:
    """Random eight-bit numbers of standard deviation :data:`SPREAD`."""
    drawn = generator.standard_normal(count, np.float32) * np.float32(SPREAD)
    eight: npt.NDArray[np.int8] = np.clip(np.rint(drawn), -127, 127).astype(np.int8)
    return eight
