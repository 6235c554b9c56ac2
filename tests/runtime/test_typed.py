"""Python types in, instances out: validators, statuses, the task of the model, what mypy knows.

Run: pytest tests/runtime/test_typed.py
"""

from __future__ import annotations

import datetime
import enum
import json
import pickle
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Optional

import pytest
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    TypeAdapter,
    field_validator,
)
from type_checks import type_errors
from typing_extensions import TypedDict

from setaccio.data import Pair, Task
from setaccio.data.errors import TaskError, UsageError
from setaccio.runtime import Extraction, Extractor
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.result.typed_value import give_value

TEXT = "Beat 2 eggs with 50 g sugar on 3 May 2026."


class Kind(enum.Enum):
    SOUP = "soup"
    CAKE = "cake"


class Step(BaseModel):
    no: int = Field(ge=0, le=9)


class Dish(BaseModel):
    """A dish."""

    model_config = ConfigDict(strict=True)

    kind: Kind = Field(alias="dishKind")
    day: datetime.date
    size: Literal["s", "m", "l"]
    step: Step
    chef: Optional[Literal["A", "B"]]  # noqa: UP045


class Soup(BaseModel):
    type: Literal["soup"]
    hot: bool


class Cake(BaseModel):
    type: Literal["cake"]
    layers: int = Field(ge=1, le=9)


@dataclass
class Pot:
    hot: bool
    step: Step


class Nested(BaseModel):
    hot: bool = Field(validation_alias=AliasPath("pan", "hot"))
    size: Literal["s", "m"] = Field(validation_alias=AliasChoices("size", "width"))


class Pan(TypedDict):
    hot: bool


class Recipe(BaseModel):
    title: str
    ingredients: list[str]
    directions: list[str]


class ShortTitle(Recipe):
    @field_validator("title")
    @classmethod
    def _is_short(cls, title: str) -> str:
        if len(title) > 3:
            raise ValueError("a title of more than 3 letters")
        return title


def test_a_value_is_an_instance(model: LoadedModel) -> None:
    extraction = Extractor(model, Dish).extract(TEXT)
    assert extraction.status == "ok", extraction
    dish = extraction.value
    assert isinstance(dish, Dish)
    assert isinstance(dish.kind, Kind)
    assert type(dish.day) is datetime.date
    assert isinstance(dish.step, Step)
    assert dish.model_dump(mode="json", by_alias=True) == extraction.data


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Pot, Pot),
        (Pan, dict),
        (Nested, Nested),
        (Soup | Cake, (Soup, Cake)),
        (Annotated[Soup | Cake, Field(discriminator="type")], (Soup, Cake)),
        (TypeAdapter(Pot), Pot),
        (Annotated[list[Step], Field(min_length=2, max_length=2)], list),
        (bool, bool),
    ],
)
def test_whatever_pydantic_takes(model: LoadedModel, kind: Any, expected: Any) -> None:
    extraction = Extractor(model, kind).extract(TEXT)
    assert extraction.status == "ok", extraction
    assert isinstance(extraction.value, expected)


def test_what_a_validator_refuses_is_a_status(model: LoadedModel, recipe_pairs: list[Pair]) -> None:
    extractor = Extractor(model, ShortTitle)
    texts = [recipe_pairs[-1].text, "", recipe_pairs[-2].text]
    refused, empty, other = extractor.extract_all(texts)
    for each in (refused, other):
        assert each.status == "invalid_value"
        assert each.message.startswith("$.title: Value error, a title of more than 3 letters.")
        assert each.value is None
        assert len(each.data["title"]) > 3
        assert Task.from_type(Recipe).problems(each.data) == []
    assert [refused.id, empty.id, other.id] == ["1", "2", "3"]
    assert empty.status == "error"


def test_a_validator_that_breaks_harms_nobody(model: LoadedModel) -> None:
    class Broken(Step):
        @field_validator("no")
        @classmethod
        def _breaks(cls, no: int) -> int:
            raise KeyError(f"no entry for {no}")

    extraction = Extractor(model, Broken).extract(TEXT)
    assert extraction.status == "invalid_value"
    assert "a validator raised KeyError: 'no entry for" in extraction.message
    assert extraction.data.keys() == {"no"}


def test_what_is_not_complete_has_no_value(model: LoadedModel, recipe_pairs: list[Pair]) -> None:
    extraction = Extractor(model, Recipe, max_tokens=24).extract(recipe_pairs[-1].text)
    assert extraction.status == "truncated_output"
    assert extraction.data["title"]
    assert extraction.value is None
    assert Extractor(model, max_tokens=24).extract(recipe_pairs[-1].text).value is None


def test_without_a_type_the_value_is_the_data(model: LoadedModel, recipe_pairs: list[Pair]) -> None:
    extraction = Extractor(model).extract(recipe_pairs[-1].text)
    assert extraction.ok
    assert extraction.value == extraction.data


def test_a_type_of_the_models_own_shape_keeps_its_task(model: LoadedModel, recipe: Task) -> None:
    extractor = Extractor(model, Recipe)
    assert extractor.task == recipe
    assert extractor.warnings == []
    assert Extractor(model, returns=Recipe).task == recipe
    other = Extractor(model, Dish)
    assert other.task == Task.from_type(Dish)
    assert "was exported for the task 'recipe'; 'dish' is extracted instead" in other.warnings[0]


def test_a_task_of_ones_own_beside_a_type(model: LoadedModel) -> None:
    task = Task.from_type(Step, "Which step is it?")
    extractor = Extractor(model, task, returns=Step)
    assert extractor.task is task
    assert isinstance(extractor.extract(TEXT).value, Step)
    with pytest.raises(UsageError, match="a type already"):
        Extractor(model, Step, returns=Step)
    with pytest.raises(TaskError, match="3: pydantic can not"):
        Extractor(model, 3)
    with pytest.raises(TaskError, match="3: pydantic can not"):
        Extractor(model, task, returns=3)


def test_what_only_the_type_checks_is_said(model: LoadedModel) -> None:
    class Secret(BaseModel):
        word: str = Field(json_schema_extra={"format": "password"}, max_length=3)

    extractor = Extractor(model, Secret)
    assert extractor.warnings[-1].startswith("$.properties.word.format is not enforced")
    assert isinstance(extractor.extract(TEXT).value, Secret)


def test_rows_and_pickles_are_those_of_before(model: LoadedModel, recipe_pairs: list[Pair]) -> None:
    plain = Extractor(model).extract(recipe_pairs[-1].text)
    typed = replace(Extractor(model, Recipe).extract(recipe_pairs[-1].text), seconds=plain.seconds)
    assert typed.to_json() == plain.to_json()
    assert typed == plain
    assert "value" not in json.loads(plain.to_json())
    assert "_instance" not in plain.__getstate__()
    again = pickle.loads(pickle.dumps(plain))  # noqa: S301
    assert again == plain
    assert again.value == plain.data
    assert pickle.dumps(again) == pickle.dumps(pickle.loads(pickle.dumps(again)))  # noqa: S301
    carried = pickle.loads(pickle.dumps(typed))  # noqa: S301
    assert carried.value == typed.value
    assert isinstance(carried.value, Recipe)


def test_null_is_a_value(model: LoadedModel) -> None:
    empty = replace(Extractor(model, Step).extract(TEXT), data=None)
    typed: Extraction[Any] = give_value(empty, TypeAdapter(None))
    assert typed.ok
    assert typed.value is None


def test_extractors_of_types_keep_nothing_alive(model: LoadedModel) -> None:
    import gc
    import weakref

    extractor = Extractor(model, Step)
    list(extractor.extract_stream(TEXT))
    gc.collect()
    gc.disable()
    try:
        gone = weakref.ref(extractor)
        del extractor
        assert gone() is None
    finally:
        gc.enable()


SNIPPET = """
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, TypeAdapter
from typing_extensions import TypedDict, assert_type

from setaccio.data import Task
from setaccio.runtime import Extraction, Extractor, Partial


class Recipe(BaseModel):
    title: str


@dataclass
class Point:
    x: float


class Row(TypedDict):
    cells: list[str]


def plain(extractor: Extractor) -> Extraction:
    return extractor.extract("")


async def use(task: Task | None) -> None:
    extractor = Extractor("m.gguf", Recipe, parallel=2)
    assert_type(extractor, Extractor[Recipe])
    assert_type(extractor.extract("").value, Recipe | None)
    assert_type([each.value for each in extractor.extract_all(["a"])], list[Recipe | None])
    for step in extractor.extract_stream(""):
        assert_type(step, Partial | Extraction[Recipe])
    assert_type(await extractor.aextract(""), Extraction[Recipe])
    async for each in extractor.aextract_all(["a"]):
        assert_type(each.value, Recipe | None)
    async for step in extractor.aextract_stream(""):
        assert_type(step, Partial | Extraction[Recipe])
    assert_type(Extractor("m.gguf", Point).extract("").value, Point | None)
    assert_type(Extractor("m.gguf", Row).extract("").value, Row | None)
    assert_type(Extractor("m.gguf", list[Recipe]).extract("").value, list[Recipe] | None)
    assert_type(Extractor("m.gguf", TypeAdapter(Recipe)).extract("").value, Recipe | None)
    assert_type(Extractor("m.gguf", task, returns=Recipe).extract("").value, Recipe | None)
    assert_type(Extractor("m.gguf"), Extractor[Any])
    assert_type(Extractor("m.gguf", task).extract(""), Extraction[Any])
    wrong: int | None = extractor.extract("").value
"""


def test_mypy_knows_the_types(repository: Path, tmp_path: Path) -> None:
    wrong = next(n for n, line in enumerate(SNIPPET.splitlines(), 1) if "wrong" in line)
    assert type_errors(SNIPPET, tmp_path, repository) == [
        f'program.py:{wrong}: error: Incompatible types in assignment (expression has type "Recipe '
        '| None", variable has type "int | None")  [assignment]'
    ]
