"""Files that hold a task or a schema: where they are, and what stands in them.

Contract: ``read_task_file`` gives the JSON value that a file holds. A ``.json`` file is JSON.
Anything else is YAML, and JSON where it begins with ``{`` and is that: the two differ in what they
make of escapes, tabs, long keys and numbers. YAML is read by the core schema of YAML 1.2, which
knows JSON's types alone, so that ``no``, ``2020-01-01`` and ``1:30`` are strings, as they look.
"""

from __future__ import annotations

import re
from json import JSONDecodeError
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from setaccio.data.errors import TaskError
from setaccio.data.files.atomic import atomic_write
from setaccio.data.files.json_text import TOO_DEEP, finite, integer, is_deep, parse_json, unwritable

TASK_FOLDER = Path(__file__).parents[1] / "tasks"

_TAG = "tag:yaml.org,2002:"
_DIGITS = "-+0123456789"
# YAML 1.2.2, section 10.3.2; the first that matches wins. Merge keys are of 1.1, and in wide use.
_CORE = (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list(_DIGITS)),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        [*_DIGITS, "."],
    ),
    ("merge", "<<", ["<"]),
)


class _Loader(yaml.SafeLoader):
    """Scalars by the core schema, keys as they are written, none of them twice."""

    def compose_mapping_node(self, anchor: Any) -> MappingNode:
        # Here, not when it is constructed: by then merge keys may have added others.
        node: MappingNode = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                raise ConstructorError(None, None, "a key is no text", key.start_mark)
            if key.value in seen and key.tag != f"{_TAG}merge":
                said = f"the key {key.value!r} stands twice in one mapping"
                raise ConstructorError(None, None, said, key.start_mark)
            seen.add(key.value)
        return node

    def flatten_mapping(self, node: Any) -> None:
        # Our own, because releases of PyYAML differ in which of two values counts where one merged
        # mapping merges another: a mapping's own, then the first named
        # (https://yaml.org/type/merge.html).
        merged: dict[str, tuple[Node, Node]] = {}
        own = {key.value: (key, value) for key, value in node.value if key.tag != f"{_TAG}merge"}
        named = [value for key, value in node.value if key.tag == f"{_TAG}merge"]
        node.value = list(own.values())  # before the walk: a mapping may merge itself
        for value in named:
            for each in value.value if isinstance(value, SequenceNode) else [value]:
                if not isinstance(each, MappingNode):
                    said = "only mappings can be merged into a mapping"
                    raise ConstructorError(None, None, said, each.start_mark)
                self.flatten_mapping(each)
                merged = {pair[0].value: pair for pair in each.value} | merged
        node.value = list((merged | own).values())

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        if not isinstance(node, MappingNode):  # so tagged
            raise ConstructorError(None, None, "is no mapping", node.start_mark)
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}

    def number(self, node: Node) -> int | float:
        """A number, where JSON can hold it."""
        text = str(node.value)
        try:
            if node.tag == f"{_TAG}float":
                # Python writes YAML's `.inf` and `.nan` without the dot, and JSON has neither.
                return finite(re.sub(r"\.(?=[iInN])", "", text))
            return int(text, 0) if text[:2] in ("0o", "0x") else integer(text.lstrip("+"))
        except ValueError as error:
            raise ConstructorError(None, None, str(error), node.start_mark) from error

    def truth(self, node: Node) -> bool:
        """One of the two words, whatever the tag says."""
        if str(node.value).lower() not in ("true", "false"):
            raise ConstructorError(None, None, "is neither true nor false", node.start_mark)
        return str(node.value).lower() == "true"


_Loader.yaml_implicit_resolvers = {}
_Loader.yaml_constructors = {
    tag: SafeConstructor.yaml_constructors[tag]
    for tag in (*(_TAG + kind for kind in ("null", "str", "seq", "map")), None)
}
for _kind, _pattern, _first in _CORE:
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(rf"^(?:{_pattern})$"), _first)
for _kind in ("int", "float"):
    _Loader.add_constructor(_TAG + _kind, _Loader.number)
_Loader.add_constructor(f"{_TAG}bool", _Loader.truth)


def find_task_file(name_or_path: str | Path) -> Path:
    """The file of a bundled task, of a folder that holds ``task.yaml``, or the path itself.

    Raises:
        TaskError: there is no such file; the message lists the bundled ones.
    """
    path = Path(name_or_path)
    if path.is_dir():
        path = path / "task.yaml"
    bundled = TASK_FOLDER / f"{name_or_path}.yaml"
    if not path.is_file() and path.name == str(name_or_path) and bundled.is_file():
        path = bundled
    if not path.exists():
        known = ", ".join(sorted(each.stem for each in TASK_FOLDER.glob("*.yaml")))
        raise TaskError(f"{name_or_path}: no such task file or bundled task (bundled: {known}).")
    return path


def read_task_file(path: Path) -> Any:
    """The JSON value that a YAML or JSON file holds.

    Raises:
        TaskError: it can not be read, is neither, or holds what no JSON file can.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise TaskError(f"{path}: not UTF-8 text. Save the file as UTF-8.") from error
    except OSError as error:
        raise TaskError(f"{path}: can not be read ({error.strerror}). Check the path.") from error
    value = _parse(text, path)
    if is_deep(value):
        raise _too_deep(path)
    if unwritable(value):
        raise TaskError(
            f"{path}: holds half of a surrogate pair (\\ud800 to \\udfff), which is no Unicode "
            "text. Write the character itself."
        )
    return value


class _Dumper(yaml.SafeDumper):
    """Quotes what would be read as something else than a string, here or by YAML 1.1."""


_Dumper.yaml_implicit_resolvers = {
    first: [*_Loader.yaml_implicit_resolvers.get(first, ()), *known]
    for first, known in yaml.SafeDumper.yaml_implicit_resolvers.items()
}


def write_task_file(path: str | Path, task: dict[str, Any]) -> None:
    """Write a task as YAML that :func:`read_task_file` reads as the same, whole or not at all."""
    with atomic_write(path) as stream:
        yaml.dump(task, stream, _Dumper, sort_keys=False, allow_unicode=True, width=100)


def _too_deep(path: Path) -> TaskError:
    return TaskError(
        f"{path}: {TOO_DEEP}, an object in a schema's properties being two. Nest it less, or move "
        "what repeats to $defs."
    )


def _parse(text: str, path: Path) -> Any:
    is_json = path.suffix.lower() == ".json"
    if is_json or text.lstrip().startswith("{"):
        try:
            return parse_json(text, unique_keys=True)
        except ValueError as error:
            if str(error) == TOO_DEEP:
                raise _too_deep(path) from error
            # Else it is only no JSON, and may be YAML.
            if is_json or not isinstance(error.__cause__, JSONDecodeError):
                raise TaskError(
                    f"{path}: not JSON ({error}). Correct it, or name a file of YAML .yaml."
                ) from error
    try:
        return _Loader(text).get_single_data()
    except RecursionError as error:
        raise _too_deep(path) from error
    except yaml.YAMLError as error:
        said = " ".join(str(error).split()).replace('in "<unicode string>", ', "in ")
        raise TaskError(f"{path}: not YAML or JSON ({said}). Correct it there.") from error
