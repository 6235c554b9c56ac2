"""A word has the same ends from wherever in it they are asked for.

Run: pytest tests/data/text/test_words.py
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from setaccio.data.text.words import LEAST_COVERED, Words, is_joined, with_particles, words_of


@given(st.text("ab1.,/ -½é洋ー한ﾐกิदिא👩\u200d\u0301", max_size=24), st.data())
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


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("부산까지입니다", "부산"),  # Korean: a noun before particles
        ("이순신이라고 했다", "이순신"),
        ("LG전자에서", "LG"),
        ("LG전자에서", "전자"),
        ("커피 3잔을 3000원에", "원"),
        ("東京の吉野家で牛丼を", "牛丼"),  # Japanese and Chinese
        ("ミルクティー", "ミルク"),
        ("ｺｰﾋｰ250ml", "ｺｰﾋｰ"),
        ("患者口服阿莫西林", "阿莫西林"),
        ("iPhone手机", "iPhone"),
        ("ฉันซื้อกล้วยที่เชียงใหม่", "กล้วย"),  # Thai, Khmer, Burmese
        ("ខ្ញុំទៅភ្នំពេញ", "ភ្នំពេញ"),
        ("ကျွန်တော်ရန်ကုန်မှာ", "ရန်ကုန်"),
        ("وبالبيت", "بيت"),  # Arabic and Hebrew: prefixes
        ("ולירושלים", "ירושלים"),
        ("ولد محمد2001", "محمد"),
        ("दिल्ली में", "दिल्ली"),
        ("total=12.50EUR", "EUR"),
        ("a 200ml jar", "ml"),
        ("Haftpflichtversicherung", "versicherung"),  # German: the better half of a compound
        ("Привет, Rome", "Rome"),
    ],
)
def test_a_word_is_seen_in_any_script(text: str, value: str) -> None:
    start = text.index(value)
    assert Words(text).covered(start, start + len(value)) >= LEAST_COVERED


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("champion", "ham"),
        ("Krankenhausverwaltung", "haus"),
        ("Donaudampfschiff", "Donau"),
        ("동해물과", "물"),  # inside a word
        ("مدرسة", "مد"),  # the beginning of one
        ("قاهرة", "ة"),
        ("दिल्ली", "द"),
        ("переход", "ере"),
        ("3fa9c0de12b7e4", "fa"),
        ("12345678", "45"),
        ("B3208-neo", "20"),
    ],
)
def test_a_small_part_of_a_word_is_none(text: str, value: str) -> None:
    start = text.index(value)
    assert Words(text).covered(start, start + len(value)) < LEAST_COVERED


@pytest.mark.parametrize(
    ("text", "edge"),
    [
        ("กิน", 1),
        ("दिन", 1),
        ("e\u0301a", 1),
        ("\u1112\u1161\u11ab", 2),
        ("👩\u200d👧", 1),
        ("🇫🇷", 1),
        ("ｶﾞ", 1),
    ],
)
def test_no_letter_is_taken_in_two(text: str, edge: int) -> None:
    assert is_joined(text, edge)


SCRIPTS = {
    "latin": "abcé",
    "greek": "αβγή",
    "hangul": "부산김민",
    "arabic": "ابجد",
    "han": "世界京",
    "kana": "ﾐﾙｸミひ",
    "thai": "กลวย",
}
runs = st.sampled_from(sorted(SCRIPTS)).flatmap(
    lambda name: st.tuples(st.just(name), st.text(SCRIPTS[name], min_size=1, max_size=4))
)


@given(st.lists(runs, min_size=1, max_size=6))
def test_a_change_of_script_is_an_edge(parts: list[tuple[str, str]]) -> None:
    text, offset = "".join(run for _, run in parts), 0
    for (name, run), (following, _) in zip(parts, [*parts[1:], ("", "")], strict=True):
        if name not in ("han", "kana", "thai"):
            assert all(is_joined(text, i) for i in range(offset + 1, offset + len(run)))
        else:
            assert not any(is_joined(text, i) for i in range(offset + 1, offset + len(run)))
        offset += len(run)
        if following and following != name:
            assert not is_joined(text, offset)


def test_words_are_listed_in_any_script() -> None:
    assert words_of("The Cafe\u0301, a_b 2x!") == ["the", "café", "a_b", "2x"]
    assert words_of("東京でﾐﾙｸ200ml") == ["東", "京", "で", "ﾐ", "ﾙ", "ｸ", "200ml"]
    assert words_of("กิน दिल्ली") == ["กิ", "น", "दिल्ली"]
    assert words_of("LG전자") == ["lg", "전자"]
    assert "부산" in with_particles(words_of("부산까지 갔다"))
    assert "بيت" in with_particles(words_of("في البيت"))
    assert with_particles(["champion"]) == {"champion"}
