"""Words that bring every token of a vocabulary into the examples the base is grown from."""

from __future__ import annotations

import random
import re
from collections import Counter
from typing import Any

from setaccio.data.synthetic import WordExchange, generate

COUNTED = 3000  # examples in which the tokens are counted
SMOOTHING = 20.0  # a token is drawn with a weight of 1 / (its count + this)
_TRIES = 24  # heads tried until a piece keeps its cut
_WORD = re.compile(r" [^\W\d_]{3,}")
_PIECE = re.compile(r"-?[^\W\d_]{2,}")


def vocabulary_words(tokenizer: Any, seed: int) -> WordExchange:
    """Words that hold the tokens of a vocabulary, drawn the more often the rarer the token is.

    Args:
        tokenizer: the tiny base's tokenizer.
        seed: of the examples in which tokens are counted, and of how pieces become words.

    Returns:
        An exchange over one word for each token that is a word behind a blank, and one for each
        piece of a word, with a head before it that leaves the piece its own token.
    """
    backend = tokenizer.backend_tokenizer
    texts = [generate(seed, index).text for index in range(COUNTED)]
    counts = Counter(i for e in backend.encode_batch_fast(texts) for i in e.ids)
    tokens = {i: backend.decode([i]) for i in range(backend.get_vocab_size())}
    words = {i: text[1:] for i, text in tokens.items() if _WORD.fullmatch(text)}
    heads = [word for word in words.values() if len(word) <= 4]
    rng = random.Random(f"words:{seed}")
    for token, text in tokens.items():
        if _PIECE.fullmatch(text):
            for head in rng.choices(heads, k=_TRIES):
                if token in backend.encode(f" {head}{text}").ids:
                    words[token] = head + text
                    break
    weights = [1.0 / (counts[token] + SMOOTHING) for token in words]
    return WordExchange(list(words.values()), weights)
