"""What something was made with: SHA-256 of files and weights, versions of packages.

>>> from setaccio.data.files.digests import weights_digest
>>> weights_digest(Path("models/my-base"))  # doctest: +SKIP
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_BLOCK = 1 << 20


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file, read in blocks."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def package_versions(names: Iterable[str]) -> dict[str, str | None]:
    """Versions of packages by name; None of one that is not installed."""
    found: dict[str, str | None] = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def weights_digest(folder: Path) -> str:
    """SHA-256 (hex) of a model folder's safetensors.

    Of one file, its own; of several, that of the ``sha256sum`` listing of them all, sorted by
    name.
    """
    files = sorted(folder.glob("*.safetensors"))
    sums = [(file_digest(path), path.name) for path in files]
    if len(sums) == 1:
        return sums[0][0]
    listing = "".join(f"{digest}  {name}\n" for digest, name in sums)
    return hashlib.sha256(listing.encode()).hexdigest()
