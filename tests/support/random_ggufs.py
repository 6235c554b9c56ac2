"""GGUF files of random weights and small vocabularies, one per architecture that can be a base.

Contract: ``make_gguf("gemma3", folder)`` writes a quantised GGUF with llama.cpp's own converter:
two layers (six of Gemma 3, whose pattern of attention windows is that long), a vocabulary made here
of byte-level BPE or SentencePiece, and the features in which architectures differ: windows, soft
caps, head sizes, rope scaling, tied and untied outputs, embeddings padded beyond the vocabulary.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from setaccio.export.gguf.convert import convert
from setaccio.export.gguf.quantise import quantise
from setaccio.models.gguf_base import VOCABULARY_FILE

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + "
    "message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
TEXT = (
    "Find the person. Ada lives in Bari. In Lecce I once met Bruno, a baker of Turin, Pisa, Rome "
    'and Trento. {"name":"Carla","city":"Rome"} user assistant system Document: Answer in JSON. '
)
PADDING = 8  # rows of the embeddings that no token has
_LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}
_LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "original_max_position_embeddings": 512,
    "short_factor": [1.0 + 0.01 * i for i in range(32)],
    "long_factor": [1.0 + 0.5 * i for i in range(32)],
}


class Kind(NamedTuple):
    """What makes an architecture what it is.

    Attributes:
        model: first part of the names of transformers' classes.
        vocabulary: as :func:`write_vocabulary` has it.
        values: of the configuration, beside its sizes.
    """

    model: str
    vocabulary: str
    values: dict[str, Any]


KINDS: dict[str, Kind] = {
    "llama": Kind("Llama", "bpe", {"rope_parameters": _LLAMA3_ROPE, "tie_word_embeddings": True}),
    "qwen2": Kind("Qwen2", "bpe", {"tie_word_embeddings": False}),
    "qwen3": Kind("Qwen3", "bpe", {"head_dim": 128, "tie_word_embeddings": True}),
    "mistral": Kind("Mistral", "spm", {"sliding_window": None, "head_dim": 32}),
    "phi3": Kind(
        "Phi3",
        "spm",
        {
            "num_key_value_heads": 4,
            "original_max_position_embeddings": 512,
            "rope_parameters": _LONGROPE,
        },
    ),
    "gemma2": Kind(
        "Gemma2", "gemma", {"head_dim": 64, "sliding_window": 32, "query_pre_attn_scalar": 64}
    ),
    "gemma3": Kind(
        "Gemma3Text",
        "gemma",
        {
            "head_dim": 64,
            "sliding_window": 32,
            "query_pre_attn_scalar": 64,
            "num_hidden_layers": 6,
        },
    ),
}
# k-quants come in blocks of 256 weights; weights this large make logits that choose clearly.
_SHAPE: dict[str, Any] = {
    "hidden_size": 256,
    "intermediate_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 1024,
    "initializer_range": 0.08,
}


def make_gguf(
    name: str,
    folder: Path,
    quantisation: str = "q8_0",
    template: str | None = CHATML,
    marks: list[str] | None = None,
) -> Path:
    """Write a GGUF of random weights.

    Args:
        name: one of ``KINDS``.
        folder: where to write; made if absent.
        quantisation: type of its matrices.
        template: its chat template, or None.
        marks: further control tokens; by default those of ChatML.
    """
    import torch
    import transformers

    kind = KINDS[name]
    model_dir = folder / f"{name}-model"
    model_dir.mkdir(parents=True, exist_ok=True)
    size = write_vocabulary(model_dir / VOCABULARY_FILE, kind.vocabulary, template, tokens=marks)
    # Gemma 3's converter counts the vocabulary there.
    counted = {"model": {"vocab": {str(i): i for i in range(size)}}, "added_tokens": []}
    (model_dir / "tokenizer.json").write_text(json.dumps(counted), encoding="utf-8")
    config = getattr(transformers, f"{kind.model}Config")(
        **{**_SHAPE, "vocab_size": size, **kind.values},
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    model = getattr(transformers, f"{kind.model.removesuffix('Text')}ForCausalLM")(config)
    model.to(torch.bfloat16).save_pretrained(model_dir)
    if quantisation == "f32":
        return convert(model_dir, folder / f"{name}-f32.gguf", outtype="f32")
    full = convert(model_dir, folder / f"{name}-f16.gguf")
    if quantisation == "f16":
        return full
    return quantise(full, folder / f"{name}-{quantisation}.gguf", quantisation)


def write_vocabulary(
    path: Path, kind: str, template: str | None, *, tokens: list[str] | None = None
) -> int:
    """Write a GGUF that holds a vocabulary and nothing else.

    Args:
        path: the file.
        kind: ``bpe``, ``spm``, or ``gemma`` for SentencePiece without a blank in front and with
            runs of blanks and lines as tokens that are found before all others.
        template: chat template, or None.
        tokens: further control tokens; by default those of ChatML.

    Returns:
        Rows that the embeddings need, padding included.
    """
    import gguf

    control = ["<|im_start|>", "<|im_end|>"] if tokens is None else tokens
    writer = gguf.GGUFWriter(path, "llama")
    texts, types, scores = _bpe(writer, control) if kind == "bpe" else _spm(writer, control, kind)
    padding = [f"[PAD{i}]" for i in range(PADDING)]
    writer.add_token_list([*texts, *padding])
    writer.add_token_types([*types, *[UNUSED] * PADDING])
    if kind != "bpe":
        writer.add_token_scores([*scores, *[-1000.0] * PADDING])
    writer.add_bos_token_id(1)
    end = "<|im_end|>" if "<|im_end|>" in control else "</s>"
    writer.add_eos_token_id(texts.index(end))
    writer.add_pad_token_id(0)
    if template is not None:
        writer.add_chat_template(template)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    return len(texts) + PADDING


def _bpe(writer: Any, control: list[str]) -> tuple[list[str], list[int], list[float]]:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    trainer = trainers.BpeTrainer(
        vocab_size=320,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator([TEXT] * 4, trainer)
    vocabulary = tokenizer.get_vocab()
    words = sorted(vocabulary, key=vocabulary.__getitem__)
    # Two bytes without a token, as some published vocabularies have them.
    words = [word for word in words if word not in ("\u0104", "\u0106")]
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    special = ["<pad>", "<s>", "</s>", *control]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_add_bos_token(False)
    texts = [*special, *words, "<tool>"]
    types = [CONTROL] * len(special) + [NORMAL] * len(words) + [USER_DEFINED]
    return texts, types, []


def _spm(writer: Any, control: list[str], kind: str) -> tuple[list[str], list[int], list[float]]:
    pieces: dict[str, None] = {}
    for word in ("\u2581" + TEXT.strip().replace(" ", " \u2581")).split():
        for length in range(2, min(len(word), 6) + 1):
            pieces[word[:length]] = None
    letters = dict.fromkeys(letter for word in pieces for letter in word)
    words = [*pieces, *(letter for letter in letters if letter not in pieces)]
    special = ["<pad>", "<s>", "</s>", "<unk>", *control, "<|endoftext|>"]  # Phi-3 needs the last
    bytes_ = [f"<0x{value:02X}>" for value in range(256)]
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_unk_token_id(3)
    writer.add_add_bos_token(True)
    texts = [*special, *bytes_, *words]
    types = [CONTROL] * 3 + [UNKNOWN] + [CONTROL] * (len(control) + 1)
    types += [BYTE] * 256 + [NORMAL] * len(words)
    scores = [0.0] * (len(special) + 256) + [-float(i) for i in range(len(words))]
    if kind == "gemma":
        writer.add_add_space_prefix(False)
        runs = ["\n\n", "\n\n\n", "  ", "   ", "\t\t", "<b>", "</b>"]
        texts, types = [*texts, *runs], [*types, *[USER_DEFINED] * len(runs)]
        scores += [-1000.0] * len(runs)
    return texts, types, scores
