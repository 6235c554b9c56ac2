"""Many requests at once, constrained or free, through one code path.

Each context has a loop of its own (:mod:`setaccio.runtime.decode.decode_loop`). A large model has
one, whose passes all threads share. A small one has a context for each thread: its passes are so
short that threads would wait for each other longer than they compute. The passes of several
contexts overlap, all else happens in the caller's thread.

How many contexts there are, how many documents each decodes, and prompt lookup change no answer,
but for this: a pass over several tokens adds up in another order than a pass over one, and where
two tokens are all but equally likely, that can tip the balance.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import ExitStack
from typing import Any

from setaccio.runtime.decode.context import Logits
from setaccio.runtime.decode.context_pool import borrow_context, default_contexts
from setaccio.runtime.decode.decode_loop import DecodeLoop
from setaccio.runtime.decode.request import Completion, Passes, Request, Start, Watch
from setaccio.runtime.decode.slots.prefixes import PrefixStates
from setaccio.runtime.model.adapters import Adapter
from setaccio.runtime.model.load import LoadedModel

__all__ = ["Completion", "Passes", "Request", "Watch", "decode"]


def decode(
    model: LoadedModel,
    prefix: Sequence[int],
    requests: Iterable[Request],
    *,
    parallel: int = 1,
    prompt_lookup: bool = True,
    contexts: int | None = None,
    adapter: Adapter | None = None,
    passes: Passes | None = None,
    watch: Watch | None = None,
    states: PrefixStates | None = None,
) -> Iterator[tuple[Any, Completion]]:
    """Generate answers, several at a time.

    Args:
        model: what generates. Calls in other threads, or between two results, get contexts of
            their own; they are given back when the iterator is finished or closed.
        prefix: token ids of the prompt's fixed part, the same for all requests.
        requests: what to generate; drawn as sequences become free. An iterator that has nothing
            now is asked again after each pass. Where its attribute ``exhausted`` is true, no room
            is made for more.
        parallel: requests that are decoded together.
        prompt_lookup: whether to verify drafts from the documents.
        contexts: among how many the requests and threads are divided; by default as
            :func:`setaccio.runtime.decode.context_pool.default_contexts` finds right.
        adapter: the LoRA adapter that works beside the weights.
        passes: counts are added here.
        watch: given the counts after every pass, in the caller's thread.
        states: as for :class:`DecodeLoop`, where the requests are of several users; each may have
            an adapter and a prefix of its own (:attr:`Request.start`).

    Yields:
        ``(request.key, completion)`` as they are finished, in no particular order. A completion
        whose request could not be carried out has ``finish == "error"``.

    Raises:
        ModelError: there is no memory for so many sequences.
        RuntimeError: llama.cpp failed.
    """
    count = default_contexts(model, parallel) if contexts is None else min(contexts, parallel)
    threads = max(1, model.threads // count)
    totals = passes or Passes()
    with ExitStack() as stack:
        loops = []
        for number in range(count):
            share = parallel // count + (number < parallel % count)
            context = stack.enter_context(borrow_context(model, threads, count > 1))
            hurry = count == 1 < parallel and states is None
            start = Start(adapter, tuple(prefix))
            loop = DecodeLoop(
                model, context, start, share, prompt_lookup, totals, hurry=hurry, states=states
            )
            loops.append(loop)
        tell = watch or _nobody
        drawn = iter(requests)
        try:
            if count == 1:
                yield from _run_one(loops[0], drawn, tell)
            else:
                yield from _run_several(loops, drawn, tell)
        finally:  # an error leaves documents behind
            totals.running -= sum(len(loop.active) for loop in loops)


def _nobody(passes: Passes) -> None:
    """Watches nothing."""


def _fill(loops: Sequence[DecodeLoop], requests: Iterator[Request]) -> None:
    """Admit requests to loops that compute nothing at the moment, evenly."""
    coming: list[list[Request]] = [[] for _ in loops]
    free = [loop.free for loop in loops]
    while any(free) and (request := next(requests, None)) is not None:
        emptiest = free.index(max(free))
        coming[emptiest].append(request)
        free[emptiest] -= 1
    more = not getattr(requests, "exhausted", False)
    for loop, admitted in zip(loops, coming, strict=True):
        loop.admit(admitted, more)


def _run_one(
    loop: DecodeLoop, requests: Iterator[Request], watch: Watch
) -> Iterator[tuple[Any, Completion]]:
    """One loop, in this thread."""
    while True:
        yield from loop.end_early()
        _fill([loop], requests)
        if not loop.active:
            return
        feeds = loop.start_pass()
        began = time.perf_counter()
        logits = loop.context.decode(feeds)
        yield from loop.finish_pass(logits, time.perf_counter() - began)
        watch(loop.passes)


def _run_several(
    loops: Sequence[DecodeLoop], requests: Iterator[Request], watch: Watch
) -> Iterator[tuple[Any, Completion]]:
    """Several loops: their passes overlap; all else is done here, for whichever is ready."""
    idle = list(loops)
    running: dict[Future[tuple[Logits, float]], DecodeLoop] = {}
    try:
        while True:
            for loop in idle:
                yield from loop.end_early()
            _fill(idle, requests)
            for loop in idle:
                if loop.active:
                    running[loop.context.submit(loop.start_pass())] = loop
            idle = [loop for loop in idle if not loop.active]
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                beside = len(running)
                loop = running.pop(future)
                idle.append(loop)
                yield from loop.finish_pass(*future.result(), beside)
                watch(loop.passes)
    finally:
        wait(running)  # what they compute in may not be freed before
