"""Rows of a results file and their keys, as :mod:`setaccio.runtime.batch.journal` reads them back.

A key is a hash of everything that an answer depends on: model, task, options and text. With the
document's id it tells which documents are done.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

from setaccio.data.errors import DataError

RUN_DIGITS = 8
"""Leading hex digits of a key that are the same for every text of one run."""

_KEY_DIGITS = 32
_ROW_BEGINS = b'{"id":'


def fingerprint(model: str, task: str, options: Mapping[str, Any]) -> str:
    """Hash of what all rows of a run have in common.

    Args:
        model: SHA-256 of the model's file.
        task: digest of the task.
        options: every option that can change an answer; the order does not matter.

    Returns:
        64 hex digits.
    """
    settings = json.dumps(dict(options), sort_keys=True)
    return hashlib.blake2b("\n".join((model, task, settings)).encode(), digest_size=32).hexdigest()


def document_key(run: str, text: str) -> str:
    """Key of a row: 32 hex digits, of which the first :data:`RUN_DIGITS` name the run.

    Args:
        run: from :func:`fingerprint`.
        text: the document's text.
    """
    digest = hashlib.blake2b(run.encode(), digest_size=(_KEY_DIGITS - RUN_DIGITS) // 2)
    digest.update(text.encode("utf-8", "surrogatepass"))
    return run[:RUN_DIGITS] + digest.hexdigest()


def place_of(key: str, identifier: str) -> bytes:
    """16 bytes that tell one row from another: equal texts may come under several identifiers."""
    whole = f"{key}\0{identifier}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(whole, digest_size=16).digest()


class Row(NamedTuple):
    """What is known of a row: its key, its document's id, and whether the document came out."""

    key: str
    id: str
    ok: bool


def _read_row(line: bytes) -> Row | None:
    if not line.endswith(b"\n"):
        return None
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    key, identifier = (row.get("key"), row.get("id")) if isinstance(row, dict) else (None, None)
    if not (isinstance(key, str) and len(key) == _KEY_DIGITS and isinstance(identifier, str)):
        return None
    return Row(key, identifier, row.get("status") == "ok")


def _is_torn(line: bytes) -> bool:
    """Whether a last line is the beginning of a row of ours, or what a power cut makes of one."""
    begins = line[: len(_ROW_BEGINS)] == _ROW_BEGINS[: len(line)]
    return (begins and not line.endswith(b"\n")) or not line.strip(b"\0")


def journal_rows(stream: IO[bytes], path: Path) -> Iterator[tuple[bytes, Row | None]]:
    """Whole lines of a results file, up to its end or a torn last line; no row for a blank one.

    Raises:
        DataError: a line is no row; nothing is cut off then, the file may be another's.
    """
    lines = enumerate(stream, 1)
    for number, line in lines:
        row = _read_row(line)
        if row is None and line.strip(b"\r\n"):
            if _is_torn(line) and next(lines, None) is None:
                return
            raise DataError(
                f"{path}:{number}: not a row of results with a key, so nothing can be resumed. "
                "Name the file that the interrupted run wrote, or another one."
            )
        yield line, row
