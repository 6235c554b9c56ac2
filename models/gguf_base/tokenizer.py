"""A tokenizer from a GGUF's own vocabulary, which gives the ids that llama.cpp gives.

Contract: ``write_tokenizer(gguf, vocabulary, folder)`` writes ``tokenizer.json``,
``tokenizer_config.json``, ``vocabulary.gguf`` (the file's ``tokenizer.*`` metadata as it is) and,
where the file has one, ``chat_template.jinja``. Byte-level BPE
(``gpt2``) comes from tokens, merges and the pre-tokenizer's name; SentencePiece (``llama``) becomes
BPE with byte fall-back, its merges derived from the scores. Other kinds are refused by name.

A byte-level vocabulary may lack tokens for some bytes (SmolLM2's has none for 04 06 13 14 16 1D F1
F2). llama.cpp then drops these bytes, but nothing merges across the gap that they leave. The
tokenizers library drops them too, yet would merge what stood on both sides. Such bytes are
therefore cut out as words of their own, so that both give the same ids: equal means equal here
too, and a text with such a character loses it in training exactly as it does in extraction.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from setaccio.data.errors import MissingExtraError, ModelError
from setaccio.models.gguf_base.reader import GgufFile
from setaccio.models.gguf_base.vocabulary import (
    CONTROL,
    LSTRIP,
    RSTRIP,
    SPECIAL,
    UNKNOWN,
    Vocabulary,
)
from setaccio.models.pretokenizer import pretokenizer_rule

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TEMPLATE_KEY = "tokenizer.chat_template"
VOCABULARY_FILE = "vocabulary.gguf"
"""The GGUF's own tokenizer metadata, which every GGUF that is made of the folder carries too."""

_KINDS = {
    "wpm": "WordPiece",
    "ugm": "Unigram",
    "rwkv": "RWKV",
    "plamo2": "PLaMo 2",
    "none": "no vocabulary at all",
}
_META = "\u2581"  # how SentencePiece writes a blank


def write_tokenizer(gguf: GgufFile, vocabulary: Vocabulary, folder: Path) -> None:
    """Write the tokenizer's files of a GGUF.

    Args:
        gguf: the file.
        vocabulary: what llama.cpp says about it.
        folder: where to write.

    Raises:
        ModelError: a kind of vocabulary or a pre-tokenizer that is not known here.
        MissingExtraError: the tokenizers library is not installed.
    """
    tokens = _tokens(gguf, vocabulary)
    tokenizer = build_tokenizer(gguf, vocabulary, tokens)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    context = int(gguf.of("context_length", 0))
    config: dict[str, Any] = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "add_bos_token": _puts_bos(vocabulary),
    }
    if context:
        config["model_max_length"] = context
    named = {"eos": vocabulary.eos, "pad": vocabulary.eos}
    for name in ("bos", "unk", "pad"):
        token = getattr(vocabulary, name)
        # Some files call an ordinary token, such as "!", the padding; transformers would read it as
        # a special one wherever it stands.
        if token is not None and vocabulary.attributes[token] & SPECIAL:
            named[name] = token
    config |= {f"{name}_token": tokens[i] for name, i in named.items() if i is not None}
    text = json.dumps(config, indent=2, ensure_ascii=False)
    (folder / "tokenizer_config.json").write_text(text + "\n", encoding="utf-8")
    gguf.copy_metadata("tokenizer.", folder / VOCABULARY_FILE)
    template = gguf.metadata.get(TEMPLATE_KEY)
    if template:
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")


def _tokens(gguf: GgufFile, vocabulary: Vocabulary) -> list[str]:
    tokens = gguf.metadata.get("tokenizer.ggml.tokens")
    if not tokens:
        raise ModelError(f"{gguf.path}: holds no vocabulary. Give a model with its tokenizer.")
    named = [token or f"[EMPTY_{i}]" for i, token in enumerate(tokens)]  # as llama.cpp names them
    if len(named) != vocabulary.size:
        raise ModelError(f"{gguf.path}: llama.cpp sees {vocabulary.size} of {len(named)} tokens.")
    for i, token in enumerate(named):
        try:
            token.encode()
        except UnicodeEncodeError as error:
            raise ModelError(f"{gguf.path}: token {i} is not UTF-8. Convert it again.") from error
    return named


def build_tokenizer(gguf: GgufFile, vocabulary: Vocabulary, tokens: list[str]) -> Tokenizer:
    """Make the tokenizer; see :func:`write_tokenizer`.

    Args:
        gguf: the file.
        vocabulary: what llama.cpp says about it.
        tokens: by id, none empty.
    """
    try:
        from tokenizers import AddedToken
    except ImportError as error:
        raise MissingExtraError("train", "tokenizers") from error
    if vocabulary.kind == "bpe" and gguf.metadata.get("tokenizer.ggml.model") == "gpt2":
        tokenizer = _byte_level(gguf, tokens)
    elif vocabulary.kind == "spm":
        tokenizer = _sentencepiece(gguf, vocabulary, tokens)
    else:
        named = str(gguf.metadata.get("tokenizer.ggml.model", "none"))
        kind = _KINDS.get(vocabulary.kind, vocabulary.kind)
        raise ModelError(
            f"{gguf.path}: its vocabulary is {kind} ({named}); only byte-level BPE (gpt2) and "
            "SentencePiece (llama) vocabularies can be a base."
        )
    added = []
    for token, attribute in zip(tokens, vocabulary.attributes, strict=True):
        if attribute & SPECIAL:
            # llama.cpp reads a user-defined token wherever it stands, a control token only where
            # special tokens are asked for: as this library does with tokens that are not special.
            added.append(
                AddedToken(
                    token,
                    special=bool(attribute & (CONTROL | UNKNOWN)),
                    normalized=False,
                    lstrip=bool(attribute & LSTRIP),
                    rstrip=bool(attribute & RSTRIP),
                )
            )
    tokenizer.add_tokens(added)
    if _puts_bos(vocabulary) and vocabulary.bos is not None:
        from tokenizers import processors

        bos = tokens[vocabulary.bos]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=[bos, "$A"], pair=[bos, "$A", bos, "$B"], special_tokens=[(bos, vocabulary.bos)]
        )
    return tokenizer


def _puts_bos(vocabulary: Vocabulary) -> bool:
    return vocabulary.add_bos and vocabulary.bos is not None


def _byte_level(gguf: GgufFile, tokens: list[str]) -> Tokenizer:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    rule = pretokenizer_rule(str(gguf.metadata.get("tokenizer.ggml.pre", "")))
    ids = {token: i for i, token in enumerate(tokens)}
    merges = []
    for merge in gguf.metadata.get("tokenizer.ggml.merges", []):
        at = merge.find(" ", 1)
        left, right = merge[:at], merge[at + 1 :]
        # llama.cpp would join two pieces into no token and then drop them; no file has been seen
        # that asks for it, and the library refuses it.
        if at > 0 and left in ids and right in ids and left + right in ids:
            merges.append((left, right))
    tokenizer = Tokenizer(models.BPE(ids, merges, ignore_merges=rule.whole_words))
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    missing = sorted(letter for letter in alphabet if letter not in ids)
    steps: list[Any] = [pre_tokenizers.Split(Regex(regex), "isolated") for regex in rule.regexes]
    steps.append(pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False))
    if missing:
        steps.append(pre_tokenizers.Split(Regex(f"[{''.join(missing)}]"), "isolated"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _sentencepiece(gguf: GgufFile, vocabulary: Vocabulary, tokens: list[str]) -> Tokenizer:
    from tokenizers import Tokenizer, decoders, models, normalizers

    ids = {token: i for i, token in enumerate(tokens)}
    scores = gguf.metadata.get("tokenizer.ggml.scores") or [0.0] * len(tokens)
    unknown = None if vocabulary.unk is None else tokens[vocabulary.unk]
    tokenizer = Tokenizer(
        models.BPE(
            ids, derive_merges(ids, scores), unk_token=unknown, fuse_unk=True, byte_fallback=True
        )
    )
    prefix = bool(gguf.metadata.get("tokenizer.ggml.add_space_prefix", True))
    steps = [normalizers.Prepend(_META)] if prefix else []
    tokenizer.normalizer = normalizers.Sequence([*steps, normalizers.Replace(" ", _META)])
    decoding = [decoders.Replace(_META, " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence(
        [*decoding, decoders.Strip(" ", 1, 0)] if prefix else decoding
    )
    return tokenizer


def derive_merges(ids: dict[str, int], scores: list[float]) -> list[tuple[str, str]]:
    """Merges that make what joining neighbours by the best score makes.

    SentencePiece joins the two neighbours whose joint piece has the best score; a merge list in
    the order of these scores does the same. Pieces with the same score are joined from the left in
    both, as long as they come from the same pair.

    Args:
        ids: of each piece.
        scores: of each id.
    """
    found = []
    for piece, i in ids.items():
        for cut in range(1, len(piece)):
            left, right = piece[:cut], piece[cut:]
            if left in ids and right in ids:
                found.append((-scores[i], i, ids[left], ids[right], left, right))
    found.sort(key=lambda merge: merge[:4])
    return [(left, right) for *_, left, right in found]
