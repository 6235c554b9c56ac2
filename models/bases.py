"""The folders that GGUF files were dequantised into: which there are, and how they go.

Contract: ``kept_bases()`` lists what lies in ``bases`` in the user's cache, folders whose making
was cut off among them; ``remove_bases(name)`` deletes those of a name.
``setaccio.models.gguf_base`` makes them, and holds a lock while it does.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import platformdirs

from setaccio.data.errors import ModelError
from setaccio.data.files.locks import take_lock

RECORD = "gguf.json"
"""Says what a folder was made of; the last file that is written."""

_PART = ".part"


class KeptBase(NamedTuple):
    """A folder that a GGUF was dequantised into.

    Attributes:
        name: of the GGUF's file; of a folder that was never finished, the name it would have had.
        folder: where it lies.
        bytes: size of its files.
        sha256: SHA-256 (hex) of the GGUF; None of an unfinished one.
    """

    name: str
    folder: Path
    bytes: int
    sha256: str | None


def bases_folder() -> Path:
    """Where the folders lie."""
    return platformdirs.user_cache_path("setaccio") / "bases"


def file_sizes(folder: Path) -> dict[str, int]:
    """Bytes of each file of a folder, but for its record."""
    files = (path for path in folder.iterdir() if path.is_file() and path.name != RECORD)
    return {path.name: path.stat().st_size for path in files}


def read_record(folder: Path) -> dict[str, Any] | None:
    """What a folder's record says; None where there is none that can be read."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def kept_bases() -> list[KeptBase]:
    """Every folder, by name."""
    root = bases_folder()
    folders = [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    return sorted(map(_kept, folders))


def _kept(folder: Path) -> KeptBase:
    record = read_record(folder) or {}
    source = record.get("source")
    name = Path(source).name if isinstance(source, str) else _finished_name(folder)
    return KeptBase(name, folder, sum(file_sizes(folder).values()), record.get("sha256"))


def _finished_name(folder: Path) -> str:
    return folder.name.removeprefix(".").removesuffix(_PART)


def part_of(target: Path) -> Path:
    """Where a folder is made, before it gets its name."""
    return target.with_name(f".{target.name}{_PART}")


@contextlib.contextmanager
def locked(
    target: Path, *, wait: bool, waiting: Callable[[], None] = lambda: None
) -> Iterator[bool]:
    """Hold a folder's lock, which the system takes back from a process that is killed.

    Args:
        target: the folder's final name.
        wait: whether to wait for another process that holds it.
        waiting: is called before that.

    Yields:
        Whether it is held; always where ``wait``.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with lock_file(target.parent / f".{target.name}.lock", wait=wait, waiting=waiting) as held:
        yield held


@contextlib.contextmanager
def lock_file(lock: Path, *, wait: bool, waiting: Callable[[], None]) -> Iterator[bool]:
    """The same with a file of its own; see :func:`locked`."""
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        held = take_lock(descriptor)
        if not held and wait:
            waiting()
            held = take_lock(descriptor, wait=True)
        yield held
    finally:
        os.close(descriptor)


def remove_bases(name: str, sha256: str | None = None) -> list[Path]:
    """Delete the folders of a name; they are made anew when they are asked for.

    Args:
        name: as :func:`kept_bases` has it.
        sha256: of a GGUF whose folders go too, whatever it was called.

    Returns:
        The folders that were deleted.

    Raises:
        ModelError: one is being made just now, or can not be deleted.
    """
    gone = []
    for base in kept_bases():
        if base.name != name and (sha256 is None or base.sha256 != sha256):
            continue
        with locked(base.folder.with_name(_finished_name(base.folder)), wait=False) as held:
            if not held:
                raise ModelError(f"{base.folder}: is being made just now. Wait for it, or end it.")
            try:
                shutil.rmtree(base.folder)
            except OSError as error:
                raise ModelError(
                    f"{error.filename or base.folder}: can not be deleted ({error.strerror}). "
                    "Check who owns its folder."
                ) from error
        gone.append(base.folder)
    return gone
