"""Several sequences in one llama.cpp context, evaluated together.

llama-cpp-python's own ``Llama`` drives one sequence. Here a second context over the same weights
holds several, each with a KV cache of its own, so that one forward pass serves a token of every
document. The caches are as many and as long as the documents need: llama.cpp can not enlarge them,
so a larger context takes the place of a smaller one, and what the sequences hold is copied. See
``llama_batch``, ``llama_memory_seq_*``, ``llama_state_seq_*`` in llama.cpp's ``include/llama.h``.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import llama_cpp
import numpy as np
import numpy.typing as npt

from setaccio.data.errors import ModelError
from setaccio.runtime.decode.prompt_lookup import DraftLength
from setaccio.runtime.decode.request import Feed, Start
from setaccio.runtime.model.adapters import Adapter
from setaccio.runtime.model.llama_log import clear_errors, last_errors, uninterrupted
from setaccio.runtime.model.load import PREFILL_BATCH, LoadedModel
from setaccio.runtime.model.own_thread import apart_from_torch
from setaccio.runtime.model.thread_choice import ThreadChoice

Logits = npt.NDArray[np.float32]
State = npt.NDArray[np.uint8]  # what a sequence holds, as llama.cpp writes it down

WORK_PER_THREAD = 32 << 20
"""Bytes of weights, times tokens, of a pass that give one thread enough to do."""

CELLS = 256
"""llama.cpp allocates a sequence's KV cache in multiples of so many tokens."""


class BatchContext:
    """A llama.cpp context for several sequences.

    Args:
        model: whose weights.
        threads: threads that compute; by default the model's.
        background: compute in a thread of its own, so that :meth:`submit` comes back at once.
        draft_length: what is known of the cost of a pass in a context like this.

    Attributes:
        sequences: how many there is room for.
        cells: tokens that the KV cache of each can hold.
        threads: threads that compute.
        background, draft_length: as given.
        capacity: most tokens of all feeds of one :meth:`decode`.
        prefixes: what each sequence's cache begins with, where that is known.
        roomy: requests in a row that would have been content with half the cells.
    """

    def __init__(
        self,
        model: LoadedModel,
        threads: int | None = None,
        background: bool = False,
        draft_length: DraftLength | None = None,
    ) -> None:
        self.sequences = self.cells = 0
        self.threads = threads or model.threads
        self.background = background
        self.draft_length = draft_length or DraftLength()
        self._model = model
        self._thread_choice = ThreadChoice(self.threads)
        self._executor = ThreadPoolExecutor(1, "llama.cpp") if background else None
        self.prefixes: dict[int, Start] = {}
        self.roomy = 0
        self._vocabulary = int(model.llama.n_vocab())
        self.capacity = PREFILL_BATCH * 4
        self._context: Any = None
        self._memory: Any = None
        self._closed = False
        self._adapter: Adapter | None = None
        self._allocate()

    def reserve(
        self, sequences: int, cells: int, busy: Collection[int] = (), shrink: bool = False
    ) -> None:
        """Make room, in a larger context if need be; no copy may be waiting for the next pass.

        Args:
            sequences: how many there must be at least; no more than there are where any is busy
                (llama.cpp restores a cache only among as many as it was saved from).
            cells: tokens that each must be able to hold.
            busy: sequences whose caches are kept. Of the others one prompt prefix at most is.
            shrink: whether to give back what is not needed.

        Raises:
            ModelError: llama.cpp can not allocate it.
            RuntimeError: the model was closed.
        """
        self._refuse_closed()
        wanted = self._model.context
        wanted = wanted if self._model.fixed_cache else min(cells, wanted)
        wanted = max(0 if shrink else self.cells, -(-wanted // CELLS) * CELLS)
        if sequences <= self.sequences and wanted == self.cells:
            return
        with uninterrupted():
            held = self._save(busy, wanted) if sequences <= self.sequences else {}
            self.prefixes = {id: self.prefixes[id] for id in held if id in self.prefixes}
            sequences = max(sequences, self.sequences)
            self._free()
            self._open(sequences, wanted)
            while held:  # what is restored is freed at once: caches are the most of the memory
                self.restore(*held.popitem())

    def _save(self, busy: Collection[int], cells: int) -> dict[int, State]:
        """What sequences hold that shall have so many cells."""
        # Where no document is in work, one copy of the prefix that they begin with is enough.
        known = [] if busy else [(id, len(start.prefix)) for id, start in self.prefixes.items()]
        kept = [id for id, size in known[:1] if size < cells and self.truncate(id, size)]
        return {sequence: self.save(sequence) for sequence in (*busy, *kept)}

    def save(self, sequence: int) -> State:
        """What a sequence holds; no copy may be waiting for the next pass."""
        size = llama_cpp.llama_state_seq_get_size(self._context, sequence)
        state = np.empty(size, np.uint8)
        llama_cpp.llama_state_seq_get_data(
            self._context, _pointer(state, ctypes.c_uint8), size, sequence
        )
        return state

    def restore(self, sequence: int, state: State) -> None:
        """Give a sequence what one of a context for as many sequences held."""
        if not llama_cpp.llama_state_seq_set_data(
            self._context, _pointer(state, ctypes.c_uint8), state.size, sequence
        ):
            raise RuntimeError(f"llama.cpp could not move a cache ({last_errors()})")

    def _open(self, sequences: int, cells: int) -> None:
        parameters = llama_cpp.llama_context_default_params()
        parameters.n_ctx = cells * sequences  # llama.cpp divides it among them
        parameters.n_batch = self.capacity  # tokens of one call
        parameters.n_ubatch = PREFILL_BATCH  # tokens that go through the weights together
        parameters.n_seq_max = sequences
        parameters.n_threads = parameters.n_threads_batch = self.threads
        parameters.kv_unified = False  # attention reads the cells of the own sequence only
        # As llama.cpp's own programs: wherever the model allows it.
        parameters.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO
        parameters.no_perf = True
        clear_errors()
        self._context = llama_cpp.llama_init_from_model(self._model.llama.model, parameters)
        if not self._context:
            raise ModelError(
                f"{self._model.path}: no room for so many documents at once "
                f"({last_errors() or 'out of memory'}). Ask for fewer with --parallel."
            )
        self._memory = llama_cpp.llama_get_memory(self._context)
        self.sequences, self.cells = sequences, cells
        if self._adapter is not None:
            self._set_adapter(self._adapter)

    def _allocate(self) -> None:
        size = self.capacity
        self._tokens = np.zeros(size, np.int32)
        self._positions = np.zeros(size, np.int32)
        self._ids = np.zeros(size, np.int32)
        self._outputs = np.zeros(size, np.int8)
        self._ones = np.ones(size, np.int32)
        # A token may belong to several sequences, so llama.cpp wants a pointer to each token's list
        # of them; here each list has one member and lies in _ids.
        self._pointers = self._ids.ctypes.data + 4 * np.arange(size, dtype=np.uint64)
        self._batch = llama_cpp.llama_batch(
            n_tokens=0,
            token=_pointer(self._tokens, ctypes.c_int32),
            embd=None,
            pos=_pointer(self._positions, ctypes.c_int32),
            n_seq_id=_pointer(self._ones, ctypes.c_int32),
            seq_id=_pointer(self._pointers, ctypes.POINTER(ctypes.c_int32)),
            logits=_pointer(self._outputs, ctypes.c_int8),
        )

    def decode(self, feeds: Sequence[Feed]) -> Logits:
        """One forward pass.

        Args:
            feeds: at most one for each sequence, together at most :attr:`capacity` tokens.

        Returns:
            Logits, float32 (outputs of all feeds in their order, vocabulary); a view that the
            next call overwrites.

        Raises:
            RuntimeError: llama.cpp failed.
        """
        outputs = self._lay_out(feeds)
        if self._executor is None:
            return apart_from_torch(lambda: self._compute(outputs))
        future = self._executor.submit(self._compute, outputs)
        try:
            return future.result()
        finally:
            wait([future])  # interrupted or not: what it computes in may be used again

    def submit(self, feeds: Sequence[Feed]) -> Future[tuple[Logits, float]]:
        """Begin a :meth:`decode` in the context's own thread; it was made with ``background``.

        Returns:
            Logits, and the seconds that the pass took. Nothing else may be asked of the context
            before they are there.
        """
        if self._executor is None:
            raise ValueError("this context has no thread of its own")
        outputs = self._lay_out(feeds)

        def timed() -> tuple[Logits, float]:
            began = time.perf_counter()
            logits = self._compute(outputs)
            return logits, time.perf_counter() - began

        return self._executor.submit(timed)

    def _lay_out(self, feeds: Sequence[Feed]) -> int:
        """Write a pass's tokens into the batch; returns the number of outputs."""
        self._refuse_closed()
        end = outputs = 0
        for feed in feeds:
            begin, last, end = end, end + len(feed.tokens), end + feed.size
            self._tokens[begin:last] = feed.tokens
            # Padding gives no logits and is cut from the cache after the pass; any token would do.
            self._tokens[last:end] = feed.tokens[-1]
            self._positions[begin:end] = np.arange(feed.start, feed.start + feed.size)
            self._ids[begin:end] = feed.sequence
            self._outputs[begin:end] = 0
            self._outputs[last - feed.outputs : last] = 1
            outputs += feed.outputs
        self._batch.n_tokens = end
        return outputs

    def _compute(self, outputs: int) -> Logits:
        # Where there is little to do, threads wait for each other longer than they compute.
        threads = self._thread_choice.next(
            1 + self._model.size_bytes * self._batch.n_tokens // WORK_PER_THREAD
        )
        with uninterrupted():
            if llama_cpp.llama_n_threads(self._context) != threads:  # to set them writes to the log
                llama_cpp.llama_set_n_threads(self._context, threads, threads)
            began, computed = time.perf_counter(), time.process_time()
            code = llama_cpp.llama_decode(self._context, self._batch)
            if not self.background:  # else the processor's time is that of several contexts
                wall = time.perf_counter() - began
                self._thread_choice.measured(threads, wall, time.process_time() - computed)
        if code != 0:
            raise RuntimeError(f"llama.cpp could not decode (code {code}; {last_errors()})")
        if outputs == 0:
            return np.empty((0, self._vocabulary), np.float32)
        # Rows of the tokens that ask for logits, in the order of the batch.
        pointer: Any = llama_cpp.llama_get_logits(self._context)
        return np.ctypeslib.as_array(pointer, shape=(outputs, self._vocabulary))

    def use(self, adapter: Adapter | None) -> None:
        """Choose the adapter that works from now on; None is the bare base.

        Raises:
            RuntimeError: llama.cpp refuses it.
        """
        if adapter is not self._adapter:
            if self._context:
                self._set_adapter(adapter)
            self._adapter = adapter

    def _set_adapter(self, adapter: Adapter | None) -> None:
        with uninterrupted():
            if adapter is None:
                code = llama_cpp.llama_set_adapters_lora(self._context, None, 0, None)
            else:
                handles = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(adapter.handle)
                scales = (ctypes.c_float * 1)(1.0)
                code = llama_cpp.llama_set_adapters_lora(self._context, handles, 1, scales)
        if code != 0:
            raise RuntimeError(f"llama.cpp could not use the adapter ({last_errors()})")

    def truncate(self, sequence: int, length: int) -> bool:
        """Cut a sequence's cache to a length; False where the model's memory can not be cut."""
        self._refuse_closed()
        return bool(llama_cpp.llama_memory_seq_rm(self._memory, sequence, length, -1))

    def copy(self, source: int, target: int) -> None:
        """Copy the whole cache of one sequence to another, at the beginning of the next pass."""
        self._refuse_closed()
        llama_cpp.llama_memory_seq_rm(self._memory, target, -1, -1)
        llama_cpp.llama_memory_seq_cp(self._memory, source, target, -1, -1)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise RuntimeError("the model was closed while documents were being decoded")

    @property
    def open(self) -> bool:
        """Whether it can still be used."""
        return not self._closed

    def close(self) -> None:
        """Free the context."""
        self._closed = True
        if self._executor is not None:
            self._executor.shutdown()
        self._free()

    def _free(self) -> None:
        if self._context:
            with uninterrupted():
                llama_cpp.llama_free(self._context)
                self._context = None
                self.sequences = self.cells = 0


def _pointer(array: npt.NDArray[Any], kind: Any) -> Any:
    return array.ctypes.data_as(ctypes.POINTER(kind))
