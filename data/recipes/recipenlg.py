"""Read RecipeNLG and similar recipe files, and write texts for their rows.

Contract: ``read_recipenlg`` streams, so two million rows need no more memory than one. It reads
the full file (an unnamed index column, then ``title,ingredients,directions,link,source,NER``) and
the small form (``id,title,ingredients,directions``); lists are JSON inside cells. A row that can
not be used is yielded as a ``Problem`` with its line number and reason, never dropped silently.
RecipeNLG (Bień et al., 2020) may be used for research only and is not part of this package; it has
no running text, so ``recipenlg_pairs`` writes it.

    for item in read_recipenlg("full_dataset.csv"):
        if isinstance(item, Problem): print(item)
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from setaccio.data.errors import DataError, UsageError
from setaccio.data.readers.tabular import read_rows
from setaccio.data.recipes.prose import write_prose
from setaccio.data.recipes.public_domain import StructuredRecipe
from setaccio.data.records import Pair, Problem

_COLUMNS = ("title", "ingredients", "directions")


@dataclass(frozen=True)
class RecipeRow:
    """One recipe of the file.

    Attributes:
        id: the ``id`` or index column; the number of the row, from 0, where there is none.
        line: the line at which the row begins, from 1.
        title: the name of the dish.
        ingredients: one string per ingredient.
        directions: one string per step.
    """

    id: str
    line: int
    title: str
    ingredients: tuple[str, ...]
    directions: tuple[str, ...]

    @property
    def recipe(self) -> StructuredRecipe:
        """The row as the prose writer takes it."""
        return StructuredRecipe(self.title, list(self.ingredients), list(self.directions))


def read_recipenlg(path: str | Path, *, strict: bool = False) -> Iterator[RecipeRow | Problem]:
    """Stream the rows of a recipe file.

    Args:
        path: the CSV file, in UTF-8.
        strict: raise at the first row that can not be used instead of yielding a problem.

    Yields:
        Rows in the order of the file, and a ``Problem`` in the place of each unusable one.

    Raises:
        UsageError: there is no such file.
        DataError: the header lacks a needed column, or a row is unusable and ``strict`` is set.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"{path}: no such file. Give the path of a RecipeNLG CSV file.")
    number = 0
    for item in read_rows(str(path), delimiter=","):
        found = item if isinstance(item, Problem) else _row(*item, number, path)
        number += isinstance(item, tuple)
        if strict and isinstance(found, Problem):
            raise DataError(f"{found}. Repair the row, or read without strict to skip it.")
        yield found


def recipenlg_pairs(rows: Iterable[RecipeRow], seed: int) -> Iterator[Pair]:
    """Write one text for each row.

    Args:
        rows: what ``read_recipenlg`` gave, problems taken out.
        seed: another seed writes other texts; a text depends on the seed and its row alone.

    Yields:
        Pairs with ids ``recipenlg-<id>``; the gold is as it can be read in the text.
    """
    for row in rows:
        rng = random.Random(f"recipenlg:{seed}:{row.id}:False")
        prose = write_prose(row.recipe, rng)
        yield Pair(id=f"recipenlg-{row.id}", text=prose.text, gold=dict(prose.gold))


def _row(line: int, row: dict[str, str], number: int, path: Path) -> RecipeRow | Problem:
    missing = [name for name in _COLUMNS if name not in row]
    if missing:
        raise DataError(
            f"{path}: the header has no column {' or '.join(missing)}. A recipe file begins with "
            "id,title,ingredients,directions, or is the full RecipeNLG file."
        )
    try:
        title = " ".join(row["title"].split())
        if not title:
            raise ValueError("the title is empty")
        ingredients, directions = (_strings(name, row[name]) for name in _COLUMNS[1:])
    except ValueError as error:
        return Problem(str(path), line, str(error))
    row_id = row.get("id", row.get("", "")).strip() or str(number)
    return RecipeRow(row_id, line, title, ingredients, directions)


def _strings(name: str, cell: str) -> tuple[str, ...]:
    """Parse a cell that holds a JSON list of strings."""
    try:
        values = json.loads(cell)
    except json.JSONDecodeError as error:
        raise ValueError(f"{name}: not a JSON list ({error.msg})") from error
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{name}: not a JSON list of strings")
    strings = tuple(" ".join(value.split()) for value in values)
    if not strings:
        raise ValueError(f"{name}: the list is empty")
    if not all(strings):
        raise ValueError(f"{name}: entry {strings.index('') + 1} is empty")
    return strings
