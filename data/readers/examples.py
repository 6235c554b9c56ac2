"""Rows of JSON Lines as examples of a schema: pairs, of which the gold counts, or bare objects.

>>> infer_schema(read_examples("pairs.jsonl")).schema
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from setaccio.data.errors import DataError, UsageError
from setaccio.data.records import Problem, origin_of, read_jsonl
from setaccio.data.schema.infer import Example


def read_examples(path: str | Path) -> Iterator[Example]:
    """Read a file; its first row says whether the rows are pairs.

    Args:
        path: JSON Lines of objects, or of pairs with an object ``gold``.

    Raises:
        UsageError: there is no such file.
        DataError: a line is neither, or there is none; the first is named.
    """
    path = Path(path)
    try:
        stream = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path}: can not be read ({error.strerror}). Check the path.") from error
    pairs: bool | None = None
    with stream:
        for item in read_jsonl(stream, str(path)):
            if isinstance(item, Problem):
                raise DataError(f"{item}. Repair or remove this line.")
            number, row = item
            pairs = _is_pair(row) if pairs is None else pairs
            if not (_is_pair(row) if pairs else isinstance(row, dict)):
                wanted = 'no "gold" object, as the lines before have' if pairs else "no JSON object"
                raise DataError(f"{path}:{number}: {wanted}. Repair or remove this line.")
            yield _example(row) if pairs else Example(row)
    if pairs is None:
        raise DataError(f"{path}: holds no line. Each is an object, or a pair with a gold object.")


def _is_pair(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("gold"), dict)


def _example(row: dict[str, Any]) -> Example:
    text, id = row.get("text"), row.get("id")
    return Example(
        row["gold"],
        text if isinstance(text, str) else "",
        "" if id is None else origin_of(str(id)),
    )
