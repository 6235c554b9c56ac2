"""Prompts through a transformers tokenizer: its chat format, and token ids of prompt pieces.

Contract: ``encode_pieces(tokenizer, pieces)`` gives the ids that the exported GGUF gets from
llama.cpp for the same pieces. Training and the proof after an export both use it. Nothing is
imported from transformers: any object with its methods does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from setaccio.data.errors import ModelError
from setaccio.data.prompt import ChatFormat, Piece


class Encoder(Protocol):
    """The part of a transformers tokenizer that is used here."""

    def encode(self, text: str, **options: Any) -> Any:
        """Return the token ids of ``text``."""
        ...


def encode_pieces(tokenizer: Encoder, pieces: Iterable[Piece]) -> list[int]:
    """Tokenise each piece apart and join the ids.

    Args:
        tokenizer: a transformers tokenizer.
        pieces: from :func:`setaccio.data.prompt.prompt_pieces`; in a piece that is not special,
            the text of a control token stays text.

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
