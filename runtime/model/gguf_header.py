"""Read the head of a GGUF file: its metadata, and whether the file is whole.

llama.cpp says little about a file that it can not load, and says it on standard error. This
reader looks first and names what is wrong. It reads the head only, never the weights, and follows
the specification at https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.

    >>> from setaccio.runtime.model.gguf_header import read_header
    >>> read_header("model.gguf").metadata["general.architecture"]
    'qwen2'
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from setaccio.data.errors import ModelError

_STRING, _ARRAY, _BOOL = 8, 9, 7
_SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    _BOOL: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
# Tensor type: (weights per block, bytes per block), for the types that models are stored in.
_BLOCKS = {
    0: (1, 4),  # F32
    1: (1, 2),  # F16
    2: (32, 18),  # Q4_0
    3: (32, 20),  # Q4_1
    6: (32, 22),  # Q5_0
    7: (32, 24),  # Q5_1
    8: (32, 34),  # Q8_0
    10: (256, 84),  # Q2_K
    11: (256, 110),  # Q3_K
    12: (256, 144),  # Q4_K
    13: (256, 176),  # Q5_K
    14: (256, 210),  # Q6_K
    20: (32, 18),  # IQ4_NL
    23: (256, 136),  # IQ4_XS
    30: (1, 2),  # BF16
}
_FLOAT_TYPES = frozenset({0, 1, 30})
_GREATEST_RANK = 4
# What a damaged head makes of the reading: ends too early, unknown codes, absurd counts or depths.
_DAMAGE = (struct.error, KeyError, ValueError, ArithmeticError, MemoryError, RecursionError)


@dataclass(frozen=True)
class Header:
    """The head of a GGUF file.

    Attributes:
        version: of the format, 2 or 3.
        metadata: scalar values as text (``true``/``false`` for booleans); arrays are left out.
        tensors: how many the file declares.
        quantised: whether any tensor is stored in blocks rather than as plain floats.
    """

    version: int
    metadata: dict[str, str]
    tensors: int
    quantised: bool


class _Cursor:
    """A position in the mapped file; reading beyond the end raises ``struct.error``."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.at = 0

    def number(self, form: str) -> int | float | bool:
        value: int | float | bool = struct.unpack_from(form, self.data, self.at)[0]
        self.at += struct.calcsize(form)
        return value

    def count(self) -> int:
        return int(self.number("<Q"))

    def skip(self, size: int) -> None:
        self.at += size
        if self.at > len(self.data):
            raise struct.error("beyond the end")

    def text(self) -> str:
        size = self.count()
        start = self.at
        self.skip(size)
        return self.data[start : self.at].decode("utf-8", "replace")

    def skip_strings(self, count: int) -> None:
        # A vocabulary holds some hundred thousand strings: this loop is all the time there is.
        data, at, length = self.data, self.at, struct.Struct("<Q").unpack_from
        for _ in range(count):
            at += 8 + length(data, at)[0]
        self.at = at
        self.skip(0)

    def value(self, kind: int) -> str | None:
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            self.skip_array()
            return None
        number = self.number(_SCALARS[kind])
        return str(number).lower() if kind == _BOOL else str(number)

    def skip_array(self) -> None:
        kind, count = int(self.number("<I")), self.count()
        if kind == _STRING:
            self.skip_strings(count)
        elif kind == _ARRAY:
            for _ in range(count):
                self.skip_array()
        else:
            self.skip(count * struct.calcsize(_SCALARS[kind]))


def _read_metadata(cursor: _Cursor, count: int) -> dict[str, str]:
    metadata = {}
    for _ in range(count):
        key = cursor.text()
        value = cursor.value(int(cursor.number("<I")))
        if value is not None:
            metadata[key] = value
    return metadata


def _read_tensors(cursor: _Cursor, count: int) -> tuple[int, bool]:
    """Read the tensor table: bytes of data that it promises, and whether any is quantised."""
    end, quantised = 0, False
    for _ in range(count):
        cursor.text()
        rank = int(cursor.number("<I"))
        if rank > _GREATEST_RANK:
            raise struct.error("no such rank")
        weights = 1
        for _ in range(rank):
            weights *= cursor.count()
        kind, offset = int(cursor.number("<I")), cursor.count()
        block, size = _BLOCKS.get(kind, (1, 0))
        quantised = quantised or kind not in _FLOAT_TYPES
        end = max(end, offset + weights // block * size)
    return end, quantised


def _parse(data: mmap.mmap, path: Path) -> Header:
    cursor = _Cursor(data)
    magic, version = bytes(data[:4]), 0
    if magic != b"GGUF":
        raise ModelError(f"{path}: not a GGUF file. Give a model in GGUF format.")
    try:
        cursor.skip(4)
        version = int(cursor.number("<I"))
        if version not in (2, 3):
            raise ModelError(
                f"{path}: GGUF version {version} is not supported. Convert the model again."
            )
        tensors, pairs = cursor.count(), cursor.count()
        metadata = _read_metadata(cursor, pairs)
        promised, quantised = _read_tensors(cursor, tensors)
        alignment = int(metadata.get("general.alignment", "32"))
        data_start = -(-cursor.at // alignment) * alignment if tensors else cursor.at
    except _DAMAGE as error:
        raise ModelError(
            f"{path}: the head of this GGUF is cut off or damaged. Fetch or export it again."
        ) from error
    needed = data_start + promised
    if len(data) < needed:
        raise ModelError(
            f"{path}: cut off at {len(data):,} of {needed:,} bytes. Fetch or export it again."
        )
    return Header(version, metadata, tensors, quantised)


def read_header(path: str | Path) -> Header:
    """Read and check the head of a GGUF file.

    Args:
        path: the file.

    Returns:
        Its metadata and a summary of its tensors.

    Raises:
        ModelError: no such file, not a GGUF, an unknown version, or cut off.
    """
    path = Path(path)
    if path.is_dir():
        raise ModelError(f"{path}: is a folder. Give the .gguf file inside it.")
    if path.exists() and not path.is_file():
        raise ModelError(f"{path}: is not a regular file. Give a .gguf file.")
    try:
        with path.open("rb") as stream:
            if stream.seek(0, 2) == 0:
                raise ModelError(f"{path}: is empty. Fetch or export it again.")
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _parse(data, path)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such model file. Check the path.") from error
    except OSError as error:
        raise ModelError(f"{path}: can not be read ({error.strerror}).") from error
