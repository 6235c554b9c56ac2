"""The base's batches in their order, made in this process or by a pool of others.

What a job gives depends on its kind and number alone, and results are handed out in the order of
the jobs, so the stream is the same with any number of processes. One process makes about 700,000
tokens a second, which suffices for a CPU; a GPU learns several times as many.
"""

from __future__ import annotations

import os
import random
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import AutoTokenizer

from setaccio.data.prompt import ChatFormat
from setaccio.data.synthetic import Example, generate
from setaccio.train.base_data import Batch, ExampleEncoder, copy_batch, extraction_batches
from setaccio.train.base_tokenizer import CHATML_TEMPLATE, END_OF_TURN
from setaccio.train.base_words import vocabulary_words

COPY, PLAIN, EXCHANGED = "copy", "plain", "exchanged"
AHEAD = 2  # jobs in flight for each process
Packed = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], int]


class Job(NamedTuple):
    """One piece of work: a batch to copy by its step, or a pool of examples by its number."""

    kind: str
    number: int


class BatchMaker:
    """Makes the batches of one run.

    Args:
        tokenizer: the base's tokenizer.
        seed: of the run.
        tokens: most tokens of a batch.
    """

    def __init__(self, tokenizer: Any, seed: int, tokens: int) -> None:
        self.seed, self.tokens = seed, tokens
        self.pad, self.vocabulary = tokenizer.pad_token_id, len(tokenizer)
        self.encoder = ExampleEncoder(tokenizer, ChatFormat(CHATML_TEMPLATE, eos=END_OF_TURN))
        self.exchange = vocabulary_words(tokenizer, seed)

    def exchanged(self, seed: int, index: int) -> Example:
        """An example with some of its words exchanged."""
        rng = random.Random(f"exchange:{seed}:{index}")
        return self.exchange(rng, generate(seed, index))

    def make(self, job: Job) -> list[Batch]:
        """The batches of one job."""
        if job.kind == COPY:
            return [copy_batch(self.seed, job.number, self.vocabulary, self.tokens)]
        source = self.exchanged if job.kind == EXCHANGED else generate
        return extraction_batches(
            self.encoder, self.pad, self.seed, job.number, source, self.tokens
        )


_maker: BatchMaker


def _start(folder: Path, seed: int, tokens: int) -> None:
    """Make a worker process ready: it takes one core, whatever it calls."""
    global _maker
    os.environ["RAYON_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    _maker = BatchMaker(tokenizer, seed, tokens)


def _work(job: Job) -> list[Packed]:
    """One job's batches as arrays of half the size, which pass through a pipe."""
    return [
        (
            batch.input_ids.numpy().astype(np.int32),
            batch.targets.numpy().astype(np.int32),
            batch.tokens,
        )
        for batch in _maker.make(job)
    ]


def _unpack(packed: Packed) -> Batch:
    input_ids, targets, tokens = packed
    return Batch(torch.from_numpy(input_ids).long(), torch.from_numpy(targets).long(), tokens)


class BatchStream:
    """Does jobs in their order; with workers, the next ones are done meanwhile.

    Args:
        maker: makes batches in this process.
        folder: its tokenizer, for the workers to load.
        workers: processes beside this one; 0 makes every batch here.
    """

    def __init__(self, maker: BatchMaker, folder: Path, workers: int = 0) -> None:
        self.maker, self.workers = maker, workers
        self._pool: ProcessPoolExecutor | None = None
        if workers:
            # Started anew, not forked: a fork of a process that uses CUDA or threads may hang.
            self._pool = ProcessPoolExecutor(
                workers, get_context("spawn"), _start, (folder, maker.seed, maker.tokens)
            )

    def results(self, jobs: Iterable[Job]) -> Generator[list[Batch], None, None]:
        """The batches of each job, in the order of the jobs."""
        if self._pool is None:
            yield from map(self.maker.make, jobs)
            return
        rest = iter(jobs)
        flying: deque[Future[list[Packed]]] = deque()
        try:
            while True:
                wanted = AHEAD * self.workers - len(flying)
                flying += (self._pool.submit(_work, job) for job in islice(rest, wanted))
                if not flying:
                    return
                yield [_unpack(packed) for packed in flying.popleft().result()]
        finally:
            for future in flying:
                future.cancel()

    def close(self) -> None:
        """End the workers; what they were at is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
