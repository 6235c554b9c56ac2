"""``--text-out``: the texts that documents were read as, which the spans of their results point to.

notes/invoice.pdf        FOLDER/notes/invoice.pdf.txt
mail.eml#invoice.pdf     FOLDER/mail.eml#invoice.pdf.txt

Plain texts are left out: they are there already. An id that is no safe name of a file, because it
leads out of the folder or is too long, becomes one with a hash behind it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TypeVar

from setaccio.data.errors import UsageError
from setaccio.data.files.atomic import atomic_write
from setaccio.data.records import Document
from setaccio.runtime.batch.sources import is_source

Item = TypeVar("Item")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f<>:\"|?*\\\ud800-\udfff]")
_LONGEST = 180  # bytes; most file systems take 255
_DIGITS = 10


def text_name(identifier: str) -> str:
    """The name of a document's text inside the folder; another one for every id."""
    parts = PurePosixPath(identifier).parts
    safe = [_UNSAFE.sub("_", part) for part in parts if part not in ("/", "..", ".")]
    cut = [part.encode()[-_LONGEST:].decode("utf-8", "ignore") for part in safe]
    name = "/".join(cut) or "document"
    if name == identifier:
        return f"{name}.txt"
    digest = hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{name}~{digest[:_DIGITS]}.txt"


class TextFolder:
    """The folder that texts are kept in.

    Args:
        folder: made when the first text is written; texts of former runs in it are replaced.
        names: the sources, in which it must not lie, or it would be read as one.

    Raises:
        UsageError: it lies in a source, or is a file.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder}: is a file. Name a folder in --text-out.")
        if is_source(folder / "text.txt", names):
            raise UsageError(f"{folder}: lies in what is read. Name another folder in --text-out.")
        self.folder = folder

    def keep(self, items: Iterable[Item]) -> Iterator[Item]:
        """Pass documents on, and keep the texts of those that are no plain text.

        Raises:
            UsageError: a text can not be written.
        """
        for item in items:
            if isinstance(item, Document) and item.source_map is not None:
                with atomic_write(self.folder / text_name(item.id)) as stream:
                    stream.write(item.text)
            yield item
