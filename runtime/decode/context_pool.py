"""Contexts that are kept from one call to the next, and how many there should be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import llama_cpp
import psutil

from setaccio.runtime.decode.context import BatchContext
from setaccio.runtime.decode.prompt_lookup import DraftLength
from setaccio.runtime.model.gguf_header import read_header
from setaccio.runtime.model.llama_log import uninterrupted
from setaccio.runtime.model.load import LoadedModel

SMALL_MODEL_BYTES = 64 << 20
"""Size of the largest model that each thread evaluates in a context of its own."""


class ContextPool:
    """A model's contexts: those that wait for their next user, and those that are lent.

    Args:
        kept: how many of those that compute in the background are kept; of others, one.
    """

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._waiting: list[BatchContext] = []
        self._lent: list[BatchContext] = []
        self._draft_lengths: dict[tuple[int, bool], DraftLength] = {}
        self._closed = False

    def take(self, model: LoadedModel, threads: int, background: bool) -> BatchContext:
        """The roomiest context of the kind that waits, else a new one."""
        kind = (threads, background)
        # What passes cost is learnt once for all contexts of a kind.
        draft_length = self._draft_lengths.setdefault(kind, DraftLength())
        with uninterrupted():  # a context that nobody knows of is never freed
            alike = [c for c in self._waiting if (c.threads, c.background) == kind]
            if alike:
                found = max(alike, key=lambda context: context.sequences * context.cells)
                self._waiting.remove(found)
            else:
                found = BatchContext(model, threads, background, draft_length)
            self._lent.append(found)
        return found

    def give(self, context: BatchContext) -> None:
        """Take a context back; the oldest of those that wait are freed where there are too many."""
        self._lent.remove(context)
        if not context.open:
            return
        if self._closed:
            context.close()
            return
        self._waiting.append(context)
        alike = [c for c in self._waiting if c.background == context.background]
        for oldest in alike[: -self._kept if context.background else -1]:
            self._waiting.remove(oldest)
            oldest.close()

    def clear(self) -> None:
        """Free the contexts that wait."""
        for context in self._waiting:
            context.close()
        self._waiting.clear()

    def close(self) -> None:
        """Free them all, the lent ones as soon as they compute no more."""
        self._closed = True
        self.clear()
        for context in self._lent:
            context.close()


@contextmanager
def borrow_context(
    model: LoadedModel, threads: int | None = None, background: bool = False
) -> Iterator[BatchContext]:
    """A context for one user at a time.

    Args:
        model: whose weights.
        threads: as for :class:`BatchContext`.
        background: likewise.
    """
    with model.lock:
        if model.state.contexts is None:
            model.state.contexts = ContextPool(model.threads)
        pool = model.state.contexts
        context = pool.take(model, threads or model.threads, background)
    try:
        yield context
    except RuntimeError:
        context.close()  # what its caches hold now is not known
        raise
    finally:
        with model.lock:
            pool.give(context)


def default_contexts(model: LoadedModel, parallel: int) -> int:
    """In how many contexts documents are decoded, each with passes of its own.

    Small models gain nothing from several threads in one pass, but as much as there are threads
    from passes of several contexts side by side. The weights of large ones come from memory, and
    would come once for each context.

    Args:
        model: what generates.
        parallel: documents at once.
    """
    return max(1, min(model.threads, parallel)) if model.size_bytes <= SMALL_MODEL_BYTES else 1


def default_parallel(model: LoadedModel) -> int:
    """How many documents to decode at once: eight for each thread, sixteen at most.

    A quarter of the free memory must hold their KV caches (two bytes a number).
    """
    handle = model.llama.model
    heads = llama_cpp.llama_model_n_head_kv(handle)
    size = llama_cpp.llama_model_n_embd(handle) // max(1, llama_cpp.llama_model_n_head(handle))
    # Keys and values (2) in every layer. llama.cpp tells the heads of the first one: none, where
    # that is a convolution or recurrent, and others are not.
    numbers = 2 * llama_cpp.llama_model_n_layer(handle) * heads * size
    cell = 2 * (numbers or read_header(model.path).cached or 1)
    fitting = int(psutil.virtual_memory().available) // 4 // (cell * model.context)
    return int(max(1, min(16, 8 * model.threads, fitting)))
