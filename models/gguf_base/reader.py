"""Read a GGUF whole: metadata with its arrays, and where each tensor lies.

Contract: ``read_gguf(path)`` gives a :class:`GgufFile`; ``tensor(name)`` dequantises one tensor
with gguf-py.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from setaccio.data.errors import MissingExtraError, ModelError, short_reason
from setaccio.models.gguf_head import TensorPlace, parse_head


@dataclass(frozen=True)
class GgufFile:
    """A GGUF: see :func:`read_gguf`.

    Attributes:
        path: the file.
        metadata: every key with its value; arrays as lists.
        tensors: where each lies, by name.
        spans: first byte and end of each key with its value.
    """

    path: Path
    metadata: dict[str, Any]
    tensors: dict[str, TensorPlace]
    spans: dict[str, tuple[int, int]]

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
            stored = {"F32": np.float32, "F16": np.float16}.get(kind.name)
            width = place.shape if stored else gguf.quant_shape_to_byte_shape(place.shape, kind)
            data: Any = np.memmap(
                self.path, stored or np.uint8, "r", offset=place.offset, shape=tuple(width)
            )
            return np.asarray(gguf.dequantize(data, kind), np.float32).reshape(place.shape)
        except (NotImplementedError, ValueError) as error:
            reason = short_reason(error, 200)
            raise ModelError(
                f"{self.path}: the tensor {name} can not be dequantised ({reason}). "
                "Use another quantisation of this model, such as Q8_0 or Q4_K_M."
            ) from error


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
            head = parse_head(data, path, arrays=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is empty"
        raise ModelError(f"{path}: can not be read ({reason}). Give a .gguf file.") from error
    parts = head.metadata.get("split.count", 1)
    if int(parts) > 1:
        raise ModelError(
            f"{path}: is one of {parts} parts. Join them first with "
            "llama.cpp's llama-gguf-split --merge."
        )
    return GgufFile(path, head.metadata, head.tensors, head.spans)
