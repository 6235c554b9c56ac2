"""A word has the same ends from wherever in it they are asked for.

Run: pytest tests/runtime/test_words.py
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from setaccio.runtime.words import Words, is_joined


@given(st.text("ab1.,/ -½é洋\u0301", max_size=24), st.data())
def test_a_word_is_as_long_from_wherever_it_is_asked(text: str, data: st.DataObject) -> None:
    asked = data.draw(st.lists(st.integers(0, len(text)), max_size=8))
    words = Words(text)
    for offset in asked:
        left = max(i for i in range(offset + 1) if not is_joined(text, i))
        right = min(i for i in range(offset, len(text) + 1) if not is_joined(text, i))
        assert words.around(offset) == (left, right)


def test_what_a_passage_covers_of_its_words() -> None:
    words = Words("a champion, 2.5 洋葱")
    assert words.covered(2, 10) == 1.0
    assert words.covered(3, 6) == 3 / 8
    assert words.covered(12, 13) == 1 / 3
    assert words.covered(16, 17) == 1.0
