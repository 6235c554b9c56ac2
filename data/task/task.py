"""The task: what is to be extracted, said once and used everywhere.

A :class:`Task` is a name, an instruction, a JSON Schema, optional few-shot examples and per-field
rules for scoring and for merging. The same object renders the training prompt, the runtime prompt
and the evaluation, so prompt and gold can not disagree. It is read from a YAML or JSON file, from a
folder that holds ``task.yaml``, from a Python type, or from the metadata of a GGUF.

    >>> from setaccio.data import load_task
    >>> load_task("recipe").fields
    ('title', 'ingredients', 'directions')
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from setaccio.data.errors import SchemaError, TaskError
from setaccio.data.files.json_text import dump_compact as dump_compact
from setaccio.data.files.json_text import parse_json, repetitions
from setaccio.data.schema.check import check_schema
from setaccio.data.schema.dialects import without_nullable
from setaccio.data.schema.envelopes import read_given, unwrap
from setaccio.data.schema.key_order import order_like
from setaccio.data.schema.validation.validators import make_validator
from setaccio.data.task.python_types import describe_type
from setaccio.data.task.rules import MergeRule, check_merge_rules
from setaccio.data.task.rules import ScoringRule as ScoringRule
from setaccio.data.task.task_file import TASK_FOLDER as TASK_FOLDER
from setaccio.data.task.task_file import find_task_file, read_task_file

Json = Any
Message = dict[str, str]


class Shot(BaseModel):
    """One worked example that is shown in the prompt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str = Field(description="the document")
    gold: dict[str, Json] = Field(description="what should come out")


class Task(BaseModel):
    """What is extracted from a document, and how the result is judged.

    Raises:
        TaskError: by :func:`load_task` and :meth:`from_metadata` when a part is missing or wrong.
        SchemaError: when the schema is not a usable JSON Schema.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="a short identifier")
    instruction: str = Field(min_length=1, description="what the model is asked to do")
    json_schema: dict[str, Json] = Field(alias="schema", description="JSON Schema of the result")
    schema_in_prompt: bool = Field(
        default=True,
        description="whether the prompt shows the schema; a model that is tuned for the one task "
        "knows it, and a prompt without it is shorter to learn from and to read",
    )
    examples: tuple[Shot, ...] = Field(default=(), description="few-shot examples, oldest first")
    scoring: dict[str, ScoringRule] = Field(
        default_factory=dict, description="field path such as `author.name` to its rule"
    )
    merge: dict[str, MergeRule] = Field(
        default_factory=dict, description="field path to how values of several chunks become one"
    )

    _notes: tuple[str, ...] = PrivateAttr(())

    @model_validator(mode="wrap")
    @classmethod
    def _schema_is_read(cls, data: Any, handler: ModelWrapValidatorHandler[Task]) -> Task:
        key = "schema" if isinstance(data, dict) and "schema" in data else "json_schema"
        if not isinstance(data, dict) or not isinstance(data.get(key), dict):
            return handler(data)
        given = read_given(data[key])
        task = handler({**data, key: given.schema})
        task._notes = given.notes
        return task

    @field_validator("json_schema")
    @classmethod
    def _schema_is_usable(cls, schema: dict[str, Json]) -> dict[str, Json]:
        schema = without_nullable(schema)
        check_schema(schema)
        return schema

    @model_validator(mode="after")
    def _rules_are_for_fields(self) -> Task:
        check_merge_rules(self.merge, self.json_schema)
        return self

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the top-level properties, in the order in which they are generated."""
        return tuple(self.json_schema.get("properties", {}))

    @property
    def notes(self) -> tuple[str, ...]:
        """What the author of the schema should know: where it was found, which keys are unknown."""
        return self._notes

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of everything in the task: two tasks with one digest are the same task."""
        return hashlib.sha256(self.to_metadata().encode()).hexdigest()

    def messages(self, text: str, examples: Sequence[Shot] | None = None) -> list[Message]:
        """Chat messages that ask for the extraction of one document.

        Args:
            text: the document, which stays data: nothing in it is read as an instruction or token.
            examples: few-shot examples in place of the task's own.

        Returns:
            ``{"role", "content"}`` messages: system, few-shot turns, and the document as the last.
        """
        asked = self.instruction
        if self.schema_in_prompt:
            asked += f"\n{dump_compact(self.json_schema)}"
        turns = [{"role": "system", "content": asked}]
        for shot in self.examples if examples is None else examples:
            turns.append({"role": "user", "content": shot.text})
            turns.append({"role": "assistant", "content": self.render_gold(shot.gold)})
        return [*turns, {"role": "user", "content": text}]

    def showing_schema(self) -> Task:
        """This task with the schema in its prompt: for a model that was not tuned for it.

        Such a model can know the keys from nowhere else.
        """
        return self if self.schema_in_prompt else self.model_copy(update={"schema_in_prompt": True})

    def render_gold(self, gold: Json) -> str:
        """Write a gold value the way the constrained model writes it.

        Compact JSON, keys in the order of the schema: the form that training teaches is the only
        form that the grammar allows, so neither fights the other.
        """
        return dump_compact(order_like(gold, self.json_schema))

    def problems(self, value: Json) -> list[str]:
        """Say where a value breaks the schema, formats included, and which keys it repeats.

        Returns:
            One sentence per violation, first the path; empty when the value is valid.
        """
        try:
            errors = [*make_validator(self.json_schema).iter_errors(value)]
        except ValueError as error:  # a pattern that searches without end
            return [f"$: can not be judged: {error}"]
        return [*repetitions(value), *(f"{each.json_path}: {each.message}" for each in errors)]

    def to_metadata(self) -> str:
        """The whole task as one canonical JSON string, as it is written into a GGUF."""
        # Later additions only where they are used: an older task keeps its digest.
        left_out = set() if self.merge else {"merge"}
        if self.schema_in_prompt:
            left_out.add("schema_in_prompt")
        return dump_compact(self.model_dump(by_alias=True, mode="json", exclude=left_out))

    @classmethod
    def from_metadata(cls, text: str, source: str = "metadata") -> Task:
        """Read a task back from :meth:`to_metadata`.

        Raises:
            TaskError: the text is not a task.
        """
        try:
            raw = parse_json(text)
        except ValueError as error:
            raise TaskError(f"{source}: the stored task is not JSON ({error}).") from error
        return parse_task(raw, source)

    @classmethod
    def from_type(cls, kind: Any, instruction: str | None = None) -> Task:
        """Make a task from a Python type: its name, docstrings, field descriptions and schema.

        Args:
            kind: a pydantic class, a dataclass, a ``TypedDict``, or what else pydantic's
                ``TypeAdapter`` takes (:mod:`setaccio.data.task.python_types`).
            instruction: what the model is asked to do; the default names the type.

        Raises:
            TaskError: pydantic can not make a schema of the type.
            SchemaError: the constraint can not enforce the schema.
        """
        name, schema, _ = describe_type(kind)
        asked = instruction or f"Extract the {name} from the text as JSON."
        return cls(name=name, instruction=asked, schema=schema)

    from_pydantic = from_type

    @classmethod
    def from_schema(cls, schema: dict[str, Json], instruction: str | None = None) -> Task:
        """Make a task from a bare JSON Schema; its ``title`` becomes the name.

        Args:
            schema: the JSON Schema of the result, or an envelope around it as other tools take it.
            instruction: what the model is asked to do; the schema's description by default.
        """
        inner = unwrap(schema).schema
        title = "".join(
            c if c.isascii() and c.isalnum() else "-" for c in str(inner.get("title", "schema"))
        )
        name = title.strip("-") or "schema"
        asked = instruction or inner.get("description") or "Extract the data from the text as JSON."
        return cls(name=name, instruction=asked, schema=schema)


def parse_task(raw: Json, source: str) -> Task:
    """Validate the content of a task file.

    Args:
        raw: the parsed YAML or JSON.
        source: what to name in an error message.

    Raises:
        TaskError: a part is missing, unknown or of the wrong type; every one is named.
    """
    if not isinstance(raw, dict):
        raise TaskError(
            f"{source}: a task is a mapping with name, instruction and schema. Write it so, or "
            "give a JSON Schema, a mapping of keywords such as type and properties."
        )
    try:
        task = Task.model_validate(raw)
    except ValidationError as error:
        parts = [f"{'.'.join(map(str, e['loc'])) or 'task'}: {e['msg']}" for e in error.errors()]
        raise TaskError(f"{source}: not a valid task. {'; '.join(parts)}.") from error
    check_text(task, source)
    return task


def check_text(task: Task, source: str) -> None:
    """Refuse a task that no file can hold as UTF-8 JSON.

    Raises:
        TaskError: half of a surrogate pair is somewhere in it.
    """
    try:
        task.to_metadata().encode()
    except UnicodeEncodeError as error:
        raise TaskError(
            f"{source}: holds half of a surrogate pair ({error.object[error.start]!a}), which is "
            "no Unicode text. Write the character itself."
        ) from error


def load_task(name_or_path: str | Path, *, as_schema: bool = False) -> Task:
    """Load a task by the name of a bundled one, or from a file or folder.

    Args:
        name_or_path: ``recipe`` (bundled), a ``.yaml``/``.json`` file, or a folder with
            ``task.yaml``. A file that holds a bare JSON Schema becomes a task of that schema.
        as_schema: whatever is no task is meant as a bare schema, ``{}`` included.

    Raises:
        TaskError: nothing of that name, or not a task; the message lists the bundled ones.
        SchemaError: the schema is none, or can not be enforced.
    """
    path = find_task_file(name_or_path)
    raw = read_task_file(path)
    if as_schema and not _is_task(raw):
        schema = _mapping(raw, str(path))
    elif _is_plainly_schema(raw):
        schema = raw
    else:
        return parse_task(raw, str(path))
    check_schema(without_nullable(read_given(schema, str(path)).schema), source=str(path))
    return Task.from_schema(schema)


def load_schema(name_or_path: str | Path) -> dict[str, Json]:
    """The schema of a schema file, of a task file, or of a bundled task, as it stands there.

    Raises:
        TaskError: nothing of that name, or it can not be read.
        SchemaError: it holds no mapping.
    """
    raw = read_task_file(find_task_file(name_or_path))
    return _mapping(raw["schema"] if _is_task(raw) else raw, str(name_or_path))


def _is_task(raw: Json) -> bool:
    return isinstance(raw, dict) and "instruction" in raw and isinstance(raw.get("schema"), dict)


def _is_plainly_schema(raw: Json) -> bool:
    if not isinstance(raw, dict) or "instruction" in raw:
        return False
    if "schema" in raw and not {"strict", "type"} & set(raw):  # a task without its instruction
        return False
    keywords = {"type", "properties", "$ref", "anyOf", "$schema"}
    return bool(keywords & set(raw)) or unwrap(raw).schema is not raw


def _mapping(raw: Json, source: str) -> dict[str, Json]:
    if not isinstance(raw, dict):
        raise SchemaError(
            f"{source}: holds no JSON Schema, which is a mapping of keywords such as type and "
            'properties. Write one, as in {"type": "object"}.'
        )
    return raw
