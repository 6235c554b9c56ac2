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


@dataclass
class Meter:
    """Calls and the time they took.

    Attributes:
        calls: number of calls.
        tokens: tokens that went through them; forward passes only.
        seconds: wall time during which at least one of them ran, in whatever thread.
    """

    calls: int = 0
    tokens: int = 0
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._began = 0.0

    def reset(self) -> None:
        """Start anew."""
        self.calls, self.tokens, self.seconds = 0, 0, 0.0

    def _enter(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._began = time.perf_counter()
            self._inside += 1

    def _leave(self, tokens: int) -> None:
        with self._lock:
            self._inside -= 1
            self.calls += 1
            self.tokens += tokens
            if self._inside == 0:
                self.seconds += time.perf_counter() - self._began

    def wrap(self, function: Callable[..., Any], size: Callable[..., int] | None = None) -> Any:
        """The function, metered.

        Args:
            function: what is called.
            size: tokens of a call, from its arguments.
        """

        @functools.wraps(function, updated=())
        def metered(*arguments: Any, **options: Any) -> Any:
            self._enter()
            try:
                return function(*arguments, **options)
            finally:
                self._leave(size(*arguments) if size is not None else 0)

        return metered


def meter_forward() -> Meter:
    """Meter every forward pass of this process that Python asks for."""
    import llama_cpp
    import llama_cpp.llama_cpp as bindings

    meter = Meter()
    wrapped = meter.wrap(bindings.llama_decode, lambda _, batch: int(batch.n_tokens))
    llama_cpp.llama_decode = bindings.llama_decode = wrapped
    return meter


def meter_methods(kind: type, names: Iterable[str]) -> Meter:
    """Meter methods of a class, for all its objects; none of them may call another."""
    meter = Meter()
    for name in names:
        setattr(kind, name, meter.wrap(getattr(kind, name)))
    return meter
