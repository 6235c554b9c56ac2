"""Child process: what a GGUF says about itself, and its logits.

Contract: ``python _run_gguf.py < job.json`` with the keys ``gguf``, ``lora`` (an adapter GGUF to
put on it, or null), ``prompts`` (lists of ``[text, special]`` pieces), ``sequences``
(``{"ids", "first", "out"}``: logits are wanted of every position from ``first`` on, in the file
``out``), ``stops`` (token ids) and ``facts``, a file. It writes that and the logits (positions x
vocabulary, float32). In a child, because a quantised model crashes the process where llama.cpp was
built badly.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from pathlib import Path
from typing import Any

_BATCH = 512  # Tokens per forward, and so rows of logits in memory.


def _meta(llama_cpp: Any, model: Any, key: str) -> str | None:
    """Read a metadata value of any length; the binding's own reader cuts some."""
    size = llama_cpp.llama_model_meta_val_str(model, key.encode(), None, 0)
    if size < 0:
        return None
    buffer = ctypes.create_string_buffer(size + 1)
    llama_cpp.llama_model_meta_val_str(model, key.encode(), buffer, size + 1)
    return buffer.value.decode("utf-8", errors="replace")


def _put_on(llama_cpp: Any, llama: Any, path: str) -> None:
    adapter = llama_cpp.llama_adapter_lora_init(llama.model, path.encode())
    if not adapter:
        raise RuntimeError(f"llama.cpp failed to load the adapter {path}")
    scales = (ctypes.c_float * 1)(1.0)
    adapters = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(adapter)
    if llama_cpp.llama_set_adapters_lora(llama.ctx, adapters, 1, scales) != 0:
        raise RuntimeError(f"llama.cpp failed to put the adapter {path} on the model")


def _write_logits(llama_cpp: Any, llama: Any, ids: list[int], first: int, out: Path) -> None:
    import numpy

    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(llama.ctx), True)
    shape = (len(ids) - first, llama.n_vocab())
    rows = numpy.lib.format.open_memmap(out, "w+", dtype=numpy.float32, shape=shape)
    batch = llama_cpp.llama_batch_init(_BATCH, 0, 1)
    for begin in range(0, len(ids), _BATCH):
        part = ids[begin : begin + _BATCH]
        batch.n_tokens = len(part)
        for i, token in enumerate(part):
            batch.token[i], batch.pos[i] = token, begin + i
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
            batch.logits[i] = begin + i >= first
        code = llama_cpp.llama_decode(llama.ctx, batch)
        if code != 0:
            raise RuntimeError(f"llama_decode failed with code {code}")
        for i in range(max(0, first - begin), len(part)):
            row = llama_cpp.llama_get_logits_ith(llama.ctx, i)
            rows[begin + i - first] = numpy.ctypeslib.as_array(row, (llama.n_vocab(),))
    llama_cpp.llama_batch_free(batch)
    rows.flush()


def main() -> None:
    """Read the job, load the GGUF, write facts and logits."""
    job = json.load(sys.stdin)
    del sys.path[0]  # The script's own folder: its modules have everyday names.
    import llama_cpp

    longest = max([len(sequence["ids"]) for sequence in job["sequences"]], default=8)
    llama = llama_cpp.Llama(job["gguf"], n_ctx=longest, n_batch=_BATCH, verbose=False)
    if job["lora"]:
        _put_on(llama_cpp, llama, job["lora"])
    vocab = llama_cpp.llama_model_get_vocab(llama.model)
    facts = {
        "ids": [
            [i for text, special in pieces for i in llama.tokenize(text.encode(), False, special)]
            for pieces in job["prompts"]
        ],
        "template": _meta(llama_cpp, llama.model, "tokenizer.chat_template"),
        "eos": llama.token_eos(),
        "add_bos": bool(llama_cpp.llama_vocab_get_add_bos(vocab)),
        "stops": [bool(llama_cpp.llama_vocab_is_eog(vocab, token)) for token in job["stops"]],
        "file_type": _meta(llama_cpp, llama.model, "general.file_type"),
        "vocabulary": llama.n_vocab(),
    }
    begin = time.perf_counter()
    for sequence in job["sequences"]:
        ids, first, out = sequence["ids"], sequence["first"], Path(sequence["out"])
        _write_logits(llama_cpp, llama, ids, first, out)
    tokens = sum(len(sequence["ids"]) for sequence in job["sequences"])
    facts["tokens_per_second"] = tokens / max(time.perf_counter() - begin, 1e-9)
    Path(job["facts"]).write_text(json.dumps(facts), encoding="utf-8")


if __name__ == "__main__":
    main()
