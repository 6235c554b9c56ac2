"""Rows of typed columns, as Parquet and ``datasets`` have them, as rows of JSON values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from setaccio.data.errors import DataError, MissingExtraError
from setaccio.data.files.json_text import unwritable
from setaccio.data.records import Problem

Row = tuple[int, dict[str, Any]]
Items = Iterator[Row | Problem]
HALF = "holds half of a surrogate pair, which is no Unicode text"
_NO_JSON = object()


def read_parquet(path: Path) -> Items:
    """The rows of a Parquet file.

    Raises:
        DataError: it can not be read.
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtraError("report", "pyarrow") from error
    try:
        with parquet.ParquetFile(path) as file:
            rows = (row for batch in file.iter_batches(1024) for row in batch.to_pylist())
            yield from number_rows(rows, str(path))
    except arrow.ArrowException as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{path}: no readable Parquet file ({reason}).") from error


def number_rows(rows: Iterable[dict[str, Any]], source: str, first: int = 1) -> Items:
    """Number rows of typed columns, with dates as ISO text and ``NaN`` as null.

    A column that JSON has no form for, such as an image, is left out of its row: a template that
    asks for it says so, and one that does not can go without.

    Args:
        rows: mappings from column to value.
        source: what problems should name.
        first: the number of the first row.
    """
    for number, row in enumerate(rows, first):
        plain = {str(key): _plain(value) for key, value in row.items()}
        kept = {key: value for key, value in plain.items() if value is not _NO_JSON}
        if unwritable(kept):
            yield Problem(source, number, HALF)
        else:
            yield number, kept


def _plain(value: Any) -> Any:
    """A value as JSON has it, or ``_NO_JSON``."""
    if isinstance(value, dict):
        inside = {str(key): _plain(part) for key, part in value.items()}
        return _NO_JSON if _NO_JSON in inside.values() else inside
    if isinstance(value, (list, tuple)):
        items = [_plain(part) for part in value]
        return _NO_JSON if _NO_JSON in items else items
    if isinstance(value, (float, Decimal)):
        # pandas writes an empty cell of numbers as NaN.
        return None if math.isnan(value) else _NO_JSON if math.isinf(value) else float(value)
    if value is None or isinstance(value, (str, int)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else _NO_JSON
