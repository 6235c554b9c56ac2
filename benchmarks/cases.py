"""What is extracted from: tasks and documents, the same for every program.

The tiny model answers generated recipes. The models that recite get public-domain recipes, cut to a
few lines so that a run of all programs fits into minutes; text and answer are real, only the choice
of tokens is given.
"""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from setaccio.data import Task, load_task
from setaccio.data.files.atomic import atomic_write
from setaccio.data.recipes.generate import generate_pairs
from setaccio.data.recipes.prose import write_prose
from setaccio.data.recipes.public_domain import StructuredRecipe, public_domain_recipes
from setaccio.data.records import Document
from setaccio.data.task.task import dump_compact

SEED = 20_261
SAMPLE = Path(__file__).parent.parent / "data" / "samples" / "recipes_public_domain.jsonl"
FIXTURES = Path(__file__).parent.parent / "tests" / "fixtures"
RECIPE = FIXTURES / "recipe.yaml"
"""The task of all recipes: that which the tiny model was tuned on."""
INGREDIENTS, DIRECTIONS = 3, 2
"""Most lines of a transcript's lists."""
DISTINCT = 64
"""Documents that a long stream goes through again and again; none follows itself."""

Kind = Literal["generated", "transcripts", "long", "fields"]


@dataclass(frozen=True)
class Case:
    """Documents with a task.

    Attributes:
        kind: ``generated`` recipes; ``transcripts``, which a model recites; ``long`` documents of
            ``size`` tokens or so; ``fields``, a schema of ``size`` properties.
        count: number of documents.
        size: see ``kind``.
        max_tokens: most tokens of an answer.
        transcripts: file of :class:`Transcript` rows, for that kind.
    """

    kind: Kind
    count: int
    size: int = 0
    max_tokens: int = 512
    transcripts: str = ""

    def task(self) -> Task:
        """What is to be extracted."""
        return _fields_task(self.size) if self.kind == "fields" else load_task(RECIPE)

    def documents(self) -> Iterator[Document]:
        """The documents, as many as were asked for."""
        return itertools.islice(self._stream(), self.count)

    def _stream(self) -> Iterator[Document]:
        if self.kind == "transcripts":
            texts = [row.text for row in read_transcripts(Path(self.transcripts))]
        else:
            number = min(self.count, DISTINCT)
            texts = [pair.text for pair in generate_pairs(number, SEED)]
        if self.kind == "long":
            texts = [_lengthened(text, texts, self.size) for text in texts]
        for number in itertools.count():
            yield Document(str(number), texts[number % len(texts)])


@dataclass(frozen=True)
class Transcript:
    """A document and the answer that a model knows by heart.

    Attributes:
        text: the document.
        answer: compact JSON.
        tokens: token ids of the answer as constrained decoding cuts it.
    """

    text: str
    answer: str
    tokens: list[int] = field(default_factory=list)


def transcripts(count: int) -> list[Transcript]:
    """Candidates, of much the same length, the most usual first.

    Args:
        count: how many.
    """
    dice = random.Random(SEED)
    found = []
    for recipe in public_domain_recipes(SAMPLE):
        short = StructuredRecipe(
            recipe.title, recipe.ingredients[:INGREDIENTS], recipe.directions[:DIRECTIONS]
        )
        prose = write_prose(short, dice)
        answer = dump_compact(prose.gold)
        if answer.isascii() and prose.text.isascii():
            found.append(Transcript(prose.text, answer))
    lengths = sorted(len(row.answer) for row in found)
    usual = lengths[len(lengths) // 2]
    return sorted(found, key=lambda row: abs(len(row.answer) - usual))[:count]


def write_transcripts(path: Path, rows: Sequence[Transcript]) -> None:
    """Write rows as JSON Lines."""
    with atomic_write(path) as stream:
        stream.writelines(json.dumps(asdict(row)) + "\n" for row in rows)


def read_transcripts(path: Path) -> list[Transcript]:
    """Rows that :func:`write_transcripts` wrote."""
    return [Transcript(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def _lengthened(text: str, others: Sequence[str], tokens: int) -> str:
    """A document of so many tokens or so (four characters each) that begins with a text."""
    parts = itertools.chain([text], itertools.cycle(others))
    long = ""
    while len(long) < 4 * tokens:
        long += next(parts) + "\n\n"
    return long[: 4 * tokens].rsplit(" ", 1)[0]


def _fields_task(count: int) -> Task:
    """A task whose answer is ``count`` choices: its length is that of the schema."""
    kinds: list[dict[str, Any]] = [
        {"type": "boolean"},
        {"enum": ["none", "little", "much", "unknown"]},
        {"type": ["integer", "null"], "minimum": 0, "maximum": 99},
    ]
    names = ("salt", "sugar", "butter", "flour", "milk", "eggs", "oil", "water")
    properties = {
        f"{names[index % len(names)]}_{index}": kinds[index % len(kinds)] for index in range(count)
    }
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return Task.from_schema(schema, "Fill in the form for the recipe, as JSON.")


def warming(case: Case) -> Case:
    """One document and four tokens: what brings caches and clocks up before the measurement."""
    return replace(case, count=1, max_tokens=4)
