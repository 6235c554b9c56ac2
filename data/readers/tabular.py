"""Rows of JSON Lines, JSON, CSV, TSV, Parquet and of data sets in ``datasets``' own form.

Contract: ``read_rows(source, part)`` yields ``(place, row)``, where a row is a mapping from column
to value, or a :class:`Problem` in the place of each row that can not be used. The place is a line
of a text file, from 1, and the number of the row, from 1, in anything else. Nothing is fetched
unless ``allow_download`` says so, and no code of a data set is run.

    for item in read_rows("quotes.csv", parse_slice("[:10%]")): ...

In a JSON array several rows may share a line: ``read_named_rows`` tells them apart.

CSV and JSON are read here, not by pyarrow or ``datasets``: those stop at the first bad row, know no
lines, guess types, and are not part of the small install.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from json import JSONDecodeError
from pathlib import Path
from typing import IO, Any, NamedTuple

from setaccio.data.errors import DataError, UsageError
from setaccio.data.files.encodings import UTF8, encoding_of
from setaccio.data.files.json_text import DECODER, TOO_DEEP, is_deep, unwritable
from setaccio.data.readers.csv_rows import read_csv
from setaccio.data.readers.hub import HUB, read_dataset
from setaccio.data.readers.labelled import labelled_documents, read_labelled
from setaccio.data.readers.slices import Slice
from setaccio.data.readers.typed_rows import HALF, Items, Row, read_parquet
from setaccio.data.records import Problem, read_jsonl

JSONL_FILES = frozenset({".jsonl", ".ndjson"})
_ARRAY = ".json"
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
OTHER_FILES = frozenset({_ARRAY, ".parquet", *_SEPARATORS})
_OTHERS = ",;\t|"
_BLANK = re.compile(r"[ \t\r\n]*")
_ESCAPED = re.compile("[\udc80-\udcff]")  # what became of bytes that are no UTF-8
FORMATS = "JSON Lines (.jsonl, .ndjson), .json, .csv, .tsv, .parquet, a folder, or hub:OWNER/NAME"


class NamedRow(NamedTuple):
    """A row, and what tells it apart from the others of its source.

    Attributes:
        name: its line, or its number where a line may hold several rows; never twice in a source.
        number: its number, from 1, where another row begins at the same place, and otherwise 0.
        item: ``(place, row)``, or the problem in its place.
    """

    name: str
    number: int
    item: Row | Problem


def read_rows(
    source: str,
    part: Slice | None = None,
    *,
    delimiter: str | None = None,
) -> Items:
    """Stream the rows of a file, a folder or a data set on the Hub.

    Args:
        source: a file, a folder of documents with their gold beside them, a folder that
            ``datasets`` can read, or ``hub:OWNER/NAME``.
        part: the rows that are wanted; all by default. Rows that can not be read are counted too.
        delimiter: what separates the cells of a CSV file; by its name by default.

    Raises:
        UsageError: there is no such source, or it is of no known kind.
        DataError: it can not be read at all.
        MissingExtraError: the package that reads it is not installed.
    """
    rows = read_named_rows(source, part, delimiter=delimiter)
    return (row.item for row in rows)


def read_named_rows(
    source: str,
    part: Slice | None = None,
    *,
    delimiter: str | None = None,
    allow_download: bool = False,
    config: str | None = None,
) -> Iterator[NamedRow]:
    """As :func:`read_rows`, each row with a name that no other row of its source has.

    With ``allow_download`` a data set may be fetched from the Hub; else only its cache is read.
    ``config`` names the configuration of a data set that has several.
    """
    part = part or Slice()
    path = Path(source)
    labelled = labelled_documents(path) if path.is_dir() and not part.part else []
    if labelled:
        rows_wanted = part.rows(len(labelled))
        some = labelled[rows_wanted.start : rows_wanted.stop]
        yield from _lined(read_labelled(some, path, rows_wanted.start + 1))
        return
    if source.startswith(HUB) or path.is_dir():
        items = read_dataset(source, part, allow_download=allow_download, config=config)
        yield from _lined(items)
        return
    if part.part:
        raise UsageError(
            f"{source}: a file has no part {part.part!r}. Write the slice alone, as in [:4096]."
        )
    if not path.exists():
        raise UsageError(f"{source}: no such file. Known are {FORMATS}.")
    count = sum(1 for _ in _read(path, delimiter)) if part.relative else sys.maxsize
    wanted = part.rows(count)
    rows = _numbered if path.suffix.lower() == _ARRAY and not delimiter else _lined
    yield from islice(rows(_read(path, delimiter)), wanted.start, max(wanted.start, wanted.stop))


def _place(item: Row | Problem) -> int:
    return item.line if isinstance(item, Problem) else item[0]


def _lined(items: Items) -> Iterator[NamedRow]:
    return (NamedRow(str(_place(item)), 0, item) for item in items)


def _numbered(items: Items) -> Iterator[NamedRow]:
    """Rows of which several may begin on one line, named by their number."""
    before, item, number = 0, next(items, None), 1
    while item is not None:
        following = next(items, None)
        place = _place(item)
        alone = place != before and (following is None or place != _place(following))
        shown = 0 if alone else number
        named = replace(item, row=shown) if isinstance(item, Problem) else item
        yield NamedRow(str(number), shown, named)
        before, item, number = place, following, number + 1


def _read(path: Path, delimiter: str | None) -> Items:
    suffix = path.suffix.lower()
    try:
        if suffix == ".parquet":
            yield from read_parquet(path)
        elif suffix in _SEPARATORS or delimiter:
            with _open(path) as text:
                yield from _csv(text, path, delimiter)
        elif suffix == _ARRAY:
            yield from _json(path)
        elif suffix in JSONL_FILES:
            with path.open("rb") as stream:
                yield from _mappings(read_jsonl(stream, str(path)), str(path))
        else:
            raise UsageError(f"{path}: of no known kind. Known are {FORMATS}.")
    except OSError as error:
        raise UsageError(f"{path}: can not be read ({error.strerror or error}).") from error
    except UnicodeDecodeError as error:
        reason = f"no {error.encoding.upper()} text at byte {error.start}"
        raise DataError(f"{path}: {reason}. Save the file as UTF-8.") from error


def _open(path: Path) -> IO[str]:
    with path.open("rb") as stream:
        encoding = encoding_of(stream.read(4))
    # Bytes that are no UTF-8 must spoil only their own row.
    errors = "surrogateescape" if encoding == UTF8 else "strict"
    return path.open(encoding=encoding, errors=errors, newline="")


def _mappings(items: Iterable[tuple[int, Any] | Problem], source: str) -> Items:
    for item in items:
        if isinstance(item, Problem):
            yield item
        elif isinstance(item[1], dict):
            yield item[0], item[1]
        else:
            yield Problem(source, item[0], "no JSON object with columns")


def _json(path: Path) -> Items:
    """The objects of a JSON array, one at a time, so that each has a line."""
    with _open(path) as stream:
        text = stream.read()
    if _ESCAPED.search(text):
        raise DataError(f"{path}: not UTF-8 text. Save the file as UTF-8.")

    def fault(at: int, reason: object) -> DataError:
        line = text.count("\n", 0, at) + 1
        return DataError(f"{path}:{line}: not JSON ({reason}). Repair it.")

    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        raise DataError(
            f"{path}: no JSON array of rows. Name a file of JSON Lines .jsonl, not .json."
        )
    line, counted = 1, 0
    at = _skip(text, at + 1)
    while text[at : at + 1] != "]":
        line, counted = line + text.count("\n", counted, at), at
        try:
            value, end = DECODER.raw_decode(text, at)
        # Behind a broken row nothing tells where the next one begins.
        except JSONDecodeError as error:
            raise fault(error.pos, error.msg) from error
        except RecursionError as error:
            raise fault(at, TOO_DEEP) from error
        except ValueError as error:
            raise fault(at, error) from error
        yield from _mappings([_writable((line, value), str(path))], str(path))
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != "]":
            raise fault(at, "a comma or ] is missing")
    at = _skip(text, at + 1)
    if at < len(text):
        raise fault(at, "more text behind the array")


def _skip(text: str, at: int) -> int:
    """The next place that is no white space."""
    return _BLANK.match(text, at).end()  # type: ignore[union-attr]


def _writable(item: tuple[int, Any], source: str) -> tuple[int, Any] | Problem:
    if is_deep(item[1]):
        return Problem(source, item[0], TOO_DEEP)
    if unwritable(item[1]):
        return Problem(source, item[0], HALF)
    return item


def _csv(stream: IO[str], path: Path, delimiter: str | None) -> Items:
    source, separator = str(path), delimiter or _SEPARATORS[path.suffix.lower()]
    if len(separator) != 1:
        raise UsageError(f"--delimiter {separator!r}: give one character.")
    header, rows = read_csv(stream, source, delimiter=separator)
    if not header or len(set(header)) < len(header):
        twice = ", ".join(sorted({name for name in header if header.count(name) > 1}))
        reason = f"names a column twice ({twice})" if twice else "is missing"
        raise DataError(f"{source}:1: the header {reason}. The first row names the columns.")
    if any(_ESCAPED.search(name) or "\0" in name for name in header):
        raise DataError(f"{source}:1: the header is no UTF-8 text. Save the file as UTF-8.")
    if delimiter is None and len(header) == 1:
        _refuse_one_column(source, header[0], separator)
    for item in rows:
        yield item if isinstance(item, Problem) else _csv_row(header, item[1], item[0], source)


def _refuse_one_column(source: str, header: str, separator: str) -> None:
    others = {each: header.count(each) for each in _OTHERS if each != separator}
    likely = max(others, key=lambda each: others[each])
    if others[likely]:
        given, shown = _shown(separator), _shown(likely)
        raise DataError(
            f"{source}:1: with {given} between the cells there is one column, {header!r}. If "
            f"{shown} separates them, pass --delimiter {shown} (to `setaccio data convert`); "
            f"if not, --delimiter {given}."
        )


def _shown(separator: str) -> str:
    return "'\\t'" if separator == "\t" else f"'{separator}'"


def _csv_row(header: list[str], cells: list[str], line: int, source: str) -> Row | Problem:
    if any(_ESCAPED.search(cell) for cell in cells):
        return Problem(source, line, "not UTF-8 text")
    return line, dict(zip(header, cells, strict=True))
