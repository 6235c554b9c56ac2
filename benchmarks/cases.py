"""What is extracted from: tasks and documents, the same for every program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from setaccio.data import Task, load_task
from setaccio.data.records import Document
from setaccio.runtime.model.gguf_header import read_header

SAMPLES = Path(__file__).parent.parent / "data" / "samples"
PAGES = "pages"
"""Name of the task, and of the documents, that are several recipes behind each other."""
RECIPES_A_PAGE = 3
PAGE_SCHEMA: dict[str, Any] = {
    "title": PAGES,
    "type": "object",
    "properties": {
        "first_dish": {"type": "string", "maxLength": 60},
        "course": {"enum": ["starter", "main", "side", "dessert", "drink", "other"]},
        "main_ingredient": {"type": "string", "maxLength": 40},
        "minutes": {"type": ["integer", "null"], "minimum": 0, "maximum": 999},
        "vegetarian": {"type": "boolean"},
        "needs_oven": {"type": "boolean"},
    },
    "required": ["first_dish", "course", "main_ingredient", "minutes", "vegetarian", "needs_oven"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Case:
    """Documents with a task.

    Attributes:
        task: name or path of it; empty for the one that the model carries.
        source: JSON Lines that hold a ``text`` each, or public-domain recipes.
        count: number of documents; where there are fewer, they come again.
        max_tokens: most tokens of an answer.
        busy: whether another program computes on one core meanwhile.
    """

    task: str
    source: str
    count: int
    max_tokens: int
    busy: bool = False

    def documents(self) -> Iterator[Document]:
        """The documents, as many as were asked for."""
        rows = [json.loads(line) for line in Path(self.source).read_text("utf-8").splitlines()]
        texts = _pages(rows) if self.task == PAGES else [str(row["text"]) for row in rows]
        for number in range(self.count):
            yield Document(str(number), texts[number % len(texts)])

    def warming(self) -> Case:
        """One document and four tokens: what brings caches and clocks up before measuring."""
        return replace(self, count=1, max_tokens=4)


AGREEMENT, ROOFLINE = "agreement", "roofline"
"""Jobs beside those of the arms: :mod:`benchmarks.arms.agreement`, :mod:`benchmarks.roofline`."""


@dataclass
class Job:
    """What a child does.

    Attributes:
        arm: one of :data:`benchmarks.arms.arms.LABELS`, or :data:`AGREEMENT`, :data:`ROOFLINE`.
        model: path of the GGUF.
        adapter: path of a LoRA adapter; empty for none.
        context: tokens of context for each document.
        threads: threads that compute.
        parallel: documents at once, for arms that can.
        case: what to extract from.
    """

    arm: str
    model: str
    adapter: str
    context: int
    threads: int
    parallel: int
    case: Case

    @classmethod
    def from_json(cls, text: str) -> Job:
        """A job from what :func:`dataclasses.asdict` made of one."""
        raw = json.loads(text)
        return cls(**{**raw, "case": Case(**raw["case"])})


@dataclass(frozen=True)
class DocumentSet:
    """Documents that a run goes through.

    Attributes:
        label: for tables.
        case: of it, with as many documents as programs get that take several at once.
        serial: documents for programs that take one at a time.
        seconds: expected for one document by itself, to tell the time that is left.
    """

    label: str
    case: Case
    serial: int
    seconds: float


SETS = {
    "recipes": DocumentSet(
        "recipes told as prose: 40 texts, long answers, the task that the weights were tuned on",
        Case("recipe", str(SAMPLES / "recipes_told.jsonl"), 16, 320),
        6,
        4.5,
    ),
    "bookings": DocumentSet(
        "what callers say in one turn: 150 short texts, short answers, weights not tuned on it",
        Case("booking", str(SAMPLES / "bookings_test.jsonl"), 32, 96),
        8,
        0.9,
    ),
    "pages": DocumentSet(
        f"{RECIPES_A_PAGE} recipes of a cookbook at once: long texts, a form of six fields, "
        "weights not tuned on it",
        Case(PAGES, str(SAMPLES / "recipes_public_domain.jsonl"), 16, 96),
        2,
        4.5,
    ),
}
"""The documents of a run, by name."""


def _pages(rows: list[dict[str, Any]]) -> list[str]:
    texts = [
        "\n".join([row["title"], "", *row["ingredients"], "", " ".join(row["directions"])])
        for row in rows
    ]
    whole = range(0, len(texts) - RECIPES_A_PAGE + 1, RECIPES_A_PAGE)
    return ["\n\n".join(texts[start : start + RECIPES_A_PAGE]) for start in whole]


def own_task(*files: str) -> Task | None:
    """The task that the first of some GGUFs (adapter, model) carries."""
    for file in filter(None, files):
        if stored := read_header(Path(file)).metadata.get("setaccio.task"):
            return Task.from_metadata(stored, source=file)
    return None


def choose_task(case: Case, model: str, adapter: str) -> Task:
    """A case's task; its prompt shows the schema to weights that were not tuned on it."""
    own = own_task(adapter, model)
    if own is not None and case.task in ("", own.name):
        return own
    if case.task == PAGES:
        return Task.from_schema(PAGE_SCHEMA, "Fill in the form for this page, as JSON.")
    return load_task(case.task or "recipe").showing_schema()


def same_answer(one: str, other: str) -> bool:
    """Whether two answers are equal, white space between their tokens apart."""
    try:
        return one == other or json.loads(one) == json.loads(other)
    except ValueError:
        return False
