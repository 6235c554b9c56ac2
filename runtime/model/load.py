"""Load a GGUF: checked before llama.cpp sees it, quiet, and aware of the task it carries.

>>> from setaccio.runtime import load_model
>>> model = load_model("recipes.gguf")
>>> model.task.name, model.context
('recipe', 2048)
"""

from __future__ import annotations

import _thread
import functools
import os
import threading
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llama_cpp
import psutil
from jinja2 import TemplateError

from setaccio.data.errors import ModelError
from setaccio.data.task.pieces import ChatFormat
from setaccio.data.task.task import Task
from setaccio.models import gguf_path, verified_sha256
from setaccio.runtime.model.gguf_header import Header, read_header
from setaccio.runtime.model.llama_log import clear_errors, last_errors, silence_llama, uninterrupted

if TYPE_CHECKING:
    from setaccio.runtime.decode.context_pool import ContextPool
    from setaccio.runtime.grammar.constraint import Grammar
    from setaccio.runtime.model.adapters import Adapter

TASK_KEY = "setaccio.task"
"""GGUF metadata key that holds the task, as written by :meth:`setaccio.data.Task.to_metadata`."""

GREATEST_DEFAULT_CONTEXT = 4096
"""Tokens of context that are allocated unless more are asked for: memory grows with them."""

PREFILL_BATCH = 512
"""Prompt tokens that go through the model in one step."""

RESEND_SECONDS = 0.02
"""After so long an interruption that came while a model was released is raised again."""

_OTHER_KINDS = {
    "adapter": "is a LoRA adapter. Give its base as the model, and it beside that (--adapter).",
    "mmproj": "is an image projector. Give the language model beside it.",
    "vocab": "holds a vocabulary only. Give a model with weights.",
}


@dataclass
class ModelState:
    """What is worked out once for a model and kept until it is closed.

    Attributes:
        contexts: the contexts that decode (:mod:`setaccio.runtime.decode.context_pool`).
        adapters: adapters by file.
        backend: Outlines' back end, which compiles schemas.
        grammars: compiled schemas by their JSON.
        token_bytes: what a token stands for.
        end_tokens: tokens that end an answer.
        byte_tokens: the token of each byte that has one of its own.
    """

    contexts: ContextPool | None = None
    adapters: dict[Path, Adapter] = field(default_factory=dict)
    backend: Any = None
    grammars: dict[str, Grammar] = field(default_factory=dict)
    token_bytes: dict[int, bytes] = field(default_factory=dict)
    end_tokens: frozenset[int] | None = None
    byte_tokens: dict[int, int] | None = None


@dataclass
class LoadedModel:
    """A GGUF in memory.

    Several decoders may work on it, each in contexts of its own; ``lock`` guards who has which.

    Attributes:
        llama: the llama-cpp-python object that owns weights and context.
        path: the file.
        metadata: the GGUF's scalar metadata, as text.
        task: the task that the GGUF carries, or None.
        chat: its chat format.
        context: tokens that prompt and answer share.
        threads: threads that compute.
        size_bytes: size of the file.
        state: what is worked out once for it (contexts, grammars, vocabulary).
    """

    llama: llama_cpp.Llama
    path: Path
    metadata: dict[str, str]
    task: Task | None
    chat: ChatFormat
    context: int
    threads: int
    size_bytes: int
    state: ModelState = field(default_factory=ModelState, repr=False)
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def __post_init__(self) -> None:
        # Whoever forgets to close gets it done in the right order: contexts before weights, and
        # before the interpreter has taken llama-cpp-python's modules apart.
        self._release = weakref.finalize(self, _release, self.llama, self.state)

    @property
    def name(self) -> str:
        """File name of the model."""
        return self.path.name

    @property
    def vocab(self) -> Any:
        """llama.cpp's pointer to the vocabulary."""
        return llama_cpp.llama_model_get_vocab(self.llama.model)

    @functools.cached_property
    def fixed_cache(self) -> bool:
        """Whether a sequence's cache must be as long as the context from the start.

        Rotary positions may depend on its length (Phi-3's long ones), and of a sliding window
        llama.cpp copies no more than the window, which is too little to take tokens back.
        """
        architecture = self.metadata.get("general.architecture", "")
        original = self.metadata.get(f"{architecture}.rope.scaling.original_context_length", "")
        window = self.metadata.get(f"{architecture}.attention.sliding_window", "")
        lengths = [int(length) for length in (original, window) if length.isdecimal()]
        return any(0 < length < self.context for length in lengths)

    @functools.cached_property
    def sha256(self) -> str:
        """SHA-256 (hex) of the file, worked out when first asked for, and remembered."""
        return verified_sha256(self.path)

    def close(self) -> None:
        """Free weights and context; the model can not be used afterwards."""
        with uninterrupted():
            self._release()


def _release(llama: llama_cpp.Llama, state: ModelState) -> None:
    try:
        with uninterrupted():
            if state.contexts is not None:
                state.contexts.close()
            llama.close()
    except KeyboardInterrupt:
        # The garbage collector called: what is raised here is printed and lost. So once more, when
        # the main thread is back in the program's own code.
        again = threading.Timer(RESEND_SECONDS, _thread.interrupt_main)
        again.daemon = True
        again.start()


def can_cut(model: LoadedModel) -> bool:
    """Whether a sequence can be cut back to any length: recurrent memory can not forget."""
    return not (
        llama_cpp.llama_model_is_recurrent(model.llama.model)
        or llama_cpp.llama_model_is_hybrid(model.llama.model)
    )


def physical_cores() -> int:
    """Physical cores that this process may use: more threads than that slow llama.cpp down."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    physical = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    return max(1, min(physical, allowed or physical))


def _check_kind(path: Path, header: Header) -> None:
    kind = header.metadata.get("general.type", "model")
    kind = kind if header.tensors else "vocab"
    if kind in _OTHER_KINDS:
        raise ModelError(f"{path}: {_OTHER_KINDS[kind]}")
    if not header.metadata.get("tokenizer.chat_template"):
        raise ModelError(
            f"{path}: has no chat template, so it is a plain base model. Tune it first: "
            f"setaccio train --base {path} --template chatml"
        )


def _choose_context(path: Path, header: Header, asked: int | None) -> int:
    architecture = header.metadata.get("general.architecture", "")
    stated = header.metadata.get(f"{architecture}.context_length", "")
    trained = int(stated) if stated.isdecimal() else 0
    if asked is None:
        return min(trained or GREATEST_DEFAULT_CONTEXT, GREATEST_DEFAULT_CONTEXT)
    if asked < 1:
        raise ModelError(f"A context of {asked} tokens is none. Ask for a positive number.")
    if trained and asked > trained:
        raise ModelError(
            f"{path}: was trained for {trained} tokens of context, {asked} were asked for. "
            f"Ask for at most {trained}."
        )
    return asked


def _open(path: Path, threads: int) -> llama_cpp.Llama:
    silence_llama()
    clear_errors()
    try:
        with uninterrupted():
            return llama_cpp.Llama(
                str(path),
                n_ctx=1,  # decoding has contexts of its own (setaccio.runtime.decode.context)
                n_batch=1,
                n_threads=threads,
                n_threads_batch=threads,
                verbose=False,
            )
    except (ValueError, RuntimeError, OSError, MemoryError) as error:
        reason = last_errors() or str(error)
        raise ModelError(
            f"{path}: llama.cpp can not load it ({reason}). Fetch or export it again."
        ) from error
    except TemplateError as error:  # llama-cpp-python reads the template as well
        reason = " ".join(str(error).split())
        raise ModelError(
            f"{path}: its chat template is broken ({reason}). Export it again from a base whose "
            "template works."
        ) from error


def _chat_format(llama: llama_cpp.Llama, metadata: dict[str, str]) -> ChatFormat:
    vocab = llama_cpp.llama_model_get_vocab(llama.model)

    def text(token: int, key: str) -> str:
        # For a BPE vocabulary that names no such token llama.cpp assumes token 11, whatever it is.
        named = f"tokenizer.ggml.{key}" in metadata
        assumed = llama_cpp.llama_vocab_type(vocab) != llama_cpp.LLAMA_VOCAB_TYPE_BPE
        if token < 0 or not (named or assumed):
            return ""
        return bytes(llama_cpp.llama_vocab_get_text(vocab, token)).decode("utf-8", "replace")

    bos = text(llama_cpp.llama_vocab_bos(vocab), "bos_token_id")
    return ChatFormat(
        template=metadata["tokenizer.chat_template"],
        bos=bos,
        eos=text(llama_cpp.llama_vocab_eos(vocab), "eos_token_id"),
        add_bos=bool(bos) and bool(llama_cpp.llama_vocab_get_add_bos(vocab)),
    )


def load_model(
    path: str | Path, *, context: int | None = None, threads: int | None = None
) -> LoadedModel:
    """Load a GGUF.

    Args:
        path: the file, or the name of a known model.
        context: tokens that prompt and answer share; by default what the model was trained for,
            at most :data:`GREATEST_DEFAULT_CONTEXT`.
        threads: threads that compute; by default one per physical core.

    Returns:
        The model, with the task that it carries, if any.

    Raises:
        ModelError: missing or not fetched, not a GGUF, cut off, not a language model, or refused by
            llama.cpp.
        TaskError: the GGUF carries a task that can not be read.
    """
    path = gguf_path(path)
    header = read_header(path)
    _check_kind(path, header)
    stored = header.metadata.get(TASK_KEY)
    task = None if stored is None else Task.from_metadata(stored, source=str(path))
    size = _choose_context(path, header, context)
    workers = physical_cores() if threads is None else max(1, threads)
    llama = _open(path, workers)
    return LoadedModel(
        llama=llama,
        path=path,
        metadata=header.metadata,
        task=task,
        chat=_chat_format(llama, header.metadata),
        context=size,
        threads=workers,
        size_bytes=path.stat().st_size,
    )
