"""Child process: what llama.cpp makes of a GGUF: its vocabulary, token ids, greedy answers.

Contract: ``python _ask_llama.py < job.json`` with the keys ``gguf``, ``out`` (a folder),
``strings`` (a JSON file of ``[text, special]``, or null) and ``prompts`` (lists of such pieces),
``new_tokens`` (how far to decode each). It writes ``facts.json``, and where they were asked for
``ids.npy`` and ``lengths.npy`` (of the strings) and ``logits-N.npy`` with ``answers.json`` (prompt
and answer ids of each prompt; logits of every answer position, float32). Without prompts only the
vocabulary is loaded. In a child, because llama.cpp ends the process over some vocabularies.
"""

from __future__ import annotations

import ctypes
import json
import sys
from pathlib import Path
from typing import Any

_SPECIALS = ("bos", "eos", "eot", "pad")
_PER_STRING = 4096
_UBATCH = 512
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
    params.vocab_only = not job["prompts"]
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


def _answer(llama_cpp: Any, context: Any, vocab: Any, ids: list[int], most: int) -> Any:
    """Decode greedily: the answer's ids, and the logits that each was chosen from."""
    import numpy

    batch = llama_cpp.llama_batch_init(max(len(ids), 1), 0, 1)
    width = llama_cpp.llama_vocab_n_tokens(vocab)
    answer: list[int] = []
    rows = []
    fed, at = ids, 0
    while len(answer) < most:
        batch.n_tokens = len(fed)
        for i, token in enumerate(fed):
            batch.token[i], batch.pos[i] = token, at + i
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, 0
            batch.logits[i] = i == len(fed) - 1
        code = llama_cpp.llama_decode(context, batch)
        if code != 0:
            raise RuntimeError(f"llama_decode failed with code {code}")
        at += len(fed)
        row = llama_cpp.llama_get_logits_ith(context, len(fed) - 1)
        rows.append(numpy.ctypeslib.as_array(row, (width,)).copy())
        answer.append(int(rows[-1].argmax()))
        fed = answer[-1:]
    llama_cpp.llama_batch_free(batch)
    return answer, numpy.stack(rows)


def _write_answers(llama_cpp: Any, model: Any, job: dict[str, Any], out: Path) -> None:
    import numpy

    vocab = llama_cpp.llama_model_get_vocab(model)
    prompts = [
        [i for text, special in pieces for i in _tokenise(llama_cpp, vocab, text, special)]
        for pieces in job["prompts"]
    ]
    params = llama_cpp.llama_context_default_params()
    params.n_threads = params.n_threads_batch = job["threads"]
    answers = []
    for number, ids in enumerate(prompts):
        # A context each: by its size llama.cpp chooses how positions are scaled.
        params.n_ctx = params.n_batch = len(ids) + job["new_tokens"]
        params.n_ubatch = min(params.n_ctx, _UBATCH)
        context = llama_cpp.llama_init_from_model(model, params)
        if not context:
            raise RuntimeError("llama.cpp failed to make a context")
        answer, logits = _answer(llama_cpp, context, vocab, ids, job["new_tokens"])
        llama_cpp.llama_free(context)
        answers.append({"prompt": ids, "answer": answer})
        numpy.save(out / f"logits-{number}.npy", logits)
    (out / "answers.json").write_text(json.dumps(answers), encoding="utf-8")


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
    (out / "facts.json").write_text(json.dumps(_facts(llama_cpp, model)), encoding="utf-8")
    if job["strings"]:
        vocab = llama_cpp.llama_model_get_vocab(model)
        _write_ids(llama_cpp, vocab, Path(job["strings"]), out)
    if job["prompts"]:
        _write_answers(llama_cpp, model, job, out)
    del listener  # llama.cpp calls it to the end


if __name__ == "__main__":
    main()
