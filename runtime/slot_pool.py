"""Who has which slots: kept from one call to the next, and how many there should be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import llama_cpp
import psutil

from setaccio.runtime.models import LoadedModel
from setaccio.runtime.slots import Slots

LANE_BYTES = 64 << 20
"""Size of the largest model that each thread works through by itself."""

_KEPT = "slots"  # under this key a model's cache keeps its slots for the next call


class _Kept:
    """Slots that wait for their next user.

    Args:
        lanes: how many of those that compute in threads of their own are kept; of others, one.
    """

    def __init__(self, lanes: int) -> None:
        self._lanes = lanes
        self._waiting: list[Slots] = []

    def take(self, count: int, threads: int, apart: bool) -> Slots | None:
        """Slots that will do, or None; those that are too few are given up for the new ones."""
        for slots in self._waiting:
            if (slots.threads, slots.apart) == (threads, apart):
                self._waiting.remove(slots)
                if slots.count >= count:
                    return slots
                slots.close()
                break
        return None

    def give(self, slots: Slots) -> None:
        """Keep slots, unless enough of their kind wait already."""
        alike = sum(waiting.apart == slots.apart for waiting in self._waiting)
        if slots.open and alike < (self._lanes if slots.apart else 1):
            self._waiting.append(slots)
        else:
            slots.close()

    def close(self) -> None:
        """Free them all."""
        for slots in self._waiting:
            slots.close()
        self._waiting.clear()


@contextmanager
def borrow_slots(
    model: LoadedModel, count: int, threads: int | None = None, apart: bool = False
) -> Iterator[Slots]:
    """At least ``count`` slots, for one user at a time.

    Args:
        model: whose weights.
        count: how many.
        threads: as for :class:`Slots`.
        apart: likewise.

    Raises:
        ModelError: llama.cpp can not allocate them.
    """
    with model.lock:
        kept: _Kept = model.cache.setdefault(_KEPT, _Kept(model.threads))
        slots = kept.take(count, threads or model.threads, apart)
    slots = slots or Slots(model, count, threads, apart)
    try:
        yield slots
    except RuntimeError:
        slots.close()  # what it holds now is not known
        raise
    finally:
        with model.lock:
            kept.give(slots)


def default_lanes(model: LoadedModel, slots: int) -> int:
    """Into how many lanes the slots are divided: contexts that compute at the same time.

    Small models gain nothing from several threads in one pass, but as much as there are threads
    from passes of several contexts side by side. The weights of large ones come from memory, and
    would come once for each lane.

    Args:
        model: what generates.
        slots: documents at once.
    """
    return max(1, min(model.threads, slots)) if model.size_bytes <= LANE_BYTES else 1


def default_parallel(model: LoadedModel) -> int:
    """How many documents to decode at once: eight for each thread, sixteen at most.

    A quarter of the free memory must hold their key-value caches (two bytes a number).
    """
    handle = model.llama.model
    heads = llama_cpp.llama_model_n_head_kv(handle)
    size = llama_cpp.llama_model_n_embd(handle) // max(1, llama_cpp.llama_model_n_head(handle))
    cell = 2 * 2 * llama_cpp.llama_model_n_layer(handle) * heads * size
    room = int(psutil.virtual_memory().available) // 4 // (cell * model.context)
    return int(max(1, min(16, 8 * model.threads, room)))
