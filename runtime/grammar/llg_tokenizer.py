"""A model's vocabulary as llguidance sees it.

llguidance's own ``llamacpp.lltokenizer_from_vocab`` gives the same in three times the time: it asks
by a deprecated name, which is warned of once for every token.
"""

from __future__ import annotations

import ctypes
from typing import Any

import llama_cpp
from llguidance import LLTokenizer

from setaccio.runtime.model.load import LoadedModel

_PIECE_BYTES = 1 << 14
_SPECIAL = b"\xff"
"""What llguidance wants before a token that is not text."""


def llg_tokenizer(model: LoadedModel) -> Any:
    """llguidance's tokenizer of a model, made once."""
    if model.state.tokenizer is None:
        model.state.tokenizer = LLTokenizer.from_llamacpp(
            tokens=_tokens(model),
            vocab_ptr=model.vocab,
            tokenize_fptr=ctypes.cast(
                llama_cpp.llama_cpp._lib.llama_tokenize, ctypes.c_void_p
            ).value,
            eos_token=llama_cpp.llama_vocab_eos(model.vocab),
        )
    return model.state.tokenizer


def _tokens(model: LoadedModel) -> list[bytes]:
    """The bytes of all tokens; control tokens are marked, and what looks like one."""
    vocab, buffer = model.vocab, ctypes.create_string_buffer(_PIECE_BYTES)
    view = memoryview(buffer)
    to_piece, attribute = llama_cpp.llama_token_to_piece, llama_cpp.llama_vocab_get_attr
    control = int(llama_cpp.LLAMA_TOKEN_ATTR_CONTROL)
    either = control | int(llama_cpp.LLAMA_TOKEN_ATTR_USER_DEFINED)
    tokens = []
    for token in range(llama_cpp.llama_vocab_n_tokens(vocab)):
        size = to_piece(vocab, token, buffer, _PIECE_BYTES, 0, True)
        if size < 0:
            raise ValueError(f"the vocabulary's token {token} has {-size} bytes")
        text = view[:size].tobytes()
        kind = attribute(vocab, token) & either
        if kind & control or (kind and text.startswith(b"<") and text.endswith(b">")):
            text = _SPECIAL + text
        tokens.append(text)
    return tokens
