"""Compiled schemas on disk, so that a start need not import what compiles them.

Contract: what ``kept_grammar`` gives is what ``compiled`` would give. A file holds the hash of what
it keeps, and its name that of the schema and of the versions that compiled it; whatever is wrong
with it costs time, never correctness.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import llguidance
import platformdirs

from setaccio.data.errors import SetaccioError
from setaccio.data.files.atomic import atomic_path

GREATEST_KEPT = 200
"""Grammars that are kept; those that were written first are forgotten."""


def kept_grammar(source: str, compiled: Callable[[], str]) -> str:
    """A grammar in llguidance's own form, from disk where it is kept there.

    Args:
        source: the schema, or whatever else the grammar is made of.
        compiled: compiles it.

    Raises:
        ValueError: by ``compiled``; nothing is kept then.
    """
    made_by = f"{version('outlines')} {llguidance.__version__}"
    folder = platformdirs.user_cache_path("setaccio") / "grammars"
    path = folder / f"{_sha256(f'{made_by} {source}')}.txt"
    with contextlib.suppress(OSError, ValueError):
        digest, text = path.read_text(encoding="utf-8").split("\n", 1)
        if digest == _sha256(text):
            return text
    text = compiled()
    with contextlib.suppress(OSError, SetaccioError):
        with atomic_path(path) as part:
            part.write_bytes(f"{_sha256(text)}\n{text}".encode())
        _forget_oldest(folder)
    return text


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _forget_oldest(folder: Path) -> None:
    kept = sorted(folder.glob("*.txt"), key=lambda path: path.stat().st_mtime_ns)
    for path in kept[:-GREATEST_KEPT]:
        path.unlink(missing_ok=True)
