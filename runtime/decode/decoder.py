"""The decoding loop: many documents at once, constrained or free, through one code path.

Documents are decoded in *lanes* (:mod:`setaccio.runtime.decode.decode_loop`), each a context with
its own slots. A large model has one lane, whose passes all threads share. A small one has a lane
for each thread: its passes are so short that threads would wait for each other longer than they
compute. The passes of several lanes overlap, all else happens in the caller's thread.

Neither slots nor lanes nor guesses change an answer, but for this: a pass over several tokens adds
up in another order than a pass over one, and where two tokens are all but equally likely, that can
tip the balance.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from typing import Any

from setaccio.runtime.decode.context import Logits
from setaccio.runtime.decode.context_pool import borrow_contexts, default_contexts
from setaccio.runtime.decode.decode_loop import DecodeLoop, Passes, Watch
from setaccio.runtime.decode.sequence import Completion, Request
from setaccio.runtime.model.adapters import Adapter
from setaccio.runtime.model.load import LoadedModel

__all__ = ["Completion", "Passes", "Request", "Watch", "decode"]


def decode(
    model: LoadedModel,
    prefix: Sequence[int],
    requests: Iterable[Request],
    *,
    slots: int = 1,
    guess: bool = True,
    lanes: int | None = None,
    adapter: Adapter | None = None,
    passes: Passes | None = None,
    watch: Watch | None = None,
) -> Iterator[tuple[Any, Completion]]:
    """Generate answers, several at a time.

    Args:
        model: what generates. Calls in other threads, or between two results, get slots of their
            own; they are given back when the iterator is finished or closed.
        prefix: token ids of the prompt's fixed part, the same for all requests.
        requests: what to answer; drawn as slots become free. An iterator that has nothing now is
            asked again after each pass.
        slots: documents that are decoded together.
        guess: whether to look up guesses in the documents.
        lanes: contexts among which slots and threads are divided, and whose passes overlap; by
            default as :func:`setaccio.runtime.decode.context_pool.default_lanes` finds right.
        adapter: the LoRA adapter that works beside the weights.
        passes: counts are added here.
        watch: given the counts after every pass, in the caller's thread.

    Yields:
        ``(request.key, completion)`` as they are finished, in no particular order. A completion
        whose request could not be carried out has ``finish == "error"``.

    Raises:
        ModelError: there is no memory for so many slots.
        RuntimeError: llama.cpp failed.
    """
    count = default_contexts(model, slots) if lanes is None else min(lanes, slots)
    threads = max(1, model.threads // count)
    totals = passes or Passes()
    with ExitStack() as stack:
        found = []
        for number in range(count):
            limit = slots // count + (number < slots % count)
            borrowed = stack.enter_context(borrow_contexts(model, limit, threads, count > 1))
            borrowed.use(adapter)
            found.append(DecodeLoop(model, borrowed, list(prefix), limit, guess, totals))
        tell = watch or _nobody
        drawn = iter(requests)
        try:
            if count == 1:
                yield from _work_alone(found[0], drawn, tell)
            else:
                yield from _work(found, drawn, tell)
        finally:  # an error leaves documents behind
            totals.running -= sum(len(lane.active) for lane in found)


def _nobody(passes: Passes) -> None:
    """Watches nothing."""


def _fill(lanes: Sequence[DecodeLoop], requests: Iterator[Request]) -> None:
    """Admit requests to lanes that compute nothing at the moment, evenly."""
    while free := [lane for lane in lanes if lane.room]:
        request = next(requests, None)
        if request is None:
            return
        max(free, key=lambda lane: lane.room).admit(request)


def _work_alone(
    lane: DecodeLoop, requests: Iterator[Request], watch: Watch
) -> Iterator[tuple[Any, Completion]]:
    """One lane, in this thread."""
    while True:
        _fill([lane], requests)
        if not lane.active:
            return
        feeds = lane.begin()
        began = time.perf_counter()
        logits = lane.slots.decode(feeds)
        yield from lane.end(logits, time.perf_counter() - began)
        watch(lane.passes)


def _work(
    lanes: Sequence[DecodeLoop], requests: Iterator[Request], watch: Watch
) -> Iterator[tuple[Any, Completion]]:
    """Several lanes: their passes overlap, all else is done here, by whichever lane is ready."""
    idle = list(lanes)
    running: dict[Future[tuple[Logits, float]], DecodeLoop] = {}
    try:
        while True:
            _fill(idle, requests)
            for lane in idle:
                if lane.active:
                    running[lane.slots.submit(lane.begin())] = lane
            idle = [lane for lane in idle if not lane.active]
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                beside = len(running)
                lane = running.pop(future)
                idle.append(lane)
                yield from lane.end(*future.result(), beside)
                watch(lane.passes)
    finally:
        wait(running)  # what they compute in may not be freed before
