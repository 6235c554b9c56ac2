"""``--text-out``: the texts that documents were read as, which the spans of their results point to.

notes/invoice.pdf        FOLDER/notes/invoice.pdf.txt
mail.eml#invoice.pdf     FOLDER/mail.eml#invoice.pdf.txt

./invoice.pdf            FOLDER/invoice.pdf~0123456789.txt

Plain texts are left out: they are there already. An id that is no safe name of a file, because it
leads out of the folder, begins with ./ or is too long, becomes one with a hash behind it. Only what
a former run wrote here is replaced.
"""

from __future__ import annotations

import hashlib
import os
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
INDEX = ".setaccio-texts"
"""The hidden file that lists the texts, a name a line; no text has a name like it."""


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
        folder: made when the first text is written; texts of former runs in it are replaced, and
            no other file is: a hidden file in it lists the names of those texts.
        names: the sources, in which it must not lie, or it would be read as one.

    Raises:
        UsageError: it lies in a source, is a file, or can not be written.
    """

    def __init__(self, folder: Path, names: Sequence[str]) -> None:
        there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
        if not there.is_dir():
            raise UsageError(f"{there}: is a file. Name a folder in --text-out.")
        if is_source(folder / "text.txt", names):
            raise UsageError(f"{folder}: lies in what is read. Name another folder in --text-out.")
        if not os.access(there, os.W_OK | os.X_OK):
            raise UsageError(f"{there}: can not be written. Name another folder in --text-out.")
        self.folder = folder
        self._names = names
        self._read = [Path(name).resolve() for name in names if Path(name).is_dir()]
        self._index = folder / INDEX
        self._written: set[str] | None = None  # read where a file is there already

    def keep(self, items: Iterable[Item]) -> Iterator[Item]:
        """Pass documents on, and keep the texts of those that are no plain text.

        Raises:
            UsageError: a text can not be written, or would replace a file that is none of a former
                run's texts.
        """
        for item in items:
            if isinstance(item, Document) and item.source_map is not None:
                name = text_name(item.id)
                self._claim(name)
                with atomic_write(self.folder / name) as stream:
                    stream.write(item.text)
            yield item

    def _claim(self, name: str) -> None:
        """Make sure that a text may be written, and note that it was, before it is."""
        target = self.folder / name
        there = os.path.lexists(target)
        if any(source in target.resolve().parents for source in self._read) or (
            there and is_source(target, self._names)
        ):
            raise UsageError(f"{target}: lies in what is read. Name another folder in --text-out.")
        if there:
            if self._written is None:
                known = self._index.is_file()
                self._written = set(self._index.read_text("utf-8").split("\n")) if known else set()
            if name not in self._written or not target.is_file():
                raise UsageError(
                    f"{target}: is there, and no text that --text-out kept. Move it, or name "
                    "another folder."
                )
            return
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with self._index.open("a", encoding="utf-8") as stream:  # others may add to it as well
                stream.write(f"{name}\n")
        except OSError as error:
            raise UsageError(f"{self._index}: can not be written ({error.strerror}).") from error
        if self._written is not None:
            self._written.add(name)
