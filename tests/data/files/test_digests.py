"""Run with: pytest tests/data/files/test_digests.py."""

from __future__ import annotations

import hashlib
from pathlib import Path

from setaccio.data.files.digests import file_digest, weights_digest


def test_a_file_of_several_blocks_has_the_digest_of_its_bytes(tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000
    (tmp_path / "file").write_bytes(content)
    assert file_digest(tmp_path / "file") == hashlib.sha256(content).hexdigest()


def test_shards_are_listed_as_sha256sum_does(tmp_path: Path) -> None:
    (tmp_path / "b.safetensors").write_bytes(b"b")
    assert weights_digest(tmp_path) == hashlib.sha256(b"b").hexdigest()
    (tmp_path / "a.safetensors").write_bytes(b"a")
    first, second = (hashlib.sha256(each).hexdigest() for each in (b"a", b"b"))
    listing = f"{first}  a.safetensors\n{second}  b.safetensors\n"
    assert weights_digest(tmp_path) == hashlib.sha256(listing.encode()).hexdigest()
