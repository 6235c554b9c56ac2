"""Random words, names, amounts, phrases and sentences for the synthetic examples.

`Words` loads the packaged word lists once; every helper takes the `random.Random` to draw from,
so one seed gives one text.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from setaccio.data.synthetic import lexicon
from setaccio.data.synthetic.names import Names, capitalise

__all__ = ["Words", "capitalise", "pick"]


class Words(Names):
    """Everything that can be drawn: words, names, amounts, phrases, materials, sentences."""

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
            core = rng.choice(
                (
                    '{a}" {n}',
                    "{a} x {b}-inch {n}",
                    "{n} to taste",
                    "juice of {a} {n}",
                    "{n} ({q})",
                    "{n}, {q}",
                    "{a} large {n}",
                    "{n} for {m}",
                    "{q} each {n} and {m}",
                    "{a} lg. pkg. {m}",
                    "{q} {n} or {m}",
                    "strips of {m}",
                    "{a}'{b}\" {n}",
                    '{n} "{w}"',
                    "{a}-{b}cm {n}",
                    "{a} {n} per {m}",
                )
            ).format(
                a=rng.randint(1, 12),
                b=rng.randint(1, 20),
                n=self.noun_phrase(rng),
                m=self.mass(rng),
                q=self.quantity(rng),
                w=self.name(rng),
            )
        elif draw < 0.88:
            size = f"({rng.randint(1, 32)} {rng.choice(('oz.', 'g', 'inch', 'ml', 'cm'))})"
            core = f"{rng.randint(1, 4)} {size} {rng.choice(lexicon.CONTAINERS)} {self.mass(rng)}"
        else:
            core = self.noun_phrase(rng) if rng.random() < 0.6 else self.mass(rng)
        if rng.random() < 0.13:
            core += rng.choice(
                (
                    " (optional)",
                    " to finish",
                    ", sanded",
                    ", cut in half",
                    " for the base",
                    f" ({self.word(rng)})",
                    f", {self.word(rng)}",
                    " as needed",
                )
            )
        return core

    def mass(self, rng: random.Random) -> str:
        """A substance without a plural, at times any noun phrase."""
        draw = rng.random()
        if draw < 0.5:
            return rng.choice(lexicon.MASS)
        return (
            f"{self.adjective(rng)} {rng.choice(lexicon.MASS)}"
            if draw < 0.7
            else (self.noun_phrase(rng))
        )

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
