"""Count and time what happens inside other programs' loops, by wrapping the functions they call.

llama.cpp's ``llama_decode`` is one forward pass whoever calls it; the time outside it is that of
masks, sampling and Python.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

PROMPT_TOKENS, PROMPT_OUTPUTS = 10, 10
"""A pass of so many tokens, of which at most every tenth asks for logits, reads a prompt."""


@dataclass
class Meter:
    """Calls and the time they took.

    Attributes:
        calls: number of calls.
        tokens: tokens that went through them; forward passes only, as all that follows.
        outputs: of these, tokens whose logits were asked for.
        pairs: for each token, the tokens that it looked back at, itself included.
        seconds: wall time during which at least one call ran, in whatever thread.
        computing: processor time that all threads of the process had meanwhile.
    """

    calls: int = 0
    tokens: int = 0
    outputs: int = 0
    pairs: int = 0
    seconds: float = 0.0
    computing: float = 0.0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._began = (0.0, 0.0)

    def reset(self) -> None:
        """Start anew."""
        self.calls = self.tokens = self.outputs = self.pairs = 0
        self.seconds = self.computing = 0.0

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._began = time.perf_counter(), time.process_time()
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            self.calls += 1
            if self._inside == 0:
                self.seconds += time.perf_counter() - self._began[0]
                self.computing += time.process_time() - self._began[1]

    def count(self, tokens: int, outputs: int, pairs: int) -> None:
        """Add a pass's size."""
        with self._lock:
            self.tokens += tokens
            self.outputs += outputs
            self.pairs += pairs

    def wrap(self, function: Callable[..., Any]) -> Any:
        """The function, metered."""

        @functools.wraps(function, updated=())
        def metered(*arguments: Any, **options: Any) -> Any:
            with self:
                return function(*arguments, **options)

        return metered


def meter_forward() -> tuple[Meter, Meter]:
    """Meter every forward pass of this process that Python asks for.

    Returns:
        All passes, and those that read a prompt.
    """
    import llama_cpp
    import llama_cpp.llama_cpp as bindings

    every, prompts = Meter(), Meter()
    function = bindings.llama_decode
    whole, part = every.wrap(function), every.wrap(prompts.wrap(function))

    def decode(context: Any, batch: Any) -> Any:
        size = int(batch.n_tokens)
        outputs = sum(batch.logits[:size]) if batch.logits else 1
        counts = size, outputs, size + (sum(batch.pos[:size]) if batch.pos else 0)
        reads = size >= PROMPT_TOKENS and outputs * PROMPT_OUTPUTS <= size
        every.count(*counts)
        if reads:
            prompts.count(*counts)
        return (part if reads else whole)(context, batch)

    llama_cpp.llama_decode = bindings.llama_decode = decode
    return every, prompts


def meter_methods(kind: type, names: Iterable[str]) -> Meter:
    """Meter methods of a class, for all its objects; none of them may call another."""
    meter = Meter()
    for name in names:
        if hasattr(kind, name):
            setattr(kind, name, meter.wrap(getattr(kind, name)))
    return meter
