"""Child process: what a GGUF says about itself, and its logits.

Contract: ``python _run_gguf.py < job.json`` with the keys ``gguf``, ``prompts`` (lists of
``[text, special]`` pieces), ``sequences`` (``{"ids", "first"}``: logits are wanted of every
position from ``first`` on), ``stops`` (token ids) and ``out``, a folder. It writes
``facts.json`` and ``logits-<n>.npy`` (positions x vocabulary, float32). In a child, because a
quantised model crashes the process where llama.cpp was built badly.
"""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path
from typing import Any


def _meta(llama_cpp: Any, model: Any, key: str) -> str | None:
    """Read a metadata value of any length; the binding's own reader cuts some."""
    size = llama_cpp.llama_model_meta_val_str(model, key.encode(), None, 0)
    if size < 0:
        return None
    buffer = ctypes.create_string_buffer(size + 1)
    llama_cpp.llama_model_meta_val_str(model, key.encode(), buffer, size + 1)
    return buffer.value.decode("utf-8", errors="replace")


def _logits(llama_cpp: Any, llama: Any, ids: list[int], first: int) -> Any:
    import numpy

    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(llama.ctx), True)
    batch = llama_cpp.llama_batch_init(len(ids), 0, 1)
    batch.n_tokens = len(ids)
    for i, token in enumerate(ids):
        batch.token[i], batch.pos[i] = token, i
        batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
        batch.logits[i] = i >= first
    code = llama_cpp.llama_decode(llama.ctx, batch)
    llama_cpp.llama_batch_free(batch)
    if code != 0:
        raise RuntimeError(f"llama_decode failed with code {code}")
    rows = [llama_cpp.llama_get_logits_ith(llama.ctx, i) for i in range(first, len(ids))]
    return numpy.stack([numpy.ctypeslib.as_array(row, (llama.n_vocab(),)).copy() for row in rows])


def main() -> None:
    """Read the job, load the GGUF, write facts and logits."""
    job = json.load(sys.stdin)
    del sys.path[0]  # The script's own folder: its modules have everyday names.
    import llama_cpp
    import numpy

    longest = max([len(sequence["ids"]) for sequence in job["sequences"]], default=8)
    llama = llama_cpp.Llama(job["gguf"], n_ctx=longest, n_batch=longest, verbose=False)
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
    folder = Path(job["out"])
    (folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
    for n, sequence in enumerate(job["sequences"]):
        rows = _logits(llama_cpp, llama, sequence["ids"], sequence["first"])
        numpy.save(folder / f"logits-{n}.npy", rows, allow_pickle=False)


if __name__ == "__main__":
    main()
