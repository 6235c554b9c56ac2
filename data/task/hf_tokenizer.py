"""Prompts through a transformers tokenizer: its chat format, and token ids of prompt pieces.

Contract: ``encode_pieces(tokenizer, pieces)`` gives the ids that the exported GGUF gets from
llama.cpp for the same pieces. Training and the proof after an export both use it, on a tokenizer
from ``load_hf_tokenizer(folder)``. Only that function imports transformers, when it is called.

A byte-level BPE tokenizer is read from ``tokenizer.json`` as it stands there, without its Unicode
normaliser, for two reasons. transformers 5 builds some classes anew from the vocabulary alone
(``qwen2``: a regex and NFC of its own, whatever the file says). And llama.cpp never normalises: the
real Qwen 2 tokenizers ask for NFC, the GGUF made from them does not, so the runtime reads
decomposed text as it is; training must show the model the same ids. The alternative, NFC of the
document before either, would make values that are copied from it differ from what is written there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from setaccio.data.errors import MissingExtraError, ModelError
from setaccio.data.task.pieces import ChatFormat, Piece

_UNICODE_FORMS = frozenset({"NFC", "NFD", "NFKC", "NFKD"})


class Encoder(Protocol):
    """The part of a transformers tokenizer that is used here."""

    def encode(self, text: str, **options: Any) -> Any:
        """Return the token ids of ``text``."""
        ...


def load_hf_tokenizer(folder: Path) -> Any:
    """Load a folder's tokenizer so that it gives the ids that llama.cpp gives.

    Args:
        folder: a model's or adapter's folder; nothing is fetched and no code in it is run.

    Returns:
        A transformers tokenizer. Byte-level BPE comes from ``tokenizer.json`` without its Unicode
        normaliser; any other kind as transformers builds it.

    Raises:
        MissingExtraError: transformers is not installed.
        ModelError: there is no tokenizer, or it can not be read.
    """
    try:
        from transformers import AutoTokenizer, PreTrainedTokenizerFast
    except ImportError as error:
        raise MissingExtraError("train", "transformers") from error
    file = folder / "tokenizer.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        as_written = isinstance(content, dict) and is_byte_level_bpe(content)
        kind = PreTrainedTokenizerFast if as_written else AutoTokenizer
        tokenizer = kind.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False
        )
        # Without files, a class is built that knows no token at all.
        names = set(tokenizer.vocab_files_names.values())
        if names and not any((folder / name).is_file() for name in names):
            raise ValueError(f"none of {', '.join(sorted(names))} is there")
    except Exception as error:  # the tokenizers library raises nothing narrower
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"{folder}: no usable tokenizer ({reason}).") from error
    if as_written and _only_unicode_forms(content.get("normalizer")):
        tokenizer.backend_tokenizer.normalizer = None
    return tokenizer


def steps_of(step: Any, members: str) -> list[dict[str, Any]]:
    """The steps of a normaliser or pre-tokenizer, sequences of them opened."""
    if not isinstance(step, dict):
        return []
    if step.get("type") == "Sequence":
        return [part for inner in step.get(members, []) for part in steps_of(inner, members)]
    return [step]


def is_byte_level_bpe(content: dict[str, Any]) -> bool:
    """Whether a ``tokenizer.json`` is byte-level BPE."""
    steps = steps_of(content.get("pre_tokenizer"), "pretokenizers")
    is_bpe = content.get("model", {}).get("type") == "BPE"
    return is_bpe and any(step.get("type") == "ByteLevel" for step in steps)


def _only_unicode_forms(normalizer: Any) -> bool:
    return {step.get("type") for step in steps_of(normalizer, "normalizers")} <= _UNICODE_FORMS


def encode_pieces(tokenizer: Encoder, pieces: Iterable[Piece]) -> list[int]:
    """Tokenise each piece apart and join the ids.

    Args:
        tokenizer: a transformers tokenizer.
        pieces: from :func:`setaccio.data.task.pieces.prompt_pieces`; in a piece that is not
            special, the text of a control token stays text.

    Returns:
        Token ids in order; nothing is added in front or behind.
    """
    ids: list[int] = []
    for piece in pieces:
        ids += tokenizer.encode(
            piece.text, add_special_tokens=False, split_special_tokens=not piece.special
        )
    return ids


def chat_format(tokenizer: Any) -> ChatFormat:
    """Read the chat format that a transformers tokenizer carries.

    Raises:
        ModelError: it has no chat template, or names no end-of-sequence token.
    """
    if not tokenizer.chat_template:
        raise ModelError("The tokenizer has no chat template; add one to its folder.")
    if tokenizer.eos_token_id is None:
        raise ModelError("The tokenizer names no end-of-sequence token; set eos_token.")
    bos = tokenizer.bos_token_id
    return ChatFormat(
        template=tokenizer.get_chat_template(),
        bos=tokenizer.bos_token or "",
        eos=tokenizer.eos_token,
        add_bos=bos is not None and tokenizer.encode("a")[:1] == [bos],
    )
