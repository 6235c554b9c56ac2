"""From JSON data to an instance of a Python type, its validators run.

    >>> give_value(extraction, make_adapter(Recipe)).value
    Recipe(title='Sponge cake')

What a validator refuses is one document's misfortune: its status is ``invalid_value``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypeVar

from setaccio.data.files.json_text import dump_compact
from setaccio.runtime.extraction import Extraction

T = TypeVar("T", default=Any)


def give_value(extraction: Extraction[Any], adapter: TypeAdapter[T]) -> Extraction[T]:
    """An extraction with its value; never raises for what validators make of the data.

    Args:
        extraction: as it was judged; only one that is ``ok`` gets a value.
        adapter: pydantic's validator of the type.

    Returns:
        It with the value, or with the status ``invalid_value``, a message that names the field and
        the reason, and its data.
    """
    if not extraction.ok:
        return extraction
    try:
        # As JSON: a strict type takes dates from texts there, and tuples from lists. By name too:
        # the schema has the field's name where its alias is a path.
        text = dump_compact(extraction.data)
        value = adapter.validate_json(text, by_alias=True, by_name=True)
    except ValidationError as error:
        reason = _first(error)
    except Exception as error:  # a validator that raises something else than it should
        reason = f"a validator raised {type(error).__name__}: {' '.join(str(error).split())}"
    else:
        return replace(extraction, _instance=value)
    message = f"{reason.rstrip('.')}. The answer fits the schema and is kept in data."
    return replace(
        extraction, status="invalid_value", message=f"{message} {extraction.message}".strip()
    )


def _first(error: ValidationError) -> str:
    found = error.errors(include_url=False, include_context=False)
    place = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in found[0]["loc"])
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"${place}: {found[0]['msg']}{more}"
