"""SHA-256 of large files, worked out once and remembered.

Contract: ``verified_sha256(path)`` is the file's SHA-256. It is read anew only when the file has
another size or time of change than when it was last read; what is remembered lies in one small
JSON file in the user's cache, and whatever is wrong with that costs time, never correctness.
"""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import platformdirs

from setaccio.data.errors import ModelError, SetaccioError
from setaccio.data.files.atomic import atomic_write
from setaccio.data.files.digests import file_digest

GREATEST_NUMBER = 500
"""Files that are remembered; the ones that were read first are forgotten."""


def verified_sha256(path: str | Path) -> str:
    """SHA-256 (hex) of a file, remembered by its path, size and times of change.

    Raises:
        ModelError: there is no such file, or it can not be read.
    """
    path = Path(path)
    try:
        before = _stamp(path)
        if (known := _load().get(_key(path))) and known[:-1] == before:
            return str(known[-1])
        digest = file_digest(path)
        if _stamp(path) == before:  # else it is being written
            remember(path, digest)
    except OSError as error:
        raise ModelError(f"{path}: can not be read ({error.strerror}). Check the path.") from error
    return digest


def remember(path: Path, digest: str) -> None:
    """Note the SHA-256 of a file that has just been read or written."""
    # Nothing is lost when this fails: the file is read again the next time.
    with contextlib.suppress(OSError, SetaccioError):
        entries = {key: entry for key, entry in _load().items() if os.path.lexists(key)}
        entries.pop(_key(path), None)
        entries[_key(path)] = [*_stamp(path), digest]
        newest = dict(list(entries.items())[-GREATEST_NUMBER:])
        with atomic_write(_cache_file()) as stream:
            json.dump(newest, stream, indent=0)


def _cache_file() -> Path:
    return platformdirs.user_cache_path("setaccio") / "sha256.json"


def _key(path: Path) -> str:
    return str(path.resolve())


def _stamp(path: Path) -> list[int]:
    """Size and times; that of the last change of state can not be set back as the other can."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _load() -> dict[str, Any]:
    try:
        entries = json.loads(_cache_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {
        key: entry
        for key, entry in (entries.items() if isinstance(entries, dict) else ())
        if isinstance(entry, list) and len(entry) == 4
    }
