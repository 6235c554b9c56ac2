"""The jsonschema library, loaded without what only ``iri`` formats need.

Its checker of IRIs comes from a package that builds some thirty parsers when it is imported: a
second for every start of the program, while hardly a schema asks for an IRI. Here it is imported
when the first IRI is checked.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_SLOW = "rfc3987_syntax"


def _is_valid_syntax(term: str, value: str) -> bool:
    """As the package's own function, which is imported now."""
    return bool(importlib.import_module(_SLOW).is_valid_syntax(term, value))


@contextmanager
def _later() -> Iterator[None]:
    """While this lasts, an import of the slow package gives a stand-in that loads it when used."""
    if _SLOW in sys.modules or importlib.util.find_spec(_SLOW) is None:
        yield
        return
    stand_in = ModuleType(_SLOW)
    stand_in.__dict__["is_valid_syntax"] = _is_valid_syntax
    sys.modules[_SLOW] = stand_in
    try:
        yield
    finally:
        del sys.modules[_SLOW]


with _later():
    import jsonschema

__all__ = ["jsonschema", "make_validator", "validator_class"]


def validator_class(schema: dict[str, Any]) -> Any:
    """The jsonschema class for the draft that a schema names; draft 2020-12 where it names none."""
    return jsonschema.validators.validator_for(schema, default=jsonschema.Draft202012Validator)


def make_validator(schema: dict[str, Any]) -> jsonschema.protocols.Validator:
    """A validator of instances of a schema, formats included."""
    kind = validator_class(schema)
    validator: jsonschema.protocols.Validator = kind(schema, format_checker=kind.FORMAT_CHECKER)
    return validator
