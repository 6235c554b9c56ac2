"""Exchange the words around the slots of a training sentence, so that its shape is no hint.

However many shapes a writer knows, a model tuned on them learns which words stand beside a title.
In a scrambled sentence any word may: what is left to go by is how a title, a list or a step looks
itself, and that is what holds in sentences nobody thought of.

Contract: ``scramble(sentence, rng)`` keeps slots such as ``{T}``, punctuation and the order of
both; other words are exchanged, left out or joined by further ones. Half of the new words come
from the training shapes (so that small words stay frequent), the others from the word lists;
words that only evaluation's shapes have come from the lists alone.
"""

from __future__ import annotations

import random
import re
from functools import cache

from setaccio.data import prose_parts
from setaccio.data.prose_frames import FRAMES
from setaccio.data.recipe_source import split_pool, word_list

SCRAMBLED = {
    **dict.fromkeys(FRAMES, 0.3),
    # Where a bare food or a step begins is told by what words mean, too: fewer of these.
    **dict.fromkeys(("LIST", "LIST_NEXT", "LIST_LAST"), 0.2),
    **dict.fromkeys(("FIRST", "THEN", "LAST"), 0.1),
}
"""Share of the sentences of each pool that are scrambled in training texts."""

_WORD = re.compile(r"(?<![{\w'-])[A-Za-z][A-Za-z'-]*(?![}\w])")
_TOUCHING = re.compile(r"\} *\{")
_MORE, _LESS = 0.06, 0.08  # a further word behind a word, and none in its place


@cache
def _known() -> tuple[str, ...]:
    """The words of all training shapes, as often as they stand there."""
    shapes = (
        shape for pool in FRAMES for shape in split_pool(getattr(prose_parts, pool), held_out=False)
    )
    words = (word for shape in shapes for word in _WORD.findall(shape))
    return tuple(word if word == "I" else word.lower() for word in words)


def scramble(sentence: str, rng: random.Random) -> str:
    """Exchange words of a sentence.

    Args:
        sentence: with slots in braces.
        rng: the only source of chance.

    Returns:
        A sentence with the same slots and marks, but for marks that would come to stand first; of
        the words a quarter, a half or all are other ones. The sentence itself where two slots would
        touch.
    """
    share = rng.choice((0.25, 0.5, 0.5, 1.0))

    def draw() -> str:
        if rng.random() < 0.5:
            return rng.choice(_known())
        return rng.choice(word_list(rng.choice(("common", "common", "common", "rare"))))

    def other(match: re.Match[str]) -> str:
        if rng.random() >= share:
            return match[0]
        roll = rng.random()
        if roll < _LESS:
            return ""
        return f"{draw()} {draw()}" if roll < _LESS + _MORE else draw()

    text = re.sub(r" (?=[ .,;:!?])", "", _WORD.sub(other, sentence)).lstrip(" ,;:.!?")
    # A title beside a list without a word between them could be cut anywhere.
    return sentence if _TOUCHING.search(text) else text
