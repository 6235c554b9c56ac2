"""Long documents are cut where sentences end.

Run: pytest tests/runtime/prompt/test_chunks.py
"""

from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.model.tokens import encode_text
from setaccio.runtime.prompt.chunks import Chunk, sentence_bounds, split_text


def words(text: str) -> int:
    return len(text.split())


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("One. Two! Three?", ["One. ", "Two! ", "Three?"]),
        ('He said "stop." Then left.', ['He said "stop." ', "Then left."]),
        ("Dr. Who met J. R. Smith at 5 p.m. today.", ["Dr. Who met J. R. Smith at 5 p.m. today."]),
        ("1. Boil. 2. Serve.", ["1. Boil. ", "2. Serve."]),
        ("Title\n\nFirst line\nSecond", ["Title\n\n", "First line\n", "Second"]),
        ("煮ます。食べます。", ["煮ます。", "食べます。"]),
        ("It costs 1.50 here", ["It costs 1.50 here"]),
        ("", []),
    ],
)
def test_sentences(text: str, parts: list[str]):
    assert [text[start:end] for start, end in sentence_bounds(text)] == parts


def test_a_text_that_fits_is_one_chunk():
    assert split_text("One. Two.", 2, words) == [Chunk("One. Two.", 0, 9)]
    assert split_text("", 2, words) == [Chunk("", 0, 0)]


def test_chunks_end_with_sentences_and_overlap():
    text = " ".join(f"Sentence {i} ends here." for i in range(10))
    chunks = split_text(text, 12, words, overlap=4)
    assert all(chunk.text.strip().endswith(".") for chunk in chunks)
    assert all(words(chunk.text) <= 12 for chunk in chunks)
    assert [a.end - b.start for a, b in itertools.pairwise(chunks)] == [22] * 4
    apart = split_text(text, 12, words, overlap=0)
    assert "".join(chunk.text for chunk in apart) == text


def test_a_sentence_without_end_is_cut_between_words():
    text = "word " * 40
    chunks = split_text(text, 7, words)
    assert all(words(chunk.text) <= 7 for chunk in chunks)
    assert {part for chunk in chunks for part in chunk.text.split()} == {"word"}


def test_a_letter_and_its_marks_stay_together():
    chunks = split_text("e\u0301" * 40, 9, len, overlap=0)
    assert not any(unicodedata.combining(chunk.text[0]) for chunk in chunks)


def test_a_limit_too_small_is_refused():
    with pytest.raises(ValueError, match="holds nothing"):
        split_text("a", 0, words)
    with pytest.raises(ValueError, match="one character"):
        split_text("ab", 1, lambda text: 2 * len(text))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200), st.integers(1, 40), st.integers(0, 10))
def test_chunks_cover_the_text_and_fit(text: str, limit: int, overlap: int):
    chunks = split_text(text, limit, len, overlap=overlap)
    assert chunks[0].start == 0
    assert chunks[-1].end == len(text)
    for chunk in chunks:
        assert chunk.text == text[chunk.start : chunk.end]
        assert len(chunk.text) <= limit
    for before, after in itertools.pairwise(chunks):
        assert before.start < after.start <= before.end < after.end


def test_chunks_fit_by_the_models_own_count(model: LoadedModel):
    text = " ".join(f"Beat {i} eggs with ½ cup of crème fraîche \U0001f9c5." for i in range(60))
    chunks = split_text(text, 100, lambda part: len(encode_text(model, part)))
    assert len(chunks) > 5
    assert all(len(encode_text(model, chunk.text)) <= 100 for chunk in chunks)
