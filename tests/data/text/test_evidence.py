"""Every value of an answer is found where it stands, and nowhere else.

Run: pytest tests/data/text/test_evidence.py
"""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setaccio.data.text.evidence import SourceText, Span, ground, ungrounded
from setaccio.data.text.folding import Folded, fold

WORDS = st.lists(
    st.text(
        st.characters(categories=["L", "M", "Nd", "P", "S"], exclude_characters="\u0345"),
        min_size=1,
        max_size=8,
    ).map(lambda word: "w" + word),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize(
    ("text", "value", "passage", "how"),
    [
        ("Beat the eggs.", "eggs", "eggs", "exact"),
        ("Beat the Eggs.", "eggs", "Eggs", "normalised"),
        ("Add  brown\n sugar.", "brown sugar", "brown\n sugar", "normalised"),
        ("Add ½ cup milk.", "1/2 cup milk", "½ cup milk", "normalised"),
        ("Add 1/2 cup milk.", "½ cup milk", "1/2 cup milk", "normalised"),
        ("Add 1½ cups milk.", "1 1/2 cups milk", "1½ cups milk", "normalised"),
        ("11/2 or 1½?", "1 1/2", "1½", "normalised"),
        ("Caf\u00e9 au lait", "cafe\u0301", "Caf\u00e9", "normalised"),
        ("Cafe\u0301 au lait", "CAF\u00c9", "Cafe\u0301", "normalised"),
        ("gro\u00dfe Stra\u00dfe", "GROSSE STRASSE", "gro\u00dfe Stra\u00dfe", "normalised"),
        ("\u0130stanbul'da", "i\u0307stanbul", "\u0130stanbul", "normalised"),
        ("e\ufb03cient", "efficient", "e\ufb03cient", "normalised"),
        ("a so\u00adft hy\u00adphen", "soft hyphen", "so\u00adft hy\u00adphen", "normalised"),
        (
            "the chef\u2019s \u201cpick\u201d",
            'chef\'s "pick"',
            "chef\u2019s \u201cpick\u201d",
            "normalised",
        ),
        ("\U0001f9c5\U0001f9c5 洋葱两个", "洋葱", "洋葱", "exact"),
        ("한국", "\u1112\u1161\u11ab\u1100\u116e\u11a8", "한국", "normalised"),
        ("Preheat the oven to 350 degrees.", "Preheat oven to 350 degrees", None, "fuzzy"),
        ("2 large onions, chopped", "2 large onion, choped", None, "fuzzy"),
        ("Add two cups of flour now.", "2 cups flour", "two cups of flour", "fuzzy"),
        ("with One egg and", "1 egg", "One egg", "normalised"),
        ("half a cup", "1/2 a cup", "half a cup", "normalised"),
    ],
)
def test_strings(text: str, value: str, passage: str | None, how: str):
    span = ground(text, {"a": value})["/a"]
    assert span.how == how
    if passage is not None:
        assert text[span.start : span.end] == passage
    assert (0.8 <= span.score < 1) if how == "fuzzy" else span.score == 1.0


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("200 g flour and milk", "250 g flour"),
        ("three cups of flour", "2 cups of flour"),
        ("Beat the eggs.", "unicorn"),
        ("", "eggs"),
        ("eggs", "\u200b"),
        ("Beat the eggs.", "eg gs beaten with a spoon"),
        ("cafe\u0301", "cafe and tea"),
    ],
)
def test_what_is_not_there(text: str, value: str):
    assert ground(text, [value]) == {}


@pytest.mark.parametrize(
    ("text", "value", "passage", "how"),
    [
        ("Bake 12 or 2 minutes", 2, "2", "exact"),
        ("It costs 1,500 dollars", 1500, "1,500", "normalised"),
        ("It costs 1.500,75 Euro", 1500.75, "1.500,75", "normalised"),
        ("0,5 l Milch", 0.5, "0,5", "normalised"),
        ("½ l milk", 0.5, "½", "normalised"),
        ("1½ l milk", 1.5, "1½", "normalised"),
        ("1 1/2 l milk", 1.5, "1 1/2", "normalised"),
        ("⅓ cup", 1 / 3, None, ""),
        ("3/4 cup", 0.75, "3/4", "normalised"),
        ("minus −5 °C", -5, "−5", "normalised"),
        ("2-5 minutes", 5, "5", "exact"),
        ("on 12/05/2026", 2026, "2026", "exact"),
        ("Beat two eggs", 2, "two", "normalised"),
        ("Beat two, no, 2 eggs", 2, "2", "exact"),
        ("3.0 litres", 3, "3.0", "normalised"),
        ("3 litres", 3.0, "3", "exact"),
        ("50g sugar", 50, "50", "exact"),
        ("1 200 people", 1200, "1 200", "normalised"),
        ("table 1 200 people", 200, "200", "exact"),
        ("٣ eggs", 3, "٣", "normalised"),
        ("30 minutes", 3, None, ""),
        ("2.5 kg", 2, None, ""),
        ("1/2 kg", 2, None, ""),
    ],
)
def test_numbers(text: str, value: float, passage: str | None, how: str):
    span = ground(text, {"n": value}).get("/n")
    if passage is None:
        assert span is None
    else:
        assert span is not None
        assert (text[span.start : span.end], span.how) == (passage, how)


def test_leaves_that_claim_nothing():
    data = {"a": True, "b": None, "c": "", "d": " ", "e": [], "f": {}}
    assert ground("true null", data) == {}
    assert ungrounded(data, {}) == []


def test_repeated_values_follow_the_order_of_the_list():
    text = "salt, pepper, salt, flour, salt"
    spans = ground(text, ["pepper", "salt", "salt", "salt", "flour"])
    assert [spans[f"/{i}"].start for i in range(4)] == [6, 14, 27, 0]
    assert text[spans["/4"].start :].startswith("flour")
    assert ground(text, {"x": "salt", "y": "salt"})["/y"].start == 0


def test_items_that_are_objects_are_looked_for_behind_the_item_before():
    text = "2 eggs, 2 onions and 3 eggs"
    data = {"items": [{"what": "eggs", "n": 2}, {"what": "onions", "n": 2}, {"what": "eggs"}]}
    spans = ground(text, data)
    assert spans["/items/0/n"].start == 0
    assert spans["/items/1/n"].start == 8
    assert spans["/items/2/what"].start == 23


def test_one_endless_word_is_measured_once():
    # A walk along the word for each of its letters would take minutes.
    text = "x" * 20_000 + " " + "3fa9c0de12b7e4" * 1_000
    spans = ground(text, ["x", "xx", "e", "3fa"])
    assert spans["/0"] == Span(0, 1, "exact", 1 / 20_000)
    assert spans["/1"].score == 2 / 20_000
    assert [spans[f"/{i}"].score for i in (2, 3)] == [1 / 14_000, 3 / 14_000]


def test_endless_digits_and_endless_powers_are_no_numbers():
    text = "1" * 20_000 + " 1e999999999 2e-88888888 7 1e3"
    spans = ground(text, {"n": 7, "t": 1000, "u": 11})
    assert text[spans["/n"].start] == "7"
    assert spans["/t"].end == len(text)
    assert "/u" not in spans


def test_a_part_of_a_word_is_said_to_be_one():
    assert ground("a champion", ["ham"])["/0"] == Span(3, 6, "exact", 3 / 8)
    assert ungrounded(["ham", "eggs"], ground("a champion of eggs", ["ham", "eggs"])) == ["/0"]
    assert ground("a champion, ham", ["ham"])["/0"].start == 12
    assert ground("room 2.5", ["2"])["/0"].score < 0.5


def test_letters_that_only_look_like_a_number_word():
    assert ground("\u017fix f\u0131ve", {"a": 6, "b": 5}) == {}


def test_of_equal_passages_the_first_is_like_the_value():
    text = "Mix two cups of flour. " * 4
    assert ground(text, ["2 cups flour"])["/0"].start == 4
    assert ground(text, ["2 cups flour", "2 cups flour"])["/1"].start == 27


def test_keys_with_slashes_are_escaped():
    assert set(ground("salt", {"a/b": {"~": "salt"}})) == {"/a~1b/~0"}


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60), st.data())
def test_any_part_of_any_text_is_found_as_it_stands(text: str, data: st.DataObject):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    value = text[start:end]
    span = SourceText(text).find(value)
    if not fold(value):
        assert span is None
        return
    assert span is not None
    found = text[span.start : span.end]
    assert found == value or span.score == 1.0
    assert 0 <= span.start < span.end <= len(text)
    if span.how == "exact":
        assert found == value
    else:
        assert fold(found) == fold(value) or span.how == "normalised"


@settings(max_examples=200, deadline=None)
@given(WORDS, st.data(), st.sampled_from(["NFC", "NFD", "NFKC", "NFKD"]))
def test_other_forms_of_a_word_are_found_where_it_stands(
    words: list[str], data: st.DataObject, form: str
):
    word = data.draw(st.sampled_from(words))
    text = "\u00a0 ".join(words)
    changed = unicodedata.normalize(form, word)
    span = SourceText(text).find(changed)
    if fold(changed) == fold(word) and span is not None:
        assert fold(text[span.start : span.end]) == fold(word)
    else:
        assert fold(changed) != fold(word)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_offsets_lead_back(text: str):
    folded = Folded(text)
    assert len(folded.text) == len(folded.starts) == len(folded.ends)
    assert all(0 <= s < e <= len(text) for s, e in zip(folded.starts, folded.ends, strict=True))
    if folded.text:
        start, end = folded.original(0, len(folded.text))
        assert fold(text[start:end]) == folded.text.strip()


ACCENTED = {
    "French": "le pâté fumé très salé à la crème brûlée où l'été a été",
    "Vietnamese": "bản hợp đồng này được ký kết giữa công ty và khách hàng tại thành phố",
    "Czech": "příliš žluťoučký kůň úpěl ďábelské ódy a pak šel domů",
    "Greek": "η γρήγορη αλεπού πηδάει πάνω από το τεμπέλικο σκυλί",
}


def plain(text: str) -> str:
    letters = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(ACCENTED)), st.data())
def test_a_near_copy_is_found_with_accents_and_without(language: str, data: st.DataObject):
    word = st.sampled_from(unicodedata.normalize("NFC", ACCENTED[language]).split())
    words = data.draw(st.lists(word, min_size=8, max_size=40))
    begin = data.draw(st.integers(0, len(words) - 5))
    value = " ".join(words[begin : begin + data.draw(st.integers(3, 5))])
    at = data.draw(st.integers(1, len(value) - 2))
    value = f"{value[:at]}q{value[at + 1 :]}"
    text = " ".join(words)
    with_accents, without = ground(text, [value]), ground(plain(text), [plain(value)])
    # Composed letters: an offset is the same in both.
    assert with_accents == without
    if len(value) > 10:
        assert with_accents


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_an_edge_inside_a_letter_moves_that_edge_alone(form: str):
    text = unicodedata.normalize(form, "Le marché de Bétheny où l'été passé a été fêté à Noël.")
    for value, passage in (
        ("marche de Betheny", "marché de Bétheny"),
        ("ete passe a ete fete", "été passé a été fêté"),
        ("fête a Noel", "fêté à Noël"),
    ):
        span = ground(text, [value])["/0"]
        assert unicodedata.normalize("NFC", text[span.start : span.end]) == passage
        assert span.how == "fuzzy" and 0.8 <= span.score < 1


def test_many_values_in_a_long_accented_text_are_one_walk_each():
    # Shrinking a passage word by word from the beginning of the text would take minutes.
    text = "la réunion était présidée par le maire à l'hôtel " * 4000
    spans = ground(
        text, ["mairé a l'hotel la reunion etait", "une societé inconnue de Genève", "x"]
    )
    assert set(spans) == {"/0"}
