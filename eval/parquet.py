"""Write the scores of a run as Parquet, for data frames and SQL.

    >>> from setaccio.eval.parquet import parquet
    >>> parquet("runs/recipes")
    PosixPath('runs/recipes/scores.parquet')

One row per arm and document, as in ``scores.jsonl``: levels and scores as columns, counts of leaves
as ``correct``, ``wrong``, ``omitted`` and ``hallucinated``, and ``fields`` as a list with a record
per field. Needs pyarrow, which the ``report`` extra brings; a run writes the file where that is
installed.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from setaccio.data.errors import DataError, MissingExtraError, UsageError
from setaccio.data.records import Problem, read_jsonl
from setaccio.eval.scoring.counts import OUTCOMES

_TEXTS = ("arm", "constraint", "id", "status")
_LEVELS = ("l1", "l1_strict", "l2", "l3")
_NUMBERS = ("score", "anls")


def parquet(folder: str | Path) -> Path:
    """Write ``scores.parquet`` into a run folder.

    Args:
        folder: the folder that ``setaccio eval --out`` wrote.

    Returns:
        The file.

    Raises:
        MissingExtraError: pyarrow is not installed.
        UsageError: no scores in the folder, or it can not be written.
        DataError: the scores can not be read.
    """
    try:
        pa: Any = importlib.import_module("pyarrow")  # it has no type hints to check against
        pq: Any = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise MissingExtraError("report", "pyarrow") from error
    rows = [_row(score) for score in _scores(Path(folder) / "scores.jsonl")]
    counts = [(name, pa.int64()) for name in OUTCOMES]
    field = [("path", pa.string()), ("method", pa.string()), ("score", pa.float64())]
    field += [("similarity", pa.float64()), *counts]
    columns = [(name, pa.string()) for name in _TEXTS] + [(name, pa.bool_()) for name in _LEVELS]
    columns += [(name, pa.float64()) for name in _NUMBERS]
    columns += [*counts, ("fields", pa.list_(pa.struct(field)))]
    file = Path(folder) / "scores.parquet"
    temporary = file.with_name(".scores.parquet.new")
    try:
        pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(columns)), temporary)
        temporary.replace(file)
    except OSError as error:
        raise UsageError(f"{file}: can not be written ({error.strerror}).") from error
    finally:
        temporary.unlink(missing_ok=True)
    return file


def is_available() -> bool:
    """Whether pyarrow is installed."""
    return importlib.util.find_spec("pyarrow") is not None


def _scores(file: Path) -> list[dict[str, Any]]:
    try:
        lines = file.read_bytes().split(b"\n")
    except OSError as error:
        raise UsageError(
            f"{file}: can not be read ({error.strerror}). Name a folder that eval --out wrote."
        ) from error
    found = []
    for item in read_jsonl(lines, str(file)):
        if isinstance(item, Problem) or not isinstance(item[1], dict):
            raise DataError(f"{file}: holds a line that is no score. Run eval again.")
        found.append(item[1])
    return found


def _row(score: dict[str, Any]) -> dict[str, Any]:
    names = (*_TEXTS, *_LEVELS, *_NUMBERS)
    fields = [
        {
            "path": _text(path),
            **{name: part[name] for name in ("method", "score", "similarity")},
            **part["leaves"],
        }
        for path, part in score["fields"].items()
    ]
    row = {name: score.get(name) for name in names}
    row |= {name: _text(row[name] or "") for name in _TEXTS}
    return {**row, **score["leaves"], "fields": fields}


def _text(text: str) -> str:
    """The text without lone surrogates, which UTF-8 and so Parquet can not hold."""
    return text.encode("utf-8", "replace").decode()
