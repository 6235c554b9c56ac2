"""Draw synthetic examples: `generate(seed, index)` picks a family by weight and calls it.

from setaccio.data.synthetic import generate
example = generate(seed=0, index=17)
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import lru_cache
from itertools import accumulate

from setaccio.data.synthetic import (
    catalogue,
    commands,
    commerce,
    errands,
    gatherings,
    knowledge,
    market,
    people,
    records,
)
from setaccio.data.synthetic.example import Example
from setaccio.data.synthetic.noise import noise
from setaccio.data.synthetic.procedures import procedures
from setaccio.data.synthetic.random_schema import random_rows, random_schema
from setaccio.data.synthetic.vocabulary import Words

Family = Callable[[random.Random, Words], Example]

FAMILIES: dict[str, Family] = {
    "procedures": procedures,
    "random_schema": random_schema,
    "random_rows": random_rows,
    "orders": commerce.orders,
    "receipts": commerce.receipts,
    "listings": market.listings,
    "reviews": market.reviews,
    "inventories": market.inventories,
    "contacts": people.contacts,
    "job_ads": people.job_ads,
    "events": gatherings.events,
    "minutes": gatherings.minutes,
    "tickets": errands.tickets,
    "journeys": errands.journeys,
    "readings": records.readings,
    "logs": records.logs,
    "results": catalogue.results,
    "library": catalogue.library,
    "stock": records.stock,
    "commands": commands.commands,
    "definitions": knowledge.definitions,
    "questions": knowledge.questions,
    "sentences": knowledge.sentences,
    "notes": knowledge.notes,
}

# Procedures come nearest to the tasks the base model is tuned on later; random schemas teach it to
# go by the key alone. The other families share what is left.
_WEIGHTS: dict[str, float] = {"procedures": 26.0, "random_schema": 7.5, "random_rows": 3.0}
_NAMES = tuple(FAMILIES)
_CUMULATIVE = tuple(accumulate(_WEIGHTS.get(name, 2.0) for name in _NAMES))


@lru_cache(maxsize=1)
def _words() -> Words:
    return Words()


def generate(seed: int, index: int) -> Example:
    """The example number `index` of the stream `seed`; the same for the same arguments.

    Args:
        seed: names the stream.
        index: position in it; examples can be drawn in any order.

    Returns:
        An example whose gold is valid against its schema.
    """
    rng = random.Random(f"{seed}:{index}")
    name = rng.choices(_NAMES, cum_weights=_CUMULATIVE)[0]
    return noise(rng, FAMILIES[name](rng, _words()))
