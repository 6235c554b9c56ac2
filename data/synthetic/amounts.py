"""Numbers, dates, times, money, codes and quantities in their many written forms."""

from __future__ import annotations

import random

from setaccio.data.synthetic import lexicon

_FRACTIONS = ("½", "¼", "¾", "⅓", "⅔", "1/2", "1/4", "3/4", "1/3", "2/3", "1/8", "3/8")


class Amounts:
    """Random helpers that need no word list."""

    def fill(self, rng: random.Random, form: str) -> str:
        """Replace each `#` of `form` with a digit and each `@` with a capital letter."""
        return "".join(
            rng.choice("0123456789")
            if c == "#"
            else rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ")
            if c == "@"
            else c
            for c in form
        )

    def code(self, rng: random.Random) -> str:
        """An identifier such as a part or order number."""
        form = rng.choice(
            (
                "@@-####",
                "@####",
                "#####",
                "@@@-##-@",
                "########",
                "@@#@-@@##",
                "#####-##",
                "@@/####",
                "INV-####",
                "ORD#####",
                "@@@###",
                "##@##",
                "no. ###",
                "#@#@#@",
            )
        )
        return self.fill(rng, form)

    def phone(self, rng: random.Random) -> str:
        """A telephone number in one of several written forms."""
        form = rng.choice(
            (
                "+## ### ### ###",
                "(###) ###-####",
                "###-####",
                "0## ### ## ##",
                "+##-##-#######",
                "#### ######",
                "###.###.####",
                "## ## ## ## ##",
            )
        )
        return self.fill(rng, form)

    def date(self, rng: random.Random) -> str:
        """A date in one of many written forms, ISO among them."""
        day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(1950, 2032)
        long = lexicon.MONTHS[month - 1]
        suffix = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd"}.get(day, "th")
        return rng.choice(
            (
                f"{year}-{month:02}-{day:02}",
                f"{year}-{month:02}-{day:02}",
                f"{day} {long} {year}",
                f"{long} {day}, {year}",
                f"{long} {day}",
                f"{day} {long}",
                f"{day}/{month}/{year}",
                f"{month:02}/{day:02}/{year % 100:02}",
                f"{day:02}.{month:02}.{year}",
                f"the {day}{suffix} of {long}",
                f"{long[:3]} {day}",
                f"{day} {long[:3]} {year}",
                f"{rng.choice(lexicon.DAYS)} {day} {long}",
                f"{rng.choice(lexicon.DAYS)}",
                f"{long} {day}{suffix}",
                f"{rng.choice(lexicon.DAYS)[:3]}, {day} {long[:3]} {year}",
            )
        )

    def time(self, rng: random.Random) -> str:
        """A time of day."""
        hour, minute = rng.randint(0, 23), rng.choice((0, 5, 10, 15, 20, 30, 40, 45, 50, 55))
        short = (hour % 12) or 12
        half = "am" if hour < 12 else "pm"
        return rng.choice(
            (
                f"{hour:02}:{minute:02}",
                f"{hour}:{minute:02}",
                f"{short} {half}",
                f"{short}{half}",
                f"{short}:{minute:02} {half}",
                f"{hour}h{minute:02}",
                f"{short} o'clock",
                "noon",
                f"{short}.{minute:02} {half}",
            )
        )

    def duration(self, rng: random.Random) -> str:
        """A length of time."""
        unit = rng.choice(
            ("minutes", "min.", "hours", "seconds", "days", "weeks", "mins", "minutes")
        )
        draw = rng.random()
        if draw < 0.55:
            return f"{rng.choice((2, 3, 5, 8, 10, 12, 15, 20, 25, 30, 40, 45, 60, 90))} {unit}"
        if draw < 0.75:
            low = rng.randint(2, 40)
            return f"{low}{rng.choice(('-', ' to ', '–'))}{low + rng.randint(1, 15)} {unit}"
        return rng.choice(
            (
                "1 hour",
                "half an hour",
                "1 1/2 hours",
                "an hour",
                "a day",
                "2 hours",
                "one minute",
                "overnight",
                "1½ hours",
                "a few minutes",
            )
        )

    def temperature(self, rng: random.Random) -> str:
        """A temperature with a degree sign or in words."""
        value = rng.choice((rng.randint(-20, 40), rng.randrange(60, 500, 5)))
        return f"{value}{rng.choice(('°', '°C', '°F', ' °C', ' degrees', '° F'))}"

    def money(self, rng: random.Random) -> str:
        """An amount of money as written."""
        value = rng.choice((rng.randint(1, 99), rng.randint(100, 5000), rng.randint(1, 900) * 1000))
        cents = f".{rng.randint(0, 99):02}" if rng.random() < 0.5 else ""
        number = f"{value:,}" if rng.random() < 0.6 else str(value)
        return rng.choice(
            (
                f"${number}{cents}",
                f"€{number}{cents}",
                f"£{number}{cents}",
                f"{number}{cents} EUR",
                f"{number}{cents} zł",
                f"USD {number}{cents}",
                f"{number}{cents} kr",
                f"¥{number}",
                f"{number}{cents} euros",
                f"{number} dollars",
            )
        )

    def count(self, rng: random.Random) -> str:
        """A number of things as written: digits, a word, a fraction, a range."""
        draw = rng.random()
        if draw < 0.6:
            return str(rng.randint(1, 12))
        if draw < 0.7:
            return str(rng.randint(13, 500))
        if draw < 0.8:
            return rng.choice(lexicon.NUMBER_WORDS[1:13])
        if draw < 0.9:
            return rng.choice(
                ("a", "a few", "some", "several", "a couple of", "a dozen", "another")
            )
        low = rng.randint(1, 9)
        return f"{low}{rng.choice(('-', ' to ', ' or '))}{low + rng.randint(1, 3)}"

    def quantity(self, rng: random.Random) -> str:
        """A quantity with its unit, such as "1 1/2 cups" or "½ tsp."."""
        draw = rng.random()
        if draw < 0.4:
            number = str(rng.randint(1, 12))
        elif draw < 0.6:
            number = rng.choice(_FRACTIONS)
        elif draw < 0.75:
            fraction = rng.choice(_FRACTIONS)
            number = (
                f"{rng.randint(1, 5)}{' ' if '/' in fraction else rng.choice(('', ' '))}{fraction}"
            )
        elif draw < 0.85:
            number = str(rng.choice((50, 75, 100, 125, 150, 200, 250, 300, 400, 500, 750)))
        elif draw < 0.92:
            low = rng.randint(1, 9)
            number = f"{low}{rng.choice(('-', ' to '))}{low + rng.randint(1, 3)}"
        else:
            number = f"{rng.randint(0, 9)}.{rng.randint(1, 9)}"
        unit = rng.choice(lexicon.UNITS)
        glue = "" if unit in ("g", "kg", "ml", "cm", "mm") and rng.random() < 0.5 else " "
        return number + glue + unit

    def number(self, rng: random.Random, low: float, high: float, digits: int = 0) -> float | int:
        """A number between `low` and `high` with at most `digits` decimals."""
        value = round(rng.uniform(low, high), digits)
        return int(value) if digits == 0 else value
