"""Who has which slots: kept from one call to the next, and how many there should be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import llama_cpp
import psutil

from setaccio.runtime.decode.context import ContextSlots
from setaccio.runtime.model.llama_log import uninterrupted
from setaccio.runtime.model.load import LoadedModel

LANE_BYTES = 64 << 20
"""Size of the largest model that each thread works through by itself."""

_KEPT = "slots"  # under this key a model's cache keeps its slots for the next call


class _Kept:
    """A model's slots: those that wait for their next user, and those that are lent.

    Args:
        lanes: how many of those that compute in threads of their own are kept; of others, one.
    """

    def __init__(self, lanes: int) -> None:
        self._lanes = lanes
        self._waiting: list[ContextSlots] = []
        self._lent: list[ContextSlots] = []
        self._closed = False

    def take(self, model: LoadedModel, count: int, threads: int, apart: bool) -> ContextSlots:
        """The smallest slots that will do, else new ones in place of smaller ones."""
        with uninterrupted():  # a context that nobody knows of is never freed
            alike = [s for s in self._waiting if (s.threads, s.apart) == (threads, apart)]
            alike.sort(key=lambda slots: slots.count)
            found = next((slots for slots in alike if slots.count >= count), None)
            if found is not None:
                self._waiting.remove(found)
            else:
                if alike:
                    self._waiting.remove(alike[0])
                    alike[0].close()
                found = ContextSlots(model, count, threads, apart)
            self._lent.append(found)
        return found

    def give(self, slots: ContextSlots) -> None:
        """Take slots back; the oldest of those that wait are freed where there are too many."""
        self._lent.remove(slots)
        if not slots.open:
            return
        if self._closed:
            slots.close()
            return
        self._waiting.append(slots)
        alike = [s for s in self._waiting if s.apart == slots.apart]
        for oldest in alike[: -self._lanes if slots.apart else -1]:
            self._waiting.remove(oldest)
            oldest.close()

    def close(self) -> None:
        """Free them all, the lent ones as soon as they compute no more."""
        self._closed = True
        for slots in (*self._waiting, *self._lent):
            slots.close()
        self._waiting.clear()


@contextmanager
def borrow_contexts(
    model: LoadedModel, count: int, threads: int | None = None, apart: bool = False
) -> Iterator[ContextSlots]:
    """At least ``count`` slots, for one user at a time.

    Args:
        model: whose weights.
        count: how many.
        threads: as for :class:`ContextSlots`.
        apart: likewise.

    Raises:
        ModelError: llama.cpp can not allocate them.
    """
    with model.lock:
        kept: _Kept = model.cache.setdefault(_KEPT, _Kept(model.threads))
        slots = kept.take(model, count, threads or model.threads, apart)
    try:
        yield slots
    except RuntimeError:
        slots.close()  # what it holds now is not known
        raise
    finally:
        with model.lock:
            kept.give(slots)


def default_contexts(model: LoadedModel, slots: int) -> int:
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
