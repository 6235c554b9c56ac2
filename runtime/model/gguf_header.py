"""Read the head of a GGUF file: its metadata, and whether the file is whole.

llama.cpp says little about a file that it can not load, and says it on standard error. This
reader looks first and names what is wrong. It reads the head only, never the weights.

    >>> from setaccio.runtime.model.gguf_header import read_header
    >>> read_header("model.gguf").metadata["general.architecture"]
    'qwen2'
"""

from __future__ import annotations

import functools
import mmap
import re
from dataclasses import dataclass
from pathlib import Path

from setaccio.data.errors import ModelError
from setaccio.models.gguf_head import parse_head

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
_FILE_TYPE = re.compile(r"LLAMA_FTYPE_(?:ALL|MOSTLY)_(?P<name>\w+)")
_KEYS = re.compile(r"blk\.\d+\.attn_[kv]\.weight")
_FLOAT_TYPES = frozenset({0, 1, 30})


@dataclass(frozen=True)
class Header:
    """The head of a GGUF file.

    Attributes:
        version: of the format, 2 or 3.
        metadata: scalar values as text (``true``/``false`` for booleans); arrays are left out.
        tensors: how many the file declares.
        quantised: whether any tensor is stored in blocks rather than as plain floats.
        cached: numbers that a token's keys and values are, of all layers that have them apart.
    """

    version: int
    metadata: dict[str, str]
    tensors: int
    quantised: bool
    cached: int


def _summary(data: mmap.mmap, path: Path) -> Header:
    """Parse the head, and compare the file's size with what the tensor table promises."""
    head = parse_head(data, path, arrays=False)
    needed = head.end
    for place in head.tensors.values():
        block, size = _BLOCKS.get(place.kind, (1, 0))
        needed = max(needed, place.offset + place.weights // block * size)
    if len(data) < needed:
        raise ModelError(
            f"{path}: cut off at {len(data):,} of {needed:,} bytes. Fetch or export it again."
        )
    metadata = {
        key: str(value).lower() if isinstance(value, bool) else str(value)
        for key, value in head.metadata.items()
    }
    quantised = any(place.kind not in _FLOAT_TYPES for place in head.tensors.values())
    keys = (place for name, place in head.tensors.items() if _KEYS.fullmatch(name))
    cached = sum(place.shape[0] for place in keys)
    return Header(head.version, metadata, len(head.tensors), quantised, cached)


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
                return _summary(data, path)
    except FileNotFoundError as error:
        raise ModelError(f"{path}: no such model file. Check the path.") from error
    except OSError as error:
        raise ModelError(f"{path}: can not be read ({error.strerror}).") from error


@functools.cache
def quantisations() -> dict[str, int]:
    """Names of all file types that llama.cpp can write, such as ``Q4_K_M``, and their numbers."""
    import llama_cpp

    found = ((_FILE_TYPE.fullmatch(key), value) for key, value in vars(llama_cpp).items())
    return {match["name"]: value for match, value in found if match}


def quantisation_name(number: str | None) -> str | None:
    """Name of the file type that a GGUF's ``general.file_type`` gives; None for no known one."""
    return {str(value): name for name, value in quantisations().items()}.get(number or "")
