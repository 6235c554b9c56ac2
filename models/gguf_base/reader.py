"""Read a GGUF whole: metadata with its arrays, and where each tensor lies.

Contract: ``read_gguf(path)`` gives a :class:`GgufFile`; ``tensor(name)`` dequantises one tensor.
gguf-py's own reader makes several arrays of every string of a vocabulary, which takes seconds for
the vocabularies of today; this one reads them as they lie, and leaves the quantised blocks to
gguf-py. Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from setaccio.data.errors import MissingExtraError, ModelError

_STRING, _ARRAY, _BOOL = 8, 9, 7
_SCALARS = {
    0: "<u1",
    1: "<i1",
    2: "<u2",
    3: "<i2",
    4: "<u4",
    5: "<i4",
    6: "<f4",
    _BOOL: "?",
    10: "<u8",
    11: "<i8",
    12: "<f8",
}
_DAMAGE = (struct.error, KeyError, ValueError, ArithmeticError, MemoryError, RecursionError)


@dataclass(frozen=True)
class TensorPlace:
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
        return int(np.prod(self.shape, dtype=np.int64))


class GgufFile:
    """A GGUF: see :func:`read_gguf`.

    Attributes:
        path: the file.
        metadata: every key with its value; arrays as lists.
        tensors: where each lies, by name.
        spans: first byte and end of each key with its value.
    """

    def __init__(
        self,
        path: Path,
        metadata: dict[str, Any],
        tensors: dict[str, TensorPlace],
        spans: dict[str, tuple[int, int]],
    ) -> None:
        self.path = path
        self.metadata = metadata
        self.tensors = tensors
        self.spans = spans

    @property
    def architecture(self) -> str:
        """``general.architecture``."""
        return str(self.metadata.get("general.architecture", ""))

    def of(self, key: str, default: Any = None) -> Any:
        """A value of the architecture, such as ``block_count``."""
        return self.metadata.get(f"{self.architecture}.{key}", default)

    def copy_metadata(self, prefix: str, out: Path) -> None:
        """Write a GGUF without tensors: the keys that begin with a prefix, byte for byte."""
        chosen = [span for key, span in self.spans.items() if key.startswith(prefix)]
        with self.path.open("rb") as stream, out.open("wb") as copy:
            copy.write(b"GGUF" + struct.pack("<IQQ", 3, 0, len(chosen)))
            for begin, end in chosen:
                stream.seek(begin)
                copy.write(stream.read(end - begin))

    def tensor(self, name: str) -> npt.NDArray[np.float32]:
        """Dequantise one tensor to float32.

        Raises:
            ModelError: gguf-py can not read its type.
            MissingExtraError: gguf-py is not installed.
        """
        try:
            import gguf
        except ImportError as error:
            raise MissingExtraError("train", "gguf") from error
        place = self.tensors[name]
        try:
            kind = gguf.GGMLQuantizationType(place.kind)
            stored: Any
            if kind == gguf.GGMLQuantizationType.F32:
                stored, width = "float32", place.shape
            elif kind == gguf.GGMLQuantizationType.F16:
                stored, width = "float16", place.shape
            else:
                stored = "uint8"
                width = gguf.quant_shape_to_byte_shape(place.shape, kind)
            data = np.memmap(
                self.path, np.dtype(stored), "r", offset=place.offset, shape=tuple(width)
            )
            return np.asarray(gguf.dequantize(data, kind), np.float32).reshape(place.shape)
        except (NotImplementedError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelError(
                f"{self.path}: the tensor {name} can not be dequantised ({reason}). Use another "
                "quantisation of this model, such as Q8_0 or Q4_K_M."
            ) from error


class _Cursor:
    def __init__(self, data: mmap.mmap, at: int) -> None:
        self.data = data
        self.at = at

    def scalar(self, kind: int) -> Any:
        form = np.dtype(_SCALARS[kind])
        value = np.frombuffer(self.take(form.itemsize), form)[0]
        return value.item()

    def take(self, size: int) -> bytes:
        end = self.at + size
        if size < 0 or end > len(self.data):
            raise struct.error("beyond the end")
        self.at, start = end, self.at
        return self.data[start:end]

    def count(self) -> int:
        return int(self.scalar(10))

    def text(self) -> str:
        return self.take(self.count()).decode("utf-8", "surrogateescape")

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            inner, count = int(self.scalar(4)), self.count()
            if inner in _SCALARS:
                form = np.dtype(_SCALARS[inner])
                return np.frombuffer(self.take(form.itemsize * count), form).tolist()
            if inner == _STRING:
                return self.texts(count)
            if inner != _ARRAY:
                raise ValueError(f"no such type: {inner}")
            return [self.value(_ARRAY) for _ in range(count)]
        return self.scalar(kind)

    def texts(self, count: int) -> list[str]:
        data, at, length = self.data, self.at, struct.Struct("<Q").unpack_from
        found = []
        for _ in range(count):
            end = at + 8 + length(data, at)[0]
            found.append(data[at + 8 : end].decode("utf-8", "surrogateescape"))
            at = end
        self.at = at
        self.take(0)
        return found


def read_gguf(path: Path) -> GgufFile:
    """Read the metadata and the tensor table of a GGUF.

    Raises:
        ModelError: no such file, no GGUF, cut off or damaged, or in several parts.
    """
    try:
        with (
            path.open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            found = _parse(data, path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is empty"
        raise ModelError(f"{path}: can not be read ({reason}). Give a .gguf file.") from error
    if int(found.metadata.get("split.count", 1)) > 1:
        raise ModelError(
            f"{path}: is one of {found.metadata['split.count']} parts. Join them first with "
            "llama.cpp's llama-gguf-split --merge."
        )
    return found


def _parse(data: mmap.mmap, path: Path) -> GgufFile:
    if bytes(data[:4]) != b"GGUF":
        raise ModelError(f"{path}: not a GGUF file. Give a model in GGUF format.")
    cursor = _Cursor(data, 4)
    try:
        version = int(cursor.scalar(4))
        if version not in (2, 3):
            raise ModelError(
                f"{path}: GGUF version {version} is not supported. Convert the model again."
            )
        tensors, pairs = cursor.count(), cursor.count()
        metadata, spans = {}, {}
        for _ in range(pairs):
            begin = cursor.at
            key = cursor.text()
            metadata[key] = cursor.value(int(cursor.scalar(4)))
            spans[key] = (begin, cursor.at)
        places = {}
        for _ in range(tensors):
            name = cursor.text()
            shape = [cursor.count() for _ in range(int(cursor.scalar(4)))]
            kind, offset = int(cursor.scalar(4)), cursor.count()
            places[name] = TensorPlace(tuple(reversed(shape)), kind, offset)
        alignment = int(metadata.get("general.alignment", 32))
        start = -(-cursor.at // alignment) * alignment
    except _DAMAGE as error:
        raise ModelError(
            f"{path}: the head of this GGUF is cut off or damaged. Fetch or export it again."
        ) from error
    moved = {n: TensorPlace(p.shape, p.kind, p.offset + start) for n, p in places.items()}
    return GgufFile(path, metadata, moved, spans)
