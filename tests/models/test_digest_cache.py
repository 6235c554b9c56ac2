"""Hashes that are remembered. Run with: pytest tests/models/test_digest_cache.py"""

from __future__ import annotations

import hashlib
import json
import os

import pytest

from setaccio.data.errors import ModelError
from setaccio.models import verified_sha256


@pytest.fixture
def memory(shelf):
    return shelf.cache / "setaccio" / "sha256.json"


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_what_was_read_once_is_not_read_again(tmp_path, memory) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(b"one")
    assert verified_sha256(path) == sha(b"one")
    entries = json.loads(memory.read_text(encoding="utf-8"))
    entries[str(path)][-1] = "remembered"
    memory.write_text(json.dumps(entries), encoding="utf-8")
    assert verified_sha256(path) == "remembered"


def test_a_change_is_noticed_even_where_size_and_time_are_put_back(tmp_path, shelf) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(b"one")
    verified_sha256(path)
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # the clock of the file system is coarse
        path.write_bytes(b"two")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert verified_sha256(path) == sha(b"two")


@pytest.mark.parametrize("rubbish", ["", "[]", '{"a": 1}', "{", '{"PATH": [1, 2, 3]}', "\0"])
def test_a_broken_memory_costs_nothing(tmp_path, memory, rubbish) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(b"one")
    memory.parent.mkdir(parents=True)
    memory.write_text(rubbish.replace("PATH", str(path)), encoding="utf-8")
    assert verified_sha256(path) == sha(b"one")
    assert list(json.loads(memory.read_text(encoding="utf-8"))) == [str(path)]


def test_a_cache_that_can_not_be_written_costs_nothing(tmp_path, monkeypatch) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(b"one")
    monkeypatch.setenv("XDG_CACHE_HOME", str(path))
    assert verified_sha256(path) == sha(b"one")


def test_files_that_are_gone_are_forgotten(tmp_path, memory) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"one")
        verified_sha256(tmp_path / name)
        (tmp_path / name).unlink()
    assert list(json.loads(memory.read_text(encoding="utf-8"))) == [str(tmp_path / "b")]


def test_a_file_that_is_not_there(tmp_path, shelf) -> None:
    with pytest.raises(ModelError, match=r"none\.gguf: can not be read \(No such file"):
        verified_sha256(tmp_path / "none.gguf")
    with pytest.raises(ModelError, match="can not be read"):
        verified_sha256(tmp_path)
