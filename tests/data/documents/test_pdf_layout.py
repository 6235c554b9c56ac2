"""Reading order of words on a page. Run: pytest tests/data/documents/test_pdf_layout.py"""

from __future__ import annotations

import random

from document_files import LEFT, RIGHT
from hypothesis import given
from hypothesis import strategies as st

from setaccio.data.documents.pdf_layout import Word, arrange

WIDTH, HEIGHT = 5.0, 10.0


def words_of(text: str, x: float, base: float) -> list[Word]:
    """The words of a line in letters of one width."""
    words = []
    for word in text.split():
        right = x + WIDTH * len(word)
        words.append(Word(word, (x, base - HEIGHT, right, base), base))
        x = right + WIDTH
    return words


def lines_of(words: list[Word]) -> list[str]:
    lines = (
        "\t".join(" ".join(word.text for word in cell) for cell in line) for line in arrange(words)
    )
    return [line for line in lines if line]


def test_three_columns() -> None:
    middle = [f"middle column with line {number} of it" for number in range(6)]
    page = []
    for number, texts in enumerate(zip(LEFT, middle, RIGHT, strict=True)):
        for x, text in zip((50, 300, 520), texts, strict=True):
            page += words_of(text, x, 100 + 12 * number)
    assert lines_of(page) == [*LEFT, *middle, *RIGHT]


def test_columns_whose_lines_stand_beside_none() -> None:
    page = [word for n, text in enumerate(LEFT) for word in words_of(text, 50, 100 + 12 * n)]
    page += [word for n, text in enumerate(RIGHT) for word in words_of(text, 300, 106 + 12 * n)]
    assert lines_of(page) == [*LEFT, *RIGHT]


def test_headings_above_and_text_below_columns() -> None:
    whole = "one line that goes over both columns from the first to the last of its words"
    page = words_of(whole, 50, 80)
    for number, (left, right) in enumerate(zip(LEFT, RIGHT, strict=True)):
        page += words_of(left, 50, 100 + 12 * number) + words_of(right, 300, 100 + 12 * number)
    page += words_of(whole, 50, 200)
    assert lines_of(page) == [whole, *LEFT, *RIGHT, whole]


def test_a_form_and_a_table_with_a_long_column_are_rows() -> None:
    rows = [("Name", "Ada Lovelace"), ("Street", "12 St James's Square"), ("Town", "London")]
    page = []
    for number, (label, value) in enumerate(rows):
        page += words_of(label, 50, 100 + 14 * number) + words_of(value, 200, 100 + 14 * number)
    assert lines_of(page) == ["\t".join(row) for row in rows]
    items = [(f"{n}", f"a long description of the article number {n}", f"{n}.50") for n in range(9)]
    page = []
    for number, cells in enumerate(items):
        for x, text in zip((50, 90, 450), cells, strict=True):
            page += words_of(text, x, 100 + 14 * number)
    assert lines_of(page) == ["\t".join(row) for row in items]


def test_letters_of_scripts_from_right_to_left_keep_their_order() -> None:
    said = ["שלום", "עולם"]
    page = [
        Word(said[0], (300, 90, 330, 100), 100),
        Word(said[1], (260, 90, 295, 100), 100),
    ]
    assert lines_of(page) == [" ".join(said)]


boxes = st.tuples(
    st.floats(0, 600), st.floats(0, 800), st.floats(0, 200), st.floats(0, 40), st.floats(-5, 5)
)


@given(st.lists(boxes, max_size=40), st.randoms(use_true_random=False))
def test_no_word_is_lost_or_doubled_whatever_stands_where(
    places: list[tuple[float, ...]], order: random.Random
) -> None:
    words = [
        Word(f"w{n}", (x, y, x + width, y + height), y + height + drop)
        for n, (x, y, width, height, drop) in enumerate(places)
    ]
    order.shuffle(words)
    found = [word for line in arrange(words) for cell in line for word in cell]
    assert sorted(found) == sorted(words)
