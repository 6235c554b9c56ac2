"""Batches for growing the tiny base: a curriculum of copying, then synthetic extraction.

A stream of token batches that depends only on a seed and a position, so an interrupted run goes on
with the very batches it would have seen. First come repeated random token sequences, which teach
a small transformer to copy (the induction heads) within minutes; without them it was not seen to
learn copying at all. Then come extraction examples from every synthetic family.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from setaccio.data.order import order_like
from setaccio.data.prompt import ChatFormat, completion_end, prompt_pieces
from setaccio.data.synthetic import Example, generate
from setaccio.data.task import Task, dump_compact

POOL = 384  # examples generated together, sorted by length and cut into batches
TOKENS_PER_BATCH = 6144  # padded tokens
LONGEST = 1280  # tokens of one example; the few longer ones are left out
SHAPE_STEP = 32  # lengths are padded to multiples of this
COPY_ALPHABET = 256  # tokens in the first random sequences: as many as the model is wide
COPY_NARROW_STEPS = 240  # steps with that alphabet
COPY_GROWING_STEPS = 160  # steps over which it grows to the vocabulary
COPY_SHARE = 0.4  # of the predictable positions of the longer sequences
FIRST_CONTENT_TOKEN = 300  # random sequences use tokens above the single bytes
ExampleSource = Callable[[int, int], Example]


@dataclass(frozen=True)
class Batch:
    """One training batch.

    Attributes:
        input_ids: int64 tensor (sequences, length), padded on the right.
        targets: int64 tensor of the same shape; the next token where it is learned, else -100.
        tokens: how many of the input tokens are no padding.
    """

    input_ids: torch.Tensor
    targets: torch.Tensor
    tokens: int


class ExampleEncoder:
    """Turns examples into tokens with the prompt that training and runtime use.

    Args:
        tokenizer: the tiny base's tokenizer.
        chat: its chat format.
    """

    def __init__(self, tokenizer: Any, chat: ChatFormat) -> None:
        self._backend = tokenizer.backend_tokenizer
        self._chat = chat
        self._end = completion_end(chat)
        self._cache: dict[str, list[int]] = {}

    def _scaffold(self, text: str) -> list[int]:
        if text not in self._cache:
            self._cache[text] = self._backend.encode(text, add_special_tokens=False).ids
        return self._cache[text]

    def encode(self, examples: list[Example]) -> list[tuple[list[int], int]]:
        """Tokenise examples.

        Returns:
            For each example its token ids and the number of prompt tokens among them.
        """
        contents: list[str] = []
        layouts: list[list[str | None]] = []
        for example in examples:
            task = Task.model_construct(
                name=example.family,
                instruction=example.instruction,
                json_schema=example.schema,
                examples=(),
                scoring={},
            )
            layout: list[str | None] = []
            for piece in prompt_pieces(self._chat, task.messages(example.text)):
                layout.append(piece.text if piece.special else None)
                if not piece.special:
                    contents.append(piece.text)
            contents.append(dump_compact(order_like(example.gold, example.schema)))
            layouts.append(layout)
        encoded = iter(self._backend.encode_batch_fast(contents, add_special_tokens=False))
        rows = []
        for layout in layouts:
            ids: list[int] = []
            for part in layout:
                ids += next(encoded).ids if part is None else self._scaffold(part)
            prompt = len(ids)
            rows.append((ids + next(encoded).ids + self._scaffold(self._end), prompt))
        return rows


def pad_batch(rows: list[tuple[list[int], int]], pad: int) -> Batch:
    """Pad rows of (token ids, prompt length) into one batch with completion-only targets."""
    # Few distinct shapes: each new one costs oneDNN a compilation and memory it keeps.
    length = -(-(max(len(ids) for ids, _ in rows) - 1) // SHAPE_STEP) * SHAPE_STEP
    input_ids = torch.full((len(rows), length), pad, dtype=torch.long)
    targets = torch.full((len(rows), length), -100, dtype=torch.long)
    for index, (ids, prompt) in enumerate(rows):
        row = torch.tensor(ids, dtype=torch.long)
        input_ids[index, : len(ids) - 1] = row[:-1]
        targets[index, prompt - 1 : len(ids) - 1] = row[prompt:]
    return Batch(input_ids, targets, sum(len(ids) - 1 for ids, _ in rows))


def copy_batch(seed: int, step: int, vocabulary: int, tokens: int = TOKENS_PER_BATCH) -> Batch:
    """A batch of random token sequences, each repeated until the row is full.

    Everything from the second repetition on can be predicted by copying, and only that is learned.
    Short rows over few tokens come first, because copying is found in them within minutes; then
    the alphabet grows to the whole vocabulary, and the rows to the length of real documents.

    Args:
        seed: of the run.
        step: number of the batch.
        vocabulary: tokens of the vocabulary, its three control tokens included.
        tokens: tokens of the batch once the rows are long; half of that before.
    """
    rng = random.Random(f"copy:{seed}:{step}")
    generator = torch.Generator().manual_seed(rng.getrandbits(40))
    grown = min(1.0, max(0.0, (step - COPY_NARROW_STEPS) / COPY_GROWING_STEPS))
    everything = vocabulary - 3 - FIRST_CONTENT_TOKEN
    alphabet = round(COPY_ALPHABET * (everything / COPY_ALPHABET) ** grown)
    longest = round(32 * (448 / 32) ** grown)
    length = rng.randint(32, max(32, longest))
    rows = (tokens // 2 + round(tokens // 2 * grown)) // length
    input_ids = torch.empty((rows, length + 1), dtype=torch.long)
    targets = torch.full((rows, length), -100, dtype=torch.long)
    for index in range(rows):
        period = int(math.exp(rng.uniform(math.log(3), math.log(length / 2.5))))
        unit = torch.randint(alphabet, (period,), generator=generator) + FIRST_CONTENT_TOKEN
        row = unit.repeat(length // period + 2)[: length + 1]
        input_ids[index] = row
        targets[index, period:] = row[period + 1 :]
    if grown:
        targets[torch.rand(targets.shape, generator=generator) > COPY_SHARE] = -100
    return Batch(input_ids[:, :-1].contiguous(), targets, targets.numel())


def extraction_batches(
    encoder: ExampleEncoder,
    pad: int,
    seed: int,
    pool: int,
    source: ExampleSource = generate,
    tokens: int = TOKENS_PER_BATCH,
) -> list[Batch]:
    """The batches made from one pool of examples, in a shuffled order.

    Args:
        encoder: turns examples into tokens.
        pad: id of the padding token.
        seed: base seed of the run.
        pool: number of the pool, from 0.
        source: ``source(seed, index)`` gives an example.
        tokens: most tokens of a batch, padding included. A pool grows with it, so that batches of
            one length stay as full.
    """
    size = POOL * max(1, tokens // TOKENS_PER_BATCH)
    examples = [source(seed, pool * size + index) for index in range(size)]
    rows = [row for row in encoder.encode(examples) if len(row[0]) <= LONGEST]
    rows.sort(key=lambda row: len(row[0]))
    batches: list[Batch] = []
    current: list[tuple[list[int], int]] = []
    for row in rows:
        if current and (len(current) + 1) * len(row[0]) > tokens:
            batches.append(pad_batch(current, pad))
            current = []
        current.append(row)
    batches.append(pad_batch(current, pad))
    random.Random(f"{seed}:{pool}").shuffle(batches)
    return batches
