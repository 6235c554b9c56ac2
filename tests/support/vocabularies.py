"""Vocabularies of GGUF files as tokenizers of the tokenizers library, ids unchanged.

``byte_level(...)`` and ``sentencepiece(...)`` take what stands under ``tokenizer.ggml.`` in a GGUF.
The latter also writes ``tokenizer.model``, which llama.cpp's converter reads. Formats:
https://huggingface.co/docs/tokenizers and ``sentencepiece_model.proto`` of SentencePiece.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)  # llama.cpp's token types
_TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
# Regular expression and ignore_merges of each pre-tokenizer, by llama.cpp's name.
PRETOKENIZERS = {
    "qwen2": (rf"{_CONTRACTIONS}|\p{{N}}{_TAIL}", False),
    "llama-bpe": (rf"{_CONTRACTIONS}|\p{{N}}{{1,3}}{_TAIL}", True),
}


def byte_level(tokens: list[str], types: list[int], merges: list[str], pre: str) -> Any:
    """A byte-level BPE vocabulary, such as those of Qwen 2 and Llama 3.

    Args:
        tokens: by id; ``[PAD...]`` at the end, which only fills rows of embeddings, is left out.
        types: llama.cpp's type of each.
        merges: ``left right``.
        pre: llama.cpp's name of the pre-tokenizer.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

    words = {t: i for i, (t, kind) in enumerate(zip(tokens, types, strict=True)) if kind == NORMAL}
    pairs = [(left, right) for left, _, right in (merge.partition(" ") for merge in merges)]
    regex, whole_words = PRETOKENIZERS[pre]
    tokenizer = Tokenizer(models.BPE(vocab=words, merges=pairs, ignore_merges=whole_words))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(regex), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = [t for t, kind in zip(tokens, types, strict=True) if kind == CONTROL]
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in control])
    if pre == "llama-bpe":
        _put_first(tokenizer, "<|begin_of_text|>")
    return tokenizer


def sentencepiece(tokens: list[str], scores: list[float], types: list[int], folder: Path) -> Any:
    """A SentencePiece vocabulary, such as those of Llama 2, Mistral 7B and Phi-3.

    Args:
        tokens: by id; from the second block of control tokens on they were added later.
        scores: of each, which decide the order of merges.
        types: llama.cpp's type of each.
        folder: gets ``tokenizer.model``.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
    from transformers.tokenization_utils_base import generate_merges

    # The first three are <unk>, <s> and </s>; other control tokens follow the pieces.
    count = next((i for i, t in enumerate(types) if i > 2 and t == CONTROL), len(tokens))
    pieces = tokens[:count]
    kinds = [UNKNOWN, CONTROL, CONTROL, *types[3:count]]
    ranks = [0.0, 0.0, 0.0, *scores[3:count]]
    _write_proto(pieces, ranks, kinds, folder / "tokenizer.model")
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    ordinary = {p: ranks[i] for p, i in vocabulary.items() if kinds[i] == NORMAL}
    merges = generate_merges(vocabulary, ordinary)
    tokenizer = Tokenizer(
        models.BPE(
            vocab=vocabulary, merges=merges, unk_token=pieces[0], fuse_unk=True, byte_fallback=True
        )
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.add_special_tokens(
        [AddedToken(piece, normalized=False, special=True) for piece in pieces[:3]]
    )
    added = [t for t, kind in zip(tokens[count:], types[count:], strict=True) if kind == CONTROL]
    # Phi-3's turn marks swallow the blanks behind them.
    tokenizer.add_special_tokens(
        [AddedToken(t, normalized=False, special=True, rstrip=t != "<|endoftext|>") for t in added]
    )
    _put_first(tokenizer, pieces[1])
    return tokenizer


def _put_first(tokenizer: Any, token: str) -> None:
    from tokenizers import processors

    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{token} $A",
        pair=f"{token} $A {token} $B",
        special_tokens=[(token, tokenizer.token_to_id(token))],
    )


def _write_proto(pieces: list[str], scores: list[float], types: list[int], path: Path) -> None:
    from sentencepiece import sentencepiece_model_pb2

    made_by_protobuf: Any = sentencepiece_model_pb2  # at run time, so no type checker sees it
    proto = made_by_protobuf.ModelProto()
    proto.trainer_spec.model_type = proto.trainer_spec.BPE
    proto.trainer_spec.byte_fallback = True
    proto.trainer_spec.vocab_size = len(pieces)
    proto.normalizer_spec.name = "identity"
    proto.normalizer_spec.add_dummy_prefix = True
    proto.normalizer_spec.remove_extra_whitespaces = False
    for piece, score, kind in zip(pieces, scores, types, strict=True):
        proto.pieces.add(piece=piece, score=score, type=kind)
    path.write_bytes(proto.SerializeToString())
