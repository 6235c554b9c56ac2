"""Random words, names, dates, amounts and phrases for the synthetic examples.

`Words` loads the packaged word lists once; every helper takes the `random.Random` to draw from,
so one seed gives one text.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from setaccio.data.synthetic import lexicon
from setaccio.data.synthetic.amounts import Amounts

_FOLDER = Path(__file__).parent / "words"
_ACCENTS = {
    "a": "áàâãäå", "e": "éèêëę", "i": "íìîï", "o": "óòôõöø", "u": "úùûü", "n": "ñń", "c": "çč",
    "s": "śš", "z": "žż", "l": "ł", "y": "ýÿ",
}  # fmt: skip
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


class Words(Amounts):
    """The packaged word lists and the random helpers over them."""

    def __init__(self, folder: Path = _FOLDER) -> None:
        """Read `common.txt`, `rare.txt` and `proper.txt` (one word a line) from `folder`."""

        def read(name: str) -> list[str]:
            return (folder / name).read_text(encoding="utf-8").split()

        self.common = read("common.txt")
        self.rare = read("rare.txt")
        self.proper = read("proper.txt")
        self._short = [word for word in self.common if len(word) <= 9]

    # -- single words ---------------------------------------------------------------------

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

    def adjective(self, rng: random.Random) -> str:
        """An adjective, at times any word at all."""
        return rng.choice(lexicon.ADJECTIVES) if rng.random() < 0.75 else self.word(rng)

    def noun(self, rng: random.Random) -> str:
        """A thing, at times any word at all."""
        return rng.choice(lexicon.MATERIALS) if rng.random() < 0.6 else self.word(rng)

    def noun_phrase(self, rng: random.Random) -> str:
        """A phrase such as "rusty garden hose" (one to four words)."""
        draw = rng.random()
        if draw < 0.2:
            return self.noun(rng)
        if draw < 0.6:
            return f"{self.adjective(rng)} {self.noun(rng)}"
        if draw < 0.8:
            return f"{self.word(rng)} {self.noun(rng)}"
        if draw < 0.93:
            return f"{self.adjective(rng)} {self.word(rng)} {self.noun(rng)}"
        return f"{self.noun(rng)} of {self.adjective(rng)} {self.noun(rng)}"

    def phrase(self, rng: random.Random, low: int = 1, high: int = 4) -> str:
        """`low` to `high` random words."""
        return " ".join(self.word(rng) for _ in range(rng.randint(low, high)))

    def title(self, rng: random.Random) -> str:
        """A heading of two to five words, in one of several capitalisations."""
        draw = rng.random()
        if draw < 0.5:
            text = self.noun_phrase(rng)
        elif draw < 0.75:
            text = f"{self.name(rng)} {self.noun_phrase(rng)}"
        elif draw < 0.88:
            text = f"{self.word(rng)} and {self.noun_phrase(rng)}"
        else:
            text = f"{rng.choice(lexicon.GIVEN)}'s {self.noun_phrase(rng)}"
        if rng.random() < 0.75:
            return " ".join(capitalise(part) for part in text.split(" "))
        return capitalise(text)

    # -- people and places ----------------------------------------------------------------

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

    # -- materials ----------------------------------------------------------------------

    def material(self, rng: random.Random) -> str:
        """A material as a list names it: quantity and thing, at times a remark."""
        draw = rng.random()
        if draw < 0.34:
            core = f"{self.quantity(rng)} {rng.choice(('', '', 'of '))}{self.mass(rng)}"
        elif draw < 0.68:
            core = f"{self.count(rng)} {self.noun_phrase(rng)}"
            if rng.random() < 0.5 and core[-1].isalpha() and core[-1] != "s":
                core += "s"
        elif draw < 0.8:
            core = f"{rng.randint(1, 6)} {rng.choice(lexicon.CONTAINERS)} {self.mass(rng)}"
        elif draw < 0.83:
            core = rng.choice(('{a}" {n}', "{a} x {b}-inch {n}", "{n} to taste", "juice of {a} {n}",
                               "{n} ({q})", "{n}, {q}", "{a} large {n}", "{n} for {m}", "{q} each {n} and {m}",
                               "{a} lg. pkg. {m}", "{q} {n} or {m}", "strips of {m}", "{a}'{b}\" {n}",
                               '{n} "{w}"', "{a}-{b}cm {n}", "{a} {n} per {m}")).format(
                a=rng.randint(1, 12), b=rng.randint(1, 20), n=self.noun_phrase(rng), m=self.mass(rng),
                q=self.quantity(rng), w=self.name(rng))  # fmt: skip
        elif draw < 0.88:
            size = f"({rng.randint(1, 32)} {rng.choice(('oz.', 'g', 'inch', 'ml', 'cm'))})"
            core = f"{rng.randint(1, 4)} {size} {rng.choice(lexicon.CONTAINERS)} {self.mass(rng)}"
        else:
            core = self.noun_phrase(rng) if rng.random() < 0.6 else self.mass(rng)
        if rng.random() < 0.13:
            core += rng.choice((" (optional)", " to finish", ", sanded", ", cut in half", " for the base",
                                f" ({self.word(rng)})", f", {self.word(rng)}", " as needed"))  # fmt: skip
        return core

    def mass(self, rng: random.Random) -> str:
        """A substance without a plural, at times any noun phrase."""
        draw = rng.random()
        if draw < 0.5:
            return rng.choice(lexicon.MASS)
        return f"{self.adjective(rng)} {rng.choice(lexicon.MASS)}" if draw < 0.7 else (
            self.noun_phrase(rng)
        )  # fmt: skip

    # -- sentences ------------------------------------------------------------------------

    def sentence(self, rng: random.Random) -> str:
        """A short sentence of random words in a natural shape, with its final mark."""
        noun, word = self.noun_phrase, self.word
        shape = rng.randrange(12)
        if shape == 0:
            text = f"the {noun(rng)} was {word(rng)} and {self.adjective(rng)}"
        elif shape == 1:
            text = f"{rng.choice(lexicon.VERBS)} the {noun(rng)} {rng.choice(lexicon.MANNERS)}"
        elif shape == 2:
            text = f"we saw {self.count(rng)} {noun(rng)} near the {noun(rng)}"
        elif shape == 3:
            text = f"{self.person(rng)} talked about the {noun(rng)}"
        elif shape == 4:
            text = f"it took {self.duration(rng)} to find the {noun(rng)}"
        elif shape == 5:
            text = f"nobody knows why the {noun(rng)} is {word(rng)}"
        elif shape == 6:
            text = f"there is a {noun(rng)} behind the {noun(rng)}"
        elif shape == 7:
            text = f"my {noun(rng)} needs {self.adjective(rng)} {word(rng)}"
        elif shape == 8:
            text = f"in {self.city(rng)} every {noun(rng)} comes with {word(rng)}"
        elif shape == 9:
            text = f"{word(rng)} {word(rng)} and {word(rng)} {word(rng)}"
        elif shape == 10:
            text = f"when the {noun(rng)} is {self.adjective(rng)}, {rng.choice(lexicon.VERBS)} it"
        else:
            text = f"they prefer {word(rng)} {noun(rng)} to any {noun(rng)}"
        return capitalise(text) + rng.choice(("." * 1, ".", ".", ".", ".", ".", "!", "."))


def pick(rng: random.Random, options: Sequence[str] | str) -> str:
    """One of `options`; a string is split at `|`."""
    return rng.choice(options.split("|") if isinstance(options, str) else options)
