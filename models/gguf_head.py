"""Parse the head of a GGUF file: its metadata, and where each tensor lies.

Contract: ``parse_head(data, path)`` reads the mapped file's head and nothing behind it. The runtime
takes the single values from it (:mod:`setaccio.runtime.model.gguf_header`), a base's tokenizer the
arrays too (:mod:`setaccio.models.gguf_base.reader`). gguf-py's own reader makes several arrays of
every string of a vocabulary, which takes seconds for the vocabularies of today.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from setaccio.data.errors import ModelError

_UINT32, _BOOL, _STRING, _ARRAY, _UINT64 = 4, 7, 8, 9, 10
_SCALARS = {
    0: "B", 1: "b", 2: "H", 3: "h", _UINT32: "I", 5: "i", 6: "f",
    _BOOL: "?", _UINT64: "Q", 11: "q", 12: "d",
}  # fmt: skip
_GREATEST_RANK = 4
# What a damaged head makes of the reading: ends too early, unknown codes, absurd counts or depths.
_DAMAGE = (
    struct.error, KeyError, TypeError, ValueError, ArithmeticError, MemoryError, RecursionError,
)  # fmt: skip


class TensorPlace(NamedTuple):
    """A tensor of the file.

    Attributes:
        shape: rows first, as torch has it.
        kind: number of its ggml type.
        offset: first byte in the file.
    """

    shape: tuple[int, ...]
    kind: int
    offset: int

    @property
    def weights(self) -> int:
        """How many weights it has."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class GgufHead:
    """The head of a GGUF file.

    Attributes:
        version: of the format, 2 or 3.
        metadata: values by key; arrays as lists, or left out.
        spans: first byte and end of each key with its value.
        tensors: where each lies, by name.
        end: first byte behind the head, padding included where there are tensors.
    """

    version: int
    metadata: dict[str, Any]
    spans: dict[str, tuple[int, int]]
    tensors: dict[str, TensorPlace]
    end: int


class _Cursor:
    """A position in the mapped file; reading beyond the end raises ``struct.error``."""

    def __init__(self, data: mmap.mmap, *, arrays: bool) -> None:
        self.data, self.at, self.arrays = data, 4, arrays
        self.errors = "surrogateescape" if arrays else "replace"

    def take(self, size: int) -> int:
        """Step over bytes, and tell where they begin."""
        start, self.at = self.at, self.at + size
        if size < 0 or self.at > len(self.data):
            raise struct.error("beyond the end")
        return start

    def scalars(self, kind: int, count: int) -> tuple[Any, ...]:
        form = f"<{count}{_SCALARS[kind]}"
        return struct.unpack_from(form, self.data, self.take(struct.calcsize(form)))

    def number(self, kind: int = _UINT32) -> int:
        return int(self.scalars(kind, 1)[0])

    def text(self) -> str:
        size = self.number(_UINT64)
        start = self.take(size)
        return self.data[start : start + size].decode("utf-8", self.errors)

    def value(self, kind: int) -> Any:
        """A value; None for an array that is left out."""
        if kind == _STRING:
            return self.text()
        return self.array() if kind == _ARRAY else self.scalars(kind, 1)[0]

    def array(self) -> list[Any] | None:
        kind, count = self.number(), self.number(_UINT64)
        if kind == _STRING:
            found = self.texts(count)
        elif kind == _ARRAY:
            found = [self.array() for _ in range(count)]
        elif self.arrays:
            found = list(self.scalars(kind, count))
        else:
            self.take(count * struct.calcsize(_SCALARS[kind]))
        return found if self.arrays else None

    def texts(self, count: int) -> list[Any]:
        # A vocabulary holds some hundred thousand strings: this loop is all the time there is.
        data, at, length = self.data, self.at, struct.Struct("<Q").unpack_from
        keep, errors, found = self.arrays, self.errors, []
        for _ in range(count):
            start = at + 8
            at = start + length(data, at)[0]
            if keep:
                found.append(data[start:at].decode("utf-8", errors))
        self.at = at
        self.take(0)
        return found


def parse_head(data: mmap.mmap, path: Path, *, arrays: bool) -> GgufHead:
    """Parse the head of a GGUF.

    Args:
        data: the whole file.
        path: its name, for messages.
        arrays: whether arrays are wanted. With them, bytes that are no UTF-8 survive as
            surrogates; without, they are replaced.

    Raises:
        ModelError: not a GGUF, an unknown version, or a head that is cut off or damaged.
    """
    if data[:4] != b"GGUF":
        raise ModelError(f"{path}: not a GGUF file. Give a model in GGUF format.")
    try:
        return _parse(_Cursor(data, arrays=arrays), path)
    except _DAMAGE as error:
        raise ModelError(
            f"{path}: the head of this GGUF is cut off or damaged. Fetch or export it again."
        ) from error


def _parse(cursor: _Cursor, path: Path) -> GgufHead:
    version = cursor.number()
    if version not in (2, 3):
        raise ModelError(
            f"{path}: GGUF version {version} is not supported. Convert the model again."
        )
    tensors, pairs = cursor.number(_UINT64), cursor.number(_UINT64)
    metadata: dict[str, Any] = {}
    spans: dict[str, tuple[int, int]] = {}
    for _ in range(pairs):
        begin, key = cursor.at, cursor.text()
        value = cursor.value(cursor.number())
        spans[key] = (begin, cursor.at)
        if value is not None:
            metadata[key] = value
    places: dict[str, TensorPlace] = {}
    for _ in range(tensors):
        name, rank = cursor.text(), cursor.number()
        if rank > _GREATEST_RANK:
            raise struct.error("no such rank")
        shape = cursor.scalars(_UINT64, rank)
        places[name] = TensorPlace(shape[::-1], cursor.number(), cursor.number(_UINT64))
    alignment = int(metadata.get("general.alignment", 32))
    end = -(-cursor.at // alignment) * alignment if tensors else cursor.at
    moved = {n: place._replace(offset=end + place.offset) for n, place in places.items()}
    return GgufHead(version, metadata, spans, moved, end)
