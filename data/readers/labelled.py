"""Documents as the texts of rows: beside their gold in a folder, or named in a column.

    invoices/a.pdf  invoices/a.json       the gold of a document has its name
    labels.csv: file,total                --text '{file:document}' --fields total

A document counts alone here, without what is attached to it; ``mail.eml#invoice.pdf`` in a column
names an attachment.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from setaccio.data.documents.kinds import SUFFIXES, TEXT_SUFFIXES
from setaccio.data.documents.reading import read_document
from setaccio.data.errors import MissingExtraError, UsageError
from setaccio.data.files.json_text import parse_json
from setaccio.data.readers.typed_rows import Row
from setaccio.data.records import Document, Problem


def document_text(path: Path) -> str:
    """The text of a document, or of what is attached to it.

    Args:
        path: the file; behind it, for an attachment, ``#`` and its name.

    Raises:
        ValueError: it is not there, or holds no text that can be read.
        MissingExtraError: what reads this kind is not installed.
    """
    name = str(path)
    file = name if path.exists() or "#" not in name else name.partition("#")[0]
    try:
        found = read_document(file)
    except MissingExtraError:
        raise
    except UsageError as error:
        raise ValueError(str(error)) from error
    for item in found:
        if (item.id if isinstance(item, Document) else item.source) == name:
            if isinstance(item, Problem):
                raise ValueError(str(item))
            return item.text
    raise ValueError(f"{name}: no such attachment. There are {len(found) - 1} that hold text.")


def labelled_documents(folder: Path) -> list[Path]:
    """The documents of a folder and its subfolders, sorted; none where no document has a gold."""
    documents = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES | TEXT_SUFFIXES and path.is_file()
    )
    return documents if any(map(_gold_file, documents)) else []


def _gold_file(document: Path) -> Path | None:
    names = (document.with_suffix(".json"), document.with_name(f"{document.name}.json"))
    return next((name for name in names if name.is_file()), None)


def read_labelled(documents: list[Path], folder: Path, first: int = 1) -> Iterator[Row | Problem]:
    """Rows ``{"id", "text", "gold"}`` of documents that have a JSON file beside them.

    Args:
        documents: from :func:`labelled_documents`, or some of them.
        folder: what the ids are relative to.
        first: the number of the first row.
    """
    for number, document in enumerate(documents, first):
        gold = _gold_file(document)
        if gold is None:
            yield Problem(str(document), 0, f"no gold: {document.stem}.json is not beside it")
            continue
        try:
            parsed = parse_json(gold.read_text(encoding="utf-8-sig"))
        except (ValueError, OSError) as error:
            yield Problem(str(gold), 0, f"not JSON ({error})")
            continue
        try:
            text = document_text(document)
        except ValueError as error:
            yield Problem(str(document), 0, str(error).removeprefix(f"{document}: "))
            continue
        yield number, {"id": document.relative_to(folder).as_posix(), "text": text, "gold": parsed}
