"""Text to tokens and back, with documents kept apart from the chat scaffold.

A piece of scaffold is tokenised with special tokens, contents without: ``<|im_end|>`` in a
document stays seven or so ordinary tokens and can not end its turn.
"""

from __future__ import annotations

import codecs
import ctypes
from collections.abc import Iterable

import llama_cpp

from setaccio.data.task.pieces import Piece
from setaccio.runtime.model.load import LoadedModel

_PIECE_BYTES = 64


def encode_text(model: LoadedModel, text: str, *, special: bool = False) -> list[int]:
    """Tokenise one text, nothing added before or after it.

    Args:
        model: whose vocabulary.
        text: any Unicode text; lone surrogates, which no encoding can hold, become U+FFFD.
        special: whether special tokens in it count as tokens.

    Returns:
        Token ids.
    """
    raw = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
    return [int(token) for token in model.llama.tokenize(raw, add_bos=False, special=special)]


def tokenise_pieces(model: LoadedModel, pieces: Iterable[Piece]) -> list[int]:
    """Tokenise a prompt piece by piece.

    Args:
        model: whose vocabulary.
        pieces: from :func:`setaccio.data.task.pieces.prompt_pieces`, which has put a
            beginning-of-sequence token in already where one belongs.

    Returns:
        Token ids of the whole prompt.
    """
    return [
        token for piece in pieces for token in encode_text(model, piece.text, special=piece.special)
    ]


def token_bytes(model: LoadedModel, token: int) -> bytes:
    """The bytes that a token stands for; none for a control token. Computed once per token."""
    known = model.state.token_bytes
    if token not in known:
        known[token] = _piece(model, token, _PIECE_BYTES)
    return known[token]


def _piece(model: LoadedModel, token: int, size: int) -> bytes:
    buffer = (ctypes.c_char * size)()
    count = llama_cpp.llama_token_to_piece(model.vocab, token, buffer, size, 0, False)
    # A negative count is the size that would have been needed.
    return _piece(model, token, -count) if count < 0 else bytes(buffer.raw[:count])


def end_tokens(model: LoadedModel) -> frozenset[int]:
    """Every token that ends an answer."""
    if model.state.end_tokens is None:
        vocab, ends = model.vocab, llama_cpp.llama_vocab_is_eog
        model.state.end_tokens = frozenset(
            token for token in range(model.llama.n_vocab()) if ends(vocab, token)
        )
    return model.state.end_tokens


def byte_tokens(model: LoadedModel) -> dict[int, int]:
    """Token id of each byte that has a token of its own."""
    if model.state.byte_tokens is None:
        found: dict[int, int] = {}
        for token in range(model.llama.n_vocab()):
            text = token_bytes(model, token)
            if len(text) == 1:
                found.setdefault(text[0], token)
        model.state.byte_tokens = found
    return model.state.byte_tokens


def decode_tokens(model: LoadedModel, tokens: Iterable[int]) -> str:
    """Join tokens to text.

    A character that the last tokens only begin is left out; other bytes that are not UTF-8 become
    U+FFFD.
    """
    raw = b"".join(token_bytes(model, token) for token in tokens)
    return codecs.getincrementaldecoder("utf-8")("replace").decode(raw, final=False)


def text_ranges(model: LoadedModel, tokens: Iterable[int]) -> list[tuple[int, int]]:
    """Where each token stands in the text that :func:`decode_tokens` makes of them.

    Returns:
        For each token the range of characters that it holds, a part of a character included.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    ranges: list[tuple[int, int]] = []
    count = 0
    for token in tokens:
        begin = count
        count += len(decoder.decode(token_bytes(model, token)))
        ranges.append((begin, count + bool(decoder.getstate()[0])))
    return ranges
