"""Several sequences in one llama.cpp context, decoded together.

llama-cpp-python's own ``Llama`` drives one sequence. Here a second context over the same weights
holds a fixed number of slots, each with its own part of the key-value cache (as long as the model's
context), so that one forward pass serves a token of every document. See ``llama_batch`` and
``llama_memory_seq_*`` in llama.cpp's ``include/llama.h``.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt
import psutil

from setaccio.data.errors import ModelError
from setaccio.runtime.adapters import Adapter
from setaccio.runtime.llama_log import clear_errors, last_errors
from setaccio.runtime.models import PREFILL_BATCH, LoadedModel
from setaccio.runtime.own_thread import apart_from_torch

Logits = npt.NDArray[np.float32]
_KEPT = "slots"  # under this key a model's cache keeps its slots for the next call


@dataclass(frozen=True)
class Feed:
    """Tokens that one slot evaluates next.

    Attributes:
        slot: number of the slot.
        start: position of the first token.
        tokens: token ids.
        outputs: how many of the last tokens give logits.
    """

    slot: int
    start: int
    tokens: Sequence[int]
    outputs: int


class Slots:
    """A context with ``count`` sequences.

    Args:
        model: whose weights.
        count: number of slots.

    Attributes:
        count: number of slots.
        capacity: most tokens of all feeds of one :meth:`decode`.
        prefixes: the prompt prefix that each slot begins with, where one is known.

    Raises:
        ModelError: llama.cpp can not allocate it.
    """

    def __init__(self, model: LoadedModel, count: int) -> None:
        self.count = count
        self.prefixes: dict[int, tuple[int, ...]] = {}
        self._vocabulary = int(model.llama.n_vocab())
        self.capacity = max(PREFILL_BATCH, count) * 4
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = model.context * count
        parameters.n_batch = self.capacity
        parameters.n_ubatch = PREFILL_BATCH
        parameters.n_seq_max = count
        parameters.n_threads = parameters.n_threads_batch = model.threads
        parameters.kv_unified = False  # a token attends to its own slot's cells only
        # As llama-cpp-python's own loop, so that answers are the same to the last token.
        parameters.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        parameters.no_perf = True
        clear_errors()
        self._context: Any = llama_cpp.llama_init_from_model(model.llama.model, parameters)
        if not self._context:
            raise ModelError(
                f"{model.path}: no room for {count} documents at once "
                f"({last_errors() or 'out of memory'}). Ask for fewer with --parallel."
            )
        self._adapter: Adapter | None = None
        self._memory: Any = llama_cpp.llama_get_memory(self._context)
        self._allocate()

    def _allocate(self) -> None:
        size = self.capacity
        self._tokens = np.zeros(size, np.int32)
        self._positions = np.zeros(size, np.int32)
        self._owners = np.zeros(size, np.int32)
        self._wanted = np.zeros(size, np.int8)
        self._ones = np.ones(size, np.int32)
        # llama.cpp wants a pointer to each token's list of sequences; these point into _owners.
        self._pointers = self._owners.ctypes.data + 4 * np.arange(size, dtype=np.uint64)
        self._batch = llama_cpp.llama_batch(
            n_tokens=0,
            token=_pointer(self._tokens, ctypes.c_int32),
            embd=None,
            pos=_pointer(self._positions, ctypes.c_int32),
            n_seq_id=_pointer(self._ones, ctypes.c_int32),
            seq_id=_pointer(self._pointers, ctypes.POINTER(ctypes.c_int32)),
            logits=_pointer(self._wanted, ctypes.c_int8),
        )

    def decode(self, feeds: Sequence[Feed]) -> Logits:
        """One forward pass.

        Args:
            feeds: at most one for each slot, together at most :attr:`capacity` tokens.

        Returns:
            Logits, float32 (outputs of all feeds in their order, vocabulary); a view that the
            next call overwrites.

        Raises:
            RuntimeError: llama.cpp failed.
        """
        end = 0
        outputs = 0
        for feed in feeds:
            begin, end = end, end + len(feed.tokens)
            self._tokens[begin:end] = feed.tokens
            self._positions[begin:end] = np.arange(feed.start, feed.start + len(feed.tokens))
            self._owners[begin:end] = feed.slot
            self._wanted[begin:end] = 0
            self._wanted[end - feed.outputs : end] = 1
            outputs += feed.outputs
        self._batch.n_tokens = end
        code = apart_from_torch(lambda: llama_cpp.llama_decode(self._context, self._batch))
        if code != 0:
            raise RuntimeError(f"llama.cpp could not decode (code {code}; {last_errors()})")
        if outputs == 0:
            return np.empty((0, self._vocabulary), np.float32)
        pointer: Any = llama_cpp.llama_get_logits(self._context)
        return np.ctypeslib.as_array(pointer, shape=(outputs, self._vocabulary))

    def use(self, adapter: Adapter | None) -> None:
        """Choose the adapter that works from now on; None is the bare base.

        Raises:
            RuntimeError: llama.cpp refuses it.
        """
        if adapter == self._adapter:
            return
        if adapter is None:
            code = llama_cpp.llama_set_adapters_lora(self._context, None, 0, None)
        else:
            handles = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(adapter.handle)
            scales = (ctypes.c_float * 1)(1.0)
            code = llama_cpp.llama_set_adapters_lora(self._context, handles, 1, scales)
        if code != 0:
            raise RuntimeError(f"llama.cpp could not use the adapter ({last_errors()})")
        self._adapter = adapter
        # What the slots hold was computed with another adapter.
        self.prefixes.clear()

    def cut(self, slot: int, length: int) -> bool:
        """Forget a slot's tokens from a position on; False where the model's memory can not."""
        return bool(llama_cpp.llama_memory_seq_rm(self._memory, slot, length, -1))

    def copy(self, source: int, target: int) -> None:
        """Copy everything that one slot holds to another."""
        llama_cpp.llama_memory_seq_rm(self._memory, target, -1, -1)
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    @property
    def open(self) -> bool:
        """Whether it can still be used."""
        return bool(self._context)

    def close(self) -> None:
        """Free the context."""
        if self._context:
            llama_cpp.llama_free(self._context)
            self._context = None


def _pointer(array: npt.NDArray[Any], kind: Any) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(kind))


@contextmanager
def borrow_slots(model: LoadedModel, count: int) -> Iterator[Slots]:
    """At least ``count`` slots, for one user at a time.

    Raises:
        ModelError: llama.cpp can not allocate them.
    """
    with model.lock:
        slots: Slots | None = model.cache.pop(_KEPT, None)
    if slots is not None and slots.count < count:
        slots.close()
        slots = None
    slots = slots or Slots(model, count)
    try:
        yield slots
    except RuntimeError:
        slots.close()  # what it holds now is not known
        raise
    finally:
        with model.lock:
            if slots.open and _KEPT not in model.cache:
                model.cache[_KEPT] = slots
            else:
                slots.close()


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
