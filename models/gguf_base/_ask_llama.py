"""Child process: what llama.cpp makes of a GGUF: its vocabulary, token ids, greedy answers, logits.

Contract: ``python _ask_llama.py < job.json`` with the keys

- ``gguf``; ``lora``, an adapter GGUF to put on it, or null; ``out``, a folder; ``threads``;
- ``strings``: a JSON file of ``[text, special]``, or null;
- ``prompts``: lists of such pieces; ``new_tokens``: how far to decode each;
- ``sequences``: ``{"ids", "first", "out"}``, logits are wanted of every position from ``first`` on.

It writes ``facts.json``; of the strings ``ids.npy`` and ``lengths.npy``; of the prompts
``answers.json`` (prompt and answer ids) and, where tokens were asked for, ``logits-N.npy``; of a
sequence its ``out``. Logits are positions x vocabulary in float32. Only the vocabulary is loaded
where nothing is to be decoded. In a child, because llama.cpp ends the process over some
vocabularies, and where it was built badly over some quantisations.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from pathlib import Path
from typing import Any

_SPECIALS = ("bos", "eos", "eot", "pad")
_PER_STRING = 4096
_BATCH = 512  # tokens per forward, and so rows of logits in memory
_ERROR = 4  # GGML_LOG_LEVEL_ERROR


def _listen(llama_cpp: Any, errors: list[str]) -> Any:
    """Keep what llama.cpp says of errors, and be quiet about the rest."""

    @llama_cpp.llama_log_callback  # type: ignore[untyped-decorator]
    def note(level: int, text: bytes, _: Any) -> None:
        if level == _ERROR:
            errors.append(text.decode("utf-8", "replace").strip())

    llama_cpp.llama_log_set(note, ctypes.c_void_p(0))
    return note


def _load(llama_cpp: Any, job: dict[str, Any], errors: list[str]) -> Any:
    params = llama_cpp.llama_model_default_params()
    params.vocab_only = not (job["new_tokens"] or job["sequences"])
    params.n_gpu_layers = 0
    model = llama_cpp.llama_model_load_from_file(job["gguf"].encode(), params)
    if not model:
        reason = next((e for e in errors if "error" in e), "no reason given")
        raise RuntimeError(f"it can not be loaded ({reason})")
    return model


def _meta(llama_cpp: Any, model: Any, key: str) -> str | None:
    """Read a metadata value of any length; the binding's own reader cuts some."""
    size = llama_cpp.llama_model_meta_val_str(model, key.encode(), None, 0)
    if size < 0:
        return None
    buffer = ctypes.create_string_buffer(size + 1)
    llama_cpp.llama_model_meta_val_str(model, key.encode(), buffer, size + 1)
    return buffer.value.decode("utf-8", errors="replace")


def _facts(llama_cpp: Any, model: Any) -> dict[str, Any]:
    vocab = llama_cpp.llama_model_get_vocab(model)
    count = llama_cpp.llama_vocab_n_tokens(vocab)
    kinds = {
        getattr(llama_cpp, name): name.rpartition("_")[2].lower()
        for name in dir(llama_cpp)
        if name.startswith("LLAMA_VOCAB_TYPE_")
    }
    facts: dict[str, Any] = {
        name: int(getattr(llama_cpp, f"llama_vocab_{name}")(vocab)) for name in _SPECIALS
    }
    return facts | {
        "type": kinds.get(llama_cpp.llama_vocab_type(vocab), "unknown"),
        "tokens": count,
        "template": _meta(llama_cpp, model, "tokenizer.chat_template"),
        "file_type": _meta(llama_cpp, model, "general.file_type"),
        "add_bos": bool(llama_cpp.llama_vocab_get_add_bos(vocab)),
        "add_eos": bool(llama_cpp.llama_vocab_get_add_eos(vocab)),
        "attributes": [int(llama_cpp.llama_vocab_get_attr(vocab, i)) for i in range(count)],
        "ends": [i for i in range(count) if llama_cpp.llama_vocab_is_eog(vocab, i)],
    }


def _tokenise(llama_cpp: Any, vocab: Any, text: str, special: bool) -> list[int]:
    data = text.encode()
    size = max(_PER_STRING, len(data) + 8)
    buffer = (llama_cpp.llama_token * size)()
    found = llama_cpp.llama_tokenize(vocab, data, len(data), buffer, size, False, special)
    if found < 0:
        raise RuntimeError(f"llama.cpp failed to tokenise {text[:40]!r}")
    return list(buffer[:found])


def _write_ids(llama_cpp: Any, vocab: Any, strings: Path, out: Path) -> None:
    import numpy

    rows = [
        _tokenise(llama_cpp, vocab, text, special)
        for text, special in json.loads(strings.read_text(encoding="utf-8"))
    ]
    numpy.save(out / "lengths.npy", numpy.array([len(row) for row in rows], numpy.int32))
    numpy.save(out / "ids.npy", numpy.array([i for row in rows for i in row], numpy.int32))


def _context(llama_cpp: Any, model: Any, params: Any, lora: str | None) -> Any:
    context = llama_cpp.llama_init_from_model(model, params)
    if not context:
        raise RuntimeError("llama.cpp failed to make a context")
    if lora:
        adapter = llama_cpp.llama_adapter_lora_init(model, lora.encode())
        if not adapter:
            raise RuntimeError(f"llama.cpp failed to load the adapter {lora}")
        adapters = (llama_cpp.llama_adapter_lora_p_ctypes * 1)(adapter)
        scales = (ctypes.c_float * 1)(1.0)
        if llama_cpp.llama_set_adapters_lora(context, adapters, 1, scales) != 0:
            raise RuntimeError(f"llama.cpp failed to put the adapter {lora} on the model")
    return context


def _decode(
    llama_cpp: Any, context: Any, batch: Any, ids: list[int], at: int, first: int
) -> list[Any]:
    """Feed tokens at positions from ``at`` on; logits of those from position ``first`` on."""
    import numpy

    vocab = llama_cpp.llama_model_get_vocab(llama_cpp.llama_get_model(context))
    width = llama_cpp.llama_vocab_n_tokens(vocab)
    batch.n_tokens = len(ids)
    for i, token in enumerate(ids):
        batch.token[i], batch.pos[i] = token, at + i
        batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
        batch.logits[i] = at + i >= first
    code = llama_cpp.llama_decode(context, batch)
    if code != 0:
        raise RuntimeError(f"llama_decode failed with code {code}")
    wanted = range(max(0, first - at), len(ids))
    rows = [llama_cpp.llama_get_logits_ith(context, i) for i in wanted]
    return [numpy.ctypeslib.as_array(row, (width,)) for row in rows]


def _write_answers(llama_cpp: Any, model: Any, job: dict[str, Any], out: Path) -> None:
    """Decode each prompt greedily: the answer's ids, and the logits that each was chosen from."""
    import numpy

    vocab = llama_cpp.llama_model_get_vocab(model)
    params = llama_cpp.llama_context_default_params()
    params.n_threads = params.n_threads_batch = job["threads"]
    answers = []
    for number, pieces in enumerate(job["prompts"]):
        ids = [i for text, special in pieces for i in _tokenise(llama_cpp, vocab, text, special)]
        answer: list[int] = []
        if job["new_tokens"]:
            # A context each: by its size llama.cpp chooses how positions are scaled.
            params.n_ctx = params.n_batch = len(ids) + job["new_tokens"]
            params.n_ubatch = min(params.n_ctx, _BATCH)
            context = _context(llama_cpp, model, params, job["lora"])
            batch = llama_cpp.llama_batch_init(max(len(ids), 1), 0, 1)
            rows = []
            fed, at = ids, 0
            while len(answer) < job["new_tokens"]:
                at += len(fed)
                (row,) = _decode(llama_cpp, context, batch, fed, at - len(fed), at - 1)
                rows.append(row.copy())
                answer.append(int(row.argmax()))
                fed = answer[-1:]
            llama_cpp.llama_batch_free(batch)
            llama_cpp.llama_free(context)
            numpy.save(out / f"logits-{number}.npy", numpy.stack(rows))
        answers.append({"prompt": ids, "answer": answer})
    (out / "answers.json").write_text(json.dumps(answers), encoding="utf-8")


def _write_logits(llama_cpp: Any, model: Any, job: dict[str, Any]) -> float:
    """Run the sequences; tokens read per second."""
    import numpy

    vocab = llama_cpp.llama_model_get_vocab(model)
    params = llama_cpp.llama_context_default_params()
    params.n_threads = params.n_threads_batch = job["threads"]
    params.n_ctx = max(len(sequence["ids"]) for sequence in job["sequences"])
    params.n_batch = params.n_ubatch = _BATCH
    params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED  # it rounds otherwise
    context = _context(llama_cpp, model, params, job["lora"])
    batch = llama_cpp.llama_batch_init(_BATCH, 0, 1)
    begun, tokens = time.perf_counter(), 0
    for sequence in job["sequences"]:
        ids, first = sequence["ids"], sequence["first"]
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
        shape = (len(ids) - first, llama_cpp.llama_vocab_n_tokens(vocab))
        rows = numpy.lib.format.open_memmap(sequence["out"], "w+", numpy.float32, shape)
        for at in range(0, len(ids), _BATCH):
            part = ids[at : at + _BATCH]
            for i, row in enumerate(_decode(llama_cpp, context, batch, part, at, first)):
                rows[max(0, at - first) + i] = row
        rows.flush()
        tokens += len(ids)
    seconds = time.perf_counter() - begun
    llama_cpp.llama_batch_free(batch)
    llama_cpp.llama_free(context)
    return tokens / max(seconds, 1e-9)


def main() -> None:
    """Read the job, load the GGUF, write what was asked for."""
    job = json.load(sys.stdin)
    del sys.path[0]  # The script's own folder: its modules have everyday names.
    import llama_cpp

    llama_cpp.llama_backend_init()
    errors: list[str] = []
    listener = _listen(llama_cpp, errors)
    model = _load(llama_cpp, job, errors)
    out = Path(job["out"])
    facts = _facts(llama_cpp, model)
    if job["strings"]:
        vocab = llama_cpp.llama_model_get_vocab(model)
        _write_ids(llama_cpp, vocab, Path(job["strings"]), out)
    if job["prompts"]:
        _write_answers(llama_cpp, model, job, out)
    if job["sequences"]:
        facts["tokens_per_second"] = _write_logits(llama_cpp, model, job)
    (out / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
    del listener  # llama.cpp calls it to the end


if __name__ == "__main__":
    main()
