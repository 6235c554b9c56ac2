"""Single words and the names of people and places, drawn from the packaged word lists."""

from __future__ import annotations

import random
from pathlib import Path

from setaccio.data.synthetic import lexicon
from setaccio.data.synthetic.amounts import Amounts

_FOLDER = Path(__file__).parent / "words"
_ACCENTS = {
    "a": "áàâãäå",
    "e": "éèêëę",
    "i": "íìîï",
    "o": "óòôõöø",
    "u": "úùûü",
    "n": "ñń",
    "c": "çč",
    "s": "śš",
    "z": "žż",
    "l": "ł",
    "y": "ýÿ",
}
_GREEK = "αβγδεζηθικλμνξοπρστυφχψωά"
_CYRILLIC = "абвгдежзиклмнопрстуфхцчшыэюяй"
_CJK = "東京大阪山川水火木金土日月中国人文本学生車店家花海空風雨雪白黒赤青上下左右北南西新古長高"
_ONSETS = (
    "b",
    "c",
    "d",
    "f",
    "g",
    "h",
    "j",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "t",
    "v",
    "w",
    "z",
    "br",
    "cl",
    "dr",
    "fl",
    "gr",
    "kl",
    "pl",
    "pr",
    "sk",
    "st",
    "tr",
    "th",
    "sh",
    "ch",
)
_VOWELS = ("a", "e", "i", "o", "u", "ai", "ea", "ee", "oo", "ou")
_CODAS = ["", "", "", "n", "r", "s", "l", "m", "t", "x", "nd", "rk", "st", "ng"]


def capitalise(text: str) -> str:
    """Return `text` with its first character in upper case and the rest untouched."""
    return text[:1].upper() + text[1:]


class Names(Amounts):
    """The packaged word lists, and random words and names from them."""

    def __init__(self, folder: Path = _FOLDER) -> None:
        """Read `common.txt`, `rare.txt` and `proper.txt` (one word a line) from `folder`."""

        def read(name: str) -> list[str]:
            return (folder / name).read_text(encoding="utf-8").split()

        self.common = read("common.txt")
        self.rare = read("rare.txt")
        self.proper = read("proper.txt")
        self._short = [word for word in self.common if len(word) <= 9]

    def word(self, rng: random.Random) -> str:
        """A word: mostly common, at times rare, invented or in another script."""
        draw = rng.random()
        if draw < 0.78:
            return rng.choice(self._short if draw < 0.5 else self.common)
        if draw < 0.92:
            return rng.choice(self.rare)
        return self.pseudo(rng) if draw < 0.975 else self.foreign(rng)

    def plain(self, rng: random.Random) -> str:
        """A common word of ASCII letters, fit for a key or an address."""
        return rng.choice(self._short).replace("'", "")

    def pseudo(self, rng: random.Random) -> str:
        """An invented, pronounceable word."""
        return "".join(
            rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(_CODAS)
            for _ in range(rng.randint(1, 3))
        )

    def foreign(self, rng: random.Random) -> str:
        """A word with accents, or a few letters of Greek, Cyrillic or CJK."""
        draw = rng.random()
        if draw < 0.55:
            word = rng.choice(self._short)
            return "".join(
                rng.choice(_ACCENTS[c]) if c in _ACCENTS and rng.random() < 0.45 else c
                for c in word
            )
        alphabet = _GREEK if draw < 0.7 else _CYRILLIC if draw < 0.88 else _CJK
        length = rng.randint(2, 4) if alphabet is _CJK else rng.randint(3, 8)
        return "".join(rng.choice(alphabet) for _ in range(length))

    def name(self, rng: random.Random) -> str:
        """A proper name of one word."""
        return rng.choice(self.proper)

    def person(self, rng: random.Random) -> str:
        """A full name."""
        given, family = rng.choice(lexicon.GIVEN), self.surname(rng)
        draw = rng.random()
        if draw < 0.82:
            return f"{given} {family}"
        if draw < 0.9:
            return f"{given} {rng.choice('ABCDEFGHJKLMNPRSTW')}. {family}"
        if draw < 0.95:
            return f"{rng.choice(('Dr.', 'Ms', 'Mr', 'Mrs', 'Prof.'))} {family}"
        return f"{given} {family}-{self.surname(rng)}"

    def surname(self, rng: random.Random) -> str:
        """A family name."""
        return rng.choice(lexicon.SURNAMES if rng.random() < 0.35 else self.proper)

    def company(self, rng: random.Random) -> str:
        """A company name."""
        draw = rng.random()
        end = rng.choice(lexicon.COMPANY_ENDS)
        if draw < 0.5:
            return f"{self.name(rng)} {end}"
        if draw < 0.75:
            return f"{capitalise(self.word(rng))} {capitalise(self.word(rng))} {end}"
        if draw < 0.9:
            return capitalise(self.pseudo(rng)) + rng.choice(("", f" {end}"))
        return f"{self.name(rng)} & {self.surname(rng)}"

    def city(self, rng: random.Random) -> str:
        """A city or village, real or made from a proper name."""
        return rng.choice(lexicon.CITIES) if rng.random() < 0.5 else self.name(rng)

    def street(self, rng: random.Random) -> str:
        """A street address line."""
        name = self.name(rng) if rng.random() < 0.6 else capitalise(self.plain(rng))
        number = str(rng.randint(1, 400)) + ("" if rng.random() < 0.85 else rng.choice("abcd"))
        draw = rng.random()
        if draw < 0.8:
            return f"{number} {name} {rng.choice(lexicon.STREETS)}"
        if draw < 0.9:
            return f"{rng.choice(('Calle', 'Via', 'Rue de', 'ul.'))} {name} {number}"
        return f"{capitalise(name.lower())}straße {number}"

    def email(self, rng: random.Random) -> str:
        """An e-mail address."""
        local = rng.choice((".", "_", "")).join(
            self.plain(rng) for _ in range(rng.randint(1, 2))
        ) + (str(rng.randint(1, 99)) if rng.random() < 0.3 else "")
        return f"{local}@{self.domain(rng)}"

    def domain(self, rng: random.Random) -> str:
        """A domain name under a reserved or invented label."""
        label = self.pseudo(rng) if rng.random() < 0.5 else self.plain(rng)
        return (
            f"{label}.{rng.choice(('example', 'test', 'org', 'net', 'com', 'co.uk', 'io', 'pl'))}"
        )

    def url(self, rng: random.Random) -> str:
        """A web address."""
        path = "/".join(self.plain(rng) for _ in range(rng.randint(0, 2)))
        return f"{rng.choice(('https://', 'http://', 'www.', ''))}{self.domain(rng)}/{path}".rstrip(
            "/"
        )
