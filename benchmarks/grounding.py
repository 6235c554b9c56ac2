"""How long it takes to find values in a document, by its length: with accents and without.

    python -m benchmarks.grounding

The values are passages in which a letter was misread, and passages of another document: both are
looked for in every way there is. No model is needed.
"""

from __future__ import annotations

import random
import sys
import time
import unicodedata
from collections.abc import Mapping

from benchmarks.report.tables import number, table
from setaccio.data.text.evidence import ground

CHARACTERS = (10_000, 50_000, 250_000)
VALUES = 10
_TEXTS = {
    "French": "le pâté fumé très salé est préparé à la crème brûlée près du marché où l'été a fui",
    "Vietnamese": "bản hợp đồng này được ký kết giữa công ty và khách hàng tại thành phố vào ngày",
}


def without_accents(text: str) -> str:
    """The letters alone."""
    letters = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def measure_grounding() -> dict[str, dict[int, float]]:
    """Find values in documents of every length.

    Returns:
        For each text the processor's seconds for :data:`VALUES` values, by characters.
    """
    texts = dict(_TEXTS)
    texts |= {f"{name}, no accents": without_accents(text) for name, text in _TEXTS.items()}
    return {
        name: {size: _seconds(text, size) for size in CHARACTERS} for name, text in texts.items()
    }


def _seconds(text: str, size: int) -> float:
    chance = random.Random(size)
    words = text.split()

    def passage(length: int) -> str:
        return " ".join(chance.choice(words) for _ in range(length))

    document = passage(size // 4)[:size]
    values = [passage(chance.randint(6, 20)) for _ in range(VALUES // 2)]
    while len(values) < VALUES:
        begin = chance.randrange(size - 200)
        at = begin + 20
        values.append(f"{document[begin:at]}q{document[at + 1 : begin + 60]}")
    began = time.process_time()
    ground(document, values)
    return time.process_time() - began


def grounding_table(seconds: Mapping[str, Mapping[int, float]]) -> str:
    """The times as Markdown, a text a row."""
    sizes = sorted({size for found in seconds.values() for size in found})
    rows = [[name, *(number(found.get(n), 3) for n in sizes)] for name, found in seconds.items()]
    return table(["characters", *(f"{size:,}" for size in sizes)], rows)


if __name__ == "__main__":
    sys.stdout.write(grounding_table(measure_grounding()))
