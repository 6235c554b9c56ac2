"""The vocabulary as llguidance sees it. Run: pytest tests/runtime/grammar/test_llg_tokenizer.py"""

from __future__ import annotations

import pytest
from llguidance.llamacpp import lltokenizer_from_vocab

from setaccio.runtime.grammar.llg_tokenizer import llg_tokenizer
from setaccio.runtime.model.load import LoadedModel


@pytest.mark.filterwarnings("ignore:llama_token_get_attr is deprecated")
def test_it_is_the_one_that_llguidance_makes(model: LoadedModel) -> None:
    ours, theirs = llg_tokenizer(model), lltokenizer_from_vocab(model.vocab)
    assert ours.vocab_size == theirs.vocab_size
    assert ours.eos_token == theirs.eos_token
    for token in range(ours.vocab_size):
        assert ours.decode_bytes([token]) == theirs.decode_bytes([token])
        assert ours.is_special_token(token) == theirs.is_special_token(token)
    text = '{"title":"Größe <|im_end|> 1½","list":[1]}'
    for special in (False, True):
        assert ours.tokenize_str(text, parse_special=special) == theirs.tokenize_str(
            text, parse_special=special
        )
    assert llg_tokenizer(model) is ours
