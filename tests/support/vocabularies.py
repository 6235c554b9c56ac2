"""Vocabularies of GGUF files as tokenizers of the tokenizers library, ids unchanged.

``byte_level(...)`` and ``sentencepiece(...)`` take what stands under ``tokenizer.ggml.`` in a GGUF.
The latter also writes ``tokenizer.model``, which llama.cpp's converter reads. Formats:
https://huggingface.co/docs/tokenizers and ``sentencepiece_model.proto`` of SentencePiece.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)  # llama.cpp's token types
_TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+"
_UPPER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_LOWER = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_ENDING = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_CASED = (
    rf"[^\r\n\p{{L}}\p{{N}}]?{_UPPER}*{_LOWER}+{_ENDING}"
    rf"|[^\r\n\p{{L}}\p{{N}}]?{_UPPER}+{_LOWER}*{_ENDING}|\p{{N}}{{1,3}}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# Regular expression and ignore_merges of each pre-tokenizer, by llama.cpp's name.
PRETOKENIZERS = {
    "qwen2": (rf"{_CONTRACTIONS}|\p{{N}}{_TAIL}", False),
    "llama-bpe": (rf"{_CONTRACTIONS}|\p{{N}}{{1,3}}{_TAIL}", True),
    "dbrx": (rf"{_CONTRACTIONS}|\p{{N}}{{1,3}}{_TAIL}", False),
    "gpt-4o": (_CASED, False),
    "smollm": ("", False),  # single digits, then GPT-2's rule
}
# What a small vocabulary is made of, beside the bytes.
_TEXT = (
    "Which city? Ada lives in Bari. Bruno met Carla in Lecce, Turin, Pisa, Rome and Trento. "
    '{"city":"Rome"} user assistant system model '
)


class Vocabulary(NamedTuple):
    """A byte-level BPE vocabulary.

    Attributes:
        tokens: by id; ``[PAD...]`` at the end only fills rows of embeddings.
        types: llama.cpp's type of each.
        merges: ``left right``.
    """

    tokens: list[str]
    types: list[int]
    merges: list[str]

    def renamed(self, texts: Mapping[int, str]) -> Vocabulary:
        """The same with other texts at some ids, in the place of control tokens and padding."""
        tokens, types = list(self.tokens), list(self.types)
        for id, text in texts.items():
            assert types[id] != NORMAL
            # Marks such as <think> may stand in an answer: only those in bars are control tokens.
            tokens[id], types[id] = text, CONTROL if "|" in text else USER_DEFINED
        return Vocabulary(tokens, types, self.merges)


def small_byte_level(special: list[str], *, first: bool) -> Vocabulary:
    """Make a vocabulary of 256 bytes and some merges.

    Args:
        special: its control tokens.
        first: whether they come before all others.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([_TEXT] * 4, trainer)
    known = tokenizer.get_vocab()
    words = sorted(known, key=known.__getitem__)
    pairs = json.loads(tokenizer.to_str())["model"]["merges"]
    control, normal = [CONTROL] * len(special), [NORMAL] * len(words)
    return Vocabulary(
        [*special, *words] if first else [*words, *special],
        control + normal if first else normal + control,
        [" ".join(pair) for pair in pairs],
    )


def byte_level(vocabulary: Vocabulary, pre: str) -> Any:
    """A byte-level BPE vocabulary, such as those of Qwen 2 and Llama 3.

    Args:
        vocabulary: its tokens and merges.
        pre: llama.cpp's name of the pre-tokenizer.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers

    numbered = list(enumerate(zip(vocabulary.tokens, vocabulary.types, strict=True)))
    last = max(i for i, (_, kind) in numbered if kind == NORMAL)
    words = {t: i for i, (t, _) in numbered[: last + 1]}
    pairs = [(left, right) for left, _, right in (m.partition(" ") for m in vocabulary.merges)]
    regex, whole_words = PRETOKENIZERS[pre]
    tokenizer = Tokenizer(models.BPE(vocab=words, merges=pairs, ignore_merges=whole_words))
    first = (
        pre_tokenizers.Split(Regex(regex), "isolated")
        if regex
        else pre_tokenizers.Digits(individual_digits=True)
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [first, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=not regex)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    for _, (text, kind) in numbered:
        if kind == CONTROL:
            tokenizer.add_special_tokens([AddedToken(text, normalized=False, special=True)])
        elif kind == USER_DEFINED and not text.startswith("[PAD"):
            tokenizer.add_tokens([AddedToken(text, normalized=False)])
    return tokenizer


def gemma_like(special: list[str], folder: Path) -> tuple[Any, list[str]]:
    """A small SentencePiece vocabulary of Gemma's kind: no blank in front, line ends as tokens.

    Args:
        special: its control tokens, ``<pad>``, ``<eos>``, ``<bos>`` and ``<unk>`` first.
        folder: gets ``tokenizer.model``.

    Returns:
        The tokenizer, and its tokens by id.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
    from transformers.tokenization_utils_base import generate_merges

    runs = ["\n", "\n\n"]
    words = dict.fromkeys(
        word[:length]
        for word in _TEXT.replace(" ", " ▁").split()
        for length in range(2, min(len(word), 6) + 1)
    )
    letters = dict.fromkeys(letter for word in words for letter in word)
    bytes_ = [f"<0x{value:02X}>" for value in range(256)]
    pieces = [*special, *runs, *bytes_, *words, *letters]
    kinds = [CONTROL] * len(special) + [USER_DEFINED] * len(runs) + [BYTE] * 256
    kinds += [NORMAL] * (len(pieces) - len(kinds))
    kinds[special.index("<unk>")] = UNKNOWN
    ranks = [-float(i) if kind == NORMAL else 0.0 for i, kind in enumerate(kinds)]
    _write_proto(pieces, ranks, kinds, folder / "tokenizer.model", prefix=False)
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    ordinary = {p: ranks[i] for p, i in vocabulary.items() if kinds[i] == NORMAL}
    tokenizer = Tokenizer(
        models.BPE(
            vocab=vocabulary,
            merges=generate_merges(vocabulary, ordinary),
            unk_token=special[3],
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    tokenizer.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in special])
    tokenizer.add_tokens([AddedToken(t, normalized=False) for t in runs])
    return tokenizer, pieces


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
    put_first(tokenizer, pieces[1])
    return tokenizer


def put_first(tokenizer: Any, token: str) -> None:
    """Have a tokenizer begin every text with a token."""
    from tokenizers import processors

    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{token} $A",
        pair=f"{token} $A {token} $B",
        special_tokens=[(token, tokenizer.token_to_id(token))],
    )


def _write_proto(
    pieces: list[str],
    scores: list[float],
    types: list[int],
    path: Path,
    *,
    prefix: bool = True,
) -> None:
    from sentencepiece import sentencepiece_model_pb2

    made_by_protobuf: Any = sentencepiece_model_pb2  # at run time, so no type checker sees it
    proto = made_by_protobuf.ModelProto()
    proto.trainer_spec.model_type = proto.trainer_spec.BPE
    proto.trainer_spec.byte_fallback = True
    proto.trainer_spec.vocab_size = len(pieces)
    proto.normalizer_spec.name = "identity"
    proto.normalizer_spec.add_dummy_prefix = prefix
    proto.normalizer_spec.remove_extra_whitespaces = False
    for piece, score, kind in zip(pieces, scores, types, strict=True):
        proto.pieces.add(piece=piece, score=score, type=kind)
    path.write_bytes(proto.SerializeToString())
