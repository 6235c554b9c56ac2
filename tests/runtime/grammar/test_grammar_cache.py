"""Compiled schemas on disk. Run: pytest tests/runtime/grammar/test_grammar_cache.py"""

from __future__ import annotations

from pathlib import Path

import pytest

from setaccio.runtime.grammar import grammar_cache
from setaccio.runtime.grammar.grammar_cache import kept_grammar


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "setaccio" / "grammars"


def refuse() -> str:
    raise ValueError("compiled again")


def test_what_was_compiled_once_is_not_compiled_again(folder: Path) -> None:
    text = 'start: "Größe"\n%json {}\n'
    assert kept_grammar("schema", lambda: text) == text
    assert kept_grammar("schema", refuse) == text
    with pytest.raises(ValueError, match="compiled again"):
        kept_grammar("another schema", refuse)
    assert [path.suffix for path in folder.iterdir()] == [".txt"]


@pytest.mark.parametrize("rubbish", [b"", b"\xff\xfe\n", b"abc\ndef", b"no second line", None])
def test_a_damaged_file_is_ignored_and_written_again(folder: Path, rubbish: bytes | None) -> None:
    kept_grammar("schema", lambda: "one grammar")
    (path,) = folder.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] if rubbish is None else rubbish)
    assert kept_grammar("schema", lambda: "one grammar") == "one grammar"
    assert path.read_bytes() == whole


def test_a_cache_that_can_not_be_written_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert kept_grammar("schema", lambda: "grammar") == "grammar"


def test_the_oldest_are_forgotten(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grammar_cache, "GREATEST_KEPT", 2)
    for source in "abc":
        kept_grammar(source, lambda source=source: source)
    assert len(list(folder.iterdir())) == 2
    assert kept_grammar("c", refuse) == "c"
    with pytest.raises(ValueError, match="compiled again"):
        kept_grammar("a", refuse)
