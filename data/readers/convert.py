"""Any usual fine-tuning set to pairs: ``setaccio data convert``.

Contract: every row of the source becomes one pair or one :class:`Problem` that names file and
line; none disappears. Rows come as :mod:`setaccio.data.readers.tabular` reads them. What they mean
is told by a template for the text and one for the gold (:mod:`setaccio.data.readers.columns`), or
else seen from the columns (:mod:`setaccio.data.readers.chat`).

    rule = Rule(text="{phrase}", gold={"tone": "{tone}"})
    for item in convert("phrases.csv", rule): ...
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from setaccio.data.errors import DataError, UsageError
from setaccio.data.files.json_text import parse_json
from setaccio.data.readers.chat import KINDS, as_gold, recognise
from setaccio.data.readers.columns import (
    fill_gold,
    fill_text,
    look_up,
    names_in,
)
from setaccio.data.readers.hub import HUB
from setaccio.data.readers.labelled import document_text
from setaccio.data.readers.slices import Slice, split_source
from setaccio.data.readers.tabular import JSONL_FILES, OTHER_FILES, read_named_rows, read_rows
from setaccio.data.records import Pair, Problem, collect_pairs, load_pairs, parse_weight
from setaccio.data.task.task import Task

_ONE_NAME = re.compile(r"\{[^{}]+\}")
_SHOWN = 3


@dataclass(frozen=True)
class Rule:
    """How a row becomes a pair.

    Attributes:
        kind: a key of ``setaccio.data.readers.chat.KINDS``; seen from the first row's columns by
            default.
        text: template of the text, such as ``{title}: {body}``; needs ``gold``.
        gold: template of the gold: a JSON value, whose strings are templates, or ``"{column}"``
            for a column that holds the whole object.
        id: template of the id; by default the column ``id``, or else the row's line, or its number
            where a line may hold several rows (``.json``).
        weight: a number for all pairs, or a template such as ``{weight}``.
        task: pairs whose gold breaks its schema are problems.
    """

    kind: str | None = None
    text: str | None = None
    gold: Any = None
    id: str | None = None
    weight: float | str | None = None
    task: Task | None = None

    def check(self) -> None:
        """Refuse a rule that fits no row.

        Raises:
            UsageError: says what is missing or wrong.
        """
        if (self.text is None) != (self.gold is None):
            raise UsageError("A template of the text needs one of the gold, and the other way.")
        if self.kind is not None and self.kind not in KINDS:
            raise UsageError(f"{self.kind}: no known form of rows. Known are {', '.join(KINDS)}.")
        if self.kind is not None and self.text is not None:
            raise UsageError(f"The form {self.kind} and templates exclude each other; give one.")
        self.columns()

    def columns(self) -> list[str]:
        """The columns that the templates ask for."""
        return names_in([self.text, self.gold, self.id, self.weight])


def parse_gold(text: str) -> Any:
    """Read the template of a gold from the command line.

    Args:
        text: a JSON value, or one ``{column}`` for a column that holds the whole gold.

    Raises:
        UsageError: it is neither.
    """
    try:
        return parse_json(text)
    except ValueError as error:
        if _ONE_NAME.fullmatch(text.strip()):
            return text.strip()
        raise UsageError(
            f'{text}: no JSON ({error}). Write the gold as in {{"tone": "{{tone}}"}}, or name the '
            "one column that holds all of it, as in {gold}."
        ) from error


def convert_rows(
    source: str,
    rule: Rule | None = None,
    part: Slice | None = None,
    *,
    delimiter: str | None = None,
    allow_download: bool = False,
    config: str | None = None,
) -> Iterator[Pair | Problem]:
    """Make pairs of the rows of a source.

    Args:
        source: a file, folder or ``hub:OWNER/NAME``; see
            :func:`setaccio.data.readers.tabular.read_rows`.
        rule: how a row becomes a pair; seen from the columns by default.
        part: the rows that are wanted; all by default.
        delimiter: what separates the cells of a CSV file; by its name by default.
        allow_download: let a data set be fetched from the Hub.
        config: the configuration of a data set that has several.

    Yields:
        A pair for each row, or a problem in its place.

    Raises:
        UsageError: the source or the rule can not be used.
        DataError: the source can not be read, or its columns tell nothing.
        MissingExtraError: the package that reads it is not installed.
    """
    rule = rule or Rule()
    rule.check()
    kind, first = rule.kind, True
    for name, number, item in read_named_rows(
        source, part, delimiter=delimiter, allow_download=allow_download, config=config
    ):
        if isinstance(item, Problem):
            yield item
            continue
        if first:
            kind, first = kind or _kind_of(item[1], rule, source), False
        try:
            yield _pair(item[1], name, rule, kind, Path(source).parent)
        except ValueError as error:
            yield Problem(source, item[0], str(error), number)


def _kind_of(row: Mapping[str, Any], rule: Rule, source: str) -> str | None:
    """What the first row tells; None where templates say it.

    Raises:
        DataError: a template asks for what is not there, or there is none and none is needed.
    """
    # Blanks around a name are not seen without quotation marks.
    columns = ", ".join(name if name.strip() == name else repr(name) for name in map(str, row))
    separated = " If another character separates the cells, pass --delimiter."
    hint = separated if any(set(";|\t") & set(str(name)) for name in row) else ""
    if rule.text is not None:
        for name in rule.columns():
            if name not in row and name.split(".")[0] not in row:
                raise DataError(f"{source}: no column {name!r} (columns: {columns}).{hint}")
        return None
    kind = recognise(list(row))
    if kind is None:
        raise DataError(
            f"{source}: the columns ({columns}) do not tell what is text and what is gold. Say it "
            f"with --text '{{column}}' and --fields column,column, or with --gold.{hint}"
        )
    return kind


def _pair(row: Mapping[str, Any], name: str, rule: Rule, kind: str | None, folder: Path) -> Pair:
    pair_id = _id(row, rule, name)
    if kind is not None:
        pair = KINDS[kind].to_pair(row, pair_id)
    else:
        gold = _fitting(as_gold(fill_gold(rule.gold, row)), rule.task)
        text = fill_text(rule.text or "", row, lambda named: document_text(folder / named))
        pair = Pair(pair_id, text, gold)
    if not pair.text.strip():
        raise ValueError("the text is empty")
    if rule.weight is not None:
        pair = replace(pair, weight=_weight(rule.weight, row))
    broken = rule.task.problems(pair.gold) if rule.task else []
    if broken:
        more = f"; and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else ""
        raise ValueError(f"the gold breaks the schema: {'; '.join(broken[:_SHOWN])}{more}")
    return pair


def _fitting(gold: dict[str, Any], task: Task | None) -> dict[str, Any]:
    """The gold without its empty fields where the schema wants them left out rather than null."""
    filled = {key: value for key, value in gold.items() if value is not None}
    if task is None or len(filled) == len(gold) or not task.problems(gold):
        return gold
    return gold if task.problems(filled) else filled


def _id(row: Mapping[str, Any], rule: Rule, name: str) -> str:
    if rule.id is not None:
        return fill_text(rule.id, row)
    given = row.get("id")
    return name if given is None or given == "" else str(given)


def _weight(weight: float | str, row: Mapping[str, Any]) -> float:
    if not isinstance(weight, str):
        return parse_weight(weight)
    name = names_in(weight)
    value = look_up(row, name[0]) if name else weight
    try:
        return parse_weight(float(value) if isinstance(value, str) else value)
    except ValueError as error:
        raise ValueError(f"the weight {value!r} is not a number above 0") from error


def load_any(path: str | Path, *, skip_bad: bool = False) -> tuple[list[Pair], list[Problem]]:
    """Read pairs from whatever tells by itself what is text and what is gold.

    Args:
        path: JSON Lines of pairs, or any source of :func:`convert` that needs no template; with a
            slice behind it (``pairs.jsonl[:4096]``) only these rows are taken.
        skip_bad: return bad rows as problems; by default they are refused.

    Returns:
        The pairs, and the problems (always empty unless ``skip_bad``).

    Raises:
        DataError: bad rows (unless ``skip_bad``), or no usable row at all.
        UsageError: there is no such source.
        MissingExtraError: the package that reads it is not installed.
    """
    name = str(path)
    source, part = (name, Slice()) if Path(name).exists() else split_source(name)
    if part.whole and not _is_foreign(source):
        return load_pairs(source, skip_bad=skip_bad)
    return collect_pairs(convert_rows(source, part=part), name, skip_bad=skip_bad)


def _is_foreign(source: str) -> bool:
    """Whether a source is something else than JSON Lines of pairs."""
    path = Path(source)
    if source.startswith(HUB) or path.is_dir() or path.suffix.lower() in OTHER_FILES:
        return True
    if path.suffix.lower() not in JSONL_FILES or not path.is_file():
        return False  # such as a pipe, which can not be looked into
    first = next((item for item in read_rows(source) if not isinstance(item, Problem)), None)
    return first is not None and recognise(list(first[1])) not in (None, "pairs")
