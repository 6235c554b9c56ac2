"""Python types as tasks: what schema they make, what the prompt says, what is refused.

Run: pytest tests/data/task/test_python_types.py
"""

from __future__ import annotations

import datetime
import enum
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, Literal, Optional

import pytest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter
from typing_extensions import TypedDict

from setaccio.data import Task, load_task
from setaccio.data.errors import SchemaError, TaskError
from setaccio.data.task.python_types import covers, describe_type, make_adapter
from setaccio.runtime.grammar.constraint import check_enforceable


class Unit(enum.Enum):
    GRAM = "g"
    PIECE = "pc"


class Solid(BaseModel):
    """Something that is weighed."""

    kind: Literal["solid"]
    unit: Unit
    amount: Decimal = Field(description="as a decimal number", gt=0)


class Liquid(BaseModel):
    kind: Literal["liquid"]
    litres: float


class Order(BaseModel):
    """What somebody ordered."""

    number: uuid.UUID = Field(alias="orderNumber", description="printed at the top")
    day: datetime.date
    at: datetime.time | None = None
    paid: datetime.datetime
    sent: AwareDatetime
    goods: list[Annotated[Solid | Liquid, Field(discriminator="kind")]]
    notes: dict[str, str]
    tags: set[str] = set()
    pair: tuple[int, str]
    photo: bytes | None = None


class Part(BaseModel):
    name: str
    parts: list[Part] = []


class Endless(BaseModel):
    inner: Endless


class Called(BaseModel):
    call: Callable[[], int]


class Strange:
    pass


@dataclass
class Point:
    """A place on the map."""

    x: float
    y: Annotated[float, Field(description="northwards")] = 0.0


class Row(TypedDict, total=False):
    """A line of a table."""

    cells: list[str]


def test_a_class_becomes_a_schema_that_can_be_enforced() -> None:
    name, schema, unenforced = describe_type(Order)
    check_enforceable(schema)
    assert name == "order"
    assert schema["properties"]["orderNumber"] == {
        "type": "string",
        "format": "uuid",
        "description": "printed at the top",
    }
    assert schema["properties"]["day"] == {"type": "string", "format": "date"}
    assert schema["$defs"]["Solid"]["properties"]["amount"]["type"] == "number"
    assert "uniqueItems" not in schema["properties"]["tags"]
    assert unenforced == ("$.properties.photo.anyOf[0].format",)
    closed = [schema, schema["$defs"]["Solid"], schema["$defs"]["Liquid"]]
    assert [part["additionalProperties"] for part in closed] == [False] * 3
    assert schema["properties"]["notes"]["additionalProperties"] == {"type": "string"}


@pytest.mark.parametrize(
    ("field", "text", "fits"),
    [
        ("at", "19:30", True),
        ("at", "19:30:05.5+02:00", True),
        ("at", "24:00", False),
        ("paid", "2026-05-03T19:30", True),
        ("paid", "2026-05-03T19:30:00Z", True),
        ("paid", "2026-05-03", False),
        ("sent", "2026-05-03T19:30:00Z", True),
        ("sent", "2026-05-03T19:30:00", False),  # the type asks for a zone
    ],
)
def test_times_as_documents_write_them(field: str, text: str, fits: bool) -> None:
    schema = describe_type(Order).schema
    task = Task.from_schema({"type": "object", "properties": {field: schema["properties"][field]}})
    assert (task.problems({field: text}) == []) is fits
    if fits:
        make_adapter(Order.model_fields[field].annotation).validate_json(json.dumps(text))


def test_prompt_has_docstrings_and_descriptions() -> None:
    task = Task.from_type(Order)
    (system, user) = task.messages("An order.")
    assert system["content"].startswith("Extract the order from the text as JSON.\n")
    for said in ("What somebody ordered.", "printed at the top", "Something that is weighed."):
        assert said in system["content"]
    assert user["content"] == "An order."
    assert "northwards" in Task.from_type(Point).messages("")[0]["content"]
    assert "A place on the map." in Task.from_type(Point).messages("")[0]["content"]
    assert Task.from_type(Order, "Read it.").instruction == "Read it."


def test_the_old_name_makes_the_same_task() -> None:
    assert Task.from_pydantic(Order) == Task.from_type(Order)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Point, "point"),
        (Row, "row"),
        (TypeAdapter(Point), "point"),
        (list[Part], "data"),
        (Optional[Point], "data"),  # noqa: UP045
        (Solid | Liquid, "data"),
        (int, "data"),
        (Part, "part"),
    ],
)
def test_whatever_a_type_adapter_takes(kind: Any, name: str) -> None:
    described = describe_type(kind)
    assert described.name == name
    check_enforceable(described.schema)
    assert Task.from_type(kind).json_schema == described.schema


def test_a_recursive_class_has_fields_at_its_root() -> None:
    assert Task.from_type(Part).fields == ("name", "parts")


def test_names_of_generic_and_retitled_classes() -> None:
    class Titled(BaseModel):
        model_config = ConfigDict(title="Größe [v2]")

        a: int

    assert Task.from_type(Titled).name == "gr-e-v2"


@pytest.mark.parametrize(
    ("kind", "error", "said"),
    [
        (Endless, SchemaError, "Endless: .* requires itself without end"),
        (Called, TaskError, "Called: pydantic can not make a JSON Schema"),
        (Strange, TaskError, "Strange: pydantic can not validate it"),
        (3, TaskError, "3: pydantic can not validate it"),
    ],
)
def test_what_is_no_type_is_refused_by_name(kind: Any, error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        Task.from_type(kind)


def test_a_type_of_the_shape_of_a_task() -> None:
    class Booking(BaseModel):
        """In other words."""

        people: Optional[str] = Field(None, description="how many")  # noqa: UP045
        date: str | None
        time: str | None
        first_name: str | None
        last_name: str | None

    class Number(Booking):
        people: int | None = None

    class More(Booking):
        street: str

    own = load_task("booking").json_schema
    assert covers(own, describe_type(Booking).schema)
    assert not covers(own, describe_type(Number).schema)
    assert not covers(own, describe_type(More).schema)
    optional = {**own, "required": []}
    assert not covers(optional, describe_type(Booking).schema)
    part = describe_type(Part).schema
    assert covers(part, part)
    assert not covers(part, describe_type(Point).schema)
    unit = {"type": "object", "properties": {"u": {"enum": ["g", "pc"]}}, "required": ["u"]}
    assert covers(unit, describe_type(TypedDict("U", {"u": Unit})).schema)
