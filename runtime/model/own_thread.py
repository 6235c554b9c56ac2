"""Run llama.cpp in a thread of its own where torch is in the same process.

On processors with AMX, ggml loads the shape of the tile registers once for each thread, and torch's
kernels release them again: a quantised model that answered before a training in the same thread
ends the process with an illegal instruction after it. In a thread where torch never works the
shape stays as ggml left it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")


def apart_from_torch(call: Callable[[], T]) -> T:
    """The result of a call, made in a thread of its own if torch has been imported.

    An interruption while it runs is raised when it is done: llama.cpp may not be freed before.
    """
    if "torch" not in sys.modules:
        return call()
    future = _pool().submit(call)
    try:
        return future.result()
    except BaseException:
        wait([future])
        raise


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="llama.cpp")
