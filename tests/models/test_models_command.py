"""``setaccio models`` as a process. Run with: pytest tests/models/test_models_command.py"""

from __future__ import annotations

import hashlib
import json
import signal

import pytest
from models_parts import CONTENT

from setaccio.cli.terminal.console import program
from setaccio.data.errors import ModelError
from setaccio.models import model_path
from setaccio.models.bases import RECORD, bases_folder, kept_bases, locked, remove_bases


def test_list_fetch_path_and_remove(shelf) -> None:
    code, out, err = shelf.command()
    assert (code, err) == (0, "")
    rows = out.splitlines()
    assert rows[0].split() == ["name", "state", "size", "licence", "where"]
    row = "".join(rows[1].split())  # a long path is folded
    assert row.startswith("littlenotfetched,defaultbase2.1MBMIT")
    assert "Hub, with --allow-download" in rows[2] and rows[2].split()[-1] == "owner/far"

    code, out, err = shelf.command("fetch")
    assert (code, out) == (0, "")
    assert err.splitlines()[-1] == f"==> little is ready: {shelf.store / 'little.gguf'}"
    code, out, err = shelf.command("fetch", "little")
    assert (code, out) == (0, "")
    assert err == f"==> little is there already: {shelf.store / 'little.gguf'}\n"

    assert shelf.command("path", "little") == (0, f"{model_path('little')}\n", "")
    code, out, _ = shelf.command()
    assert "here, default base" in out
    assert str(shelf.store) in "".join(out.split())  # a long path is folded

    code, out, err = shelf.command("remove", "little")
    assert (code, out) == (0, "") and str(shelf.store / "little.gguf") in err
    code, out, err = shelf.command("remove", "little")
    assert (code, out) == (0, "") and "no file to delete" in err
    code, out, err = shelf.command("path", "little")
    assert (code, out) == (5, "")
    fetch_it = f"{program()} models fetch little"
    assert err == f"error: little: not fetched yet. Fetch it once: {fetch_it}\n"


def test_another_file_is_shown_and_replaced(shelf) -> None:
    shelf.store.mkdir(parents=True)
    (shelf.store / "little.gguf").write_bytes(b"half")
    code, out, _ = shelf.command()
    assert code == 0 and "another file" in out
    code, _, err = shelf.command("fetch", "little")
    assert code == 5 and err.splitlines()[-1].endswith("setaccio models fetch little --overwrite")
    code, _, _ = shelf.command("fetch", "--overwrite")
    assert code == 0 and model_path("little").read_bytes() == CONTENT


def test_names_that_can_not_be_fetched_are_refused_before_anything_is(shelf) -> None:
    for name, said in (("none", "Known are: little, far"), ("far", "--base owner/far")):
        code, out, err = shelf.command("fetch", "little", name)
        assert (code, out) == (5, "")
        assert err.startswith(f"error: {name}: ") and said in err and err.count("\n") == 1
    assert not shelf.store.exists()


def test_ctrl_c_ends_a_fetch_that_waits_for_another(shelf) -> None:
    holder = shelf.start(
        "def wait(*_):\n    print('now', flush=True)\n    time.sleep(600)\nfetch('little', wait)\n"
    )
    assert holder.stdout.readline() == "now\n"
    waiting = shelf.start(
        "from setaccio.cli import models\n"
        "from setaccio.cli.app import app\n"
        "import contextlib\n"
        "@contextlib.contextmanager\n"
        "def bar():\n    yield lambda *_: print('waiting', flush=True)\n"
        "models._bar = bar\n"
        "app(['models', 'fetch'])\n"
    )
    assert waiting.stdout.readline() == "waiting\n"
    waiting.send_signal(signal.SIGINT)
    _, err = waiting.communicate(timeout=60)
    holder.kill()
    holder.communicate()
    assert waiting.returncode == 130
    assert err.splitlines()[-1] == "error: Interrupted."


def put_base(source: str, content: bytes = CONTENT, *, finished: bool = True):
    """A folder as a GGUF of that name leaves it."""
    digest = hashlib.sha256(content).hexdigest()
    name = f"{digest[:16]}-v2"
    folder = bases_folder() / (name if finished else f".{name}.part")
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(bytes(1_500_000))
    if finished:
        text = json.dumps({"source": source, "sha256": digest})
        (folder / RECORD).write_text(text, encoding="utf-8")
    return folder


def test_bases_are_listed_with_their_size_and_go_with_their_model(shelf) -> None:
    of_little = put_base("/elsewhere/renamed.gguf")
    other = put_base("/elsewhere/other.gguf", b"other")
    unfinished = put_base("", b"cut off", finished=False)
    code, out, _ = shelf.command()
    rows = out.splitlines()
    assert code == 0
    for name in ("renamed.gguf", "other.gguf"):
        assert any(f"{name} dequantised base 1.5 MB" in " ".join(row.split()) for row in rows)
    assert any("unfinished base" in row for row in rows)

    code, _, err = shelf.command("remove", "little")
    assert code == 0 and f"deleted {of_little}" in err and not of_little.exists()
    code, _, err = shelf.command("remove", "other.gguf")
    assert code == 0 and f"deleted {other}" in err and not other.exists()
    assert remove_bases(unfinished.name[1:].removesuffix(".part")) == [unfinished]
    assert kept_bases() == []
    code, _, err = shelf.command("remove", "other.gguf")
    assert code == 5 and "Known are: little, far" in err


def test_a_base_that_is_being_made_stays(shelf) -> None:
    folder = put_base("my.gguf")
    with (
        locked(folder, wait=True),
        pytest.raises(ModelError, match="is being made just now"),
    ):
        remove_bases("my.gguf")
    assert folder.is_dir()


def test_a_file_of_the_named_folder_goes_with_a_word(shelf, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SETACCIO_MODELS", str(tmp_path))
    (tmp_path / "little.gguf").write_bytes(CONTENT)
    code, _, err = shelf.command("remove", "little")
    assert code == 0
    assert f"deleted {tmp_path / 'little.gguf'} (in the folder that SETACCIO_MODELS names)" in err


@pytest.mark.parametrize("made", [True, False])
def test_a_named_folder_that_is_none_is_one_line(shelf, tmp_path, monkeypatch, made) -> None:
    path = tmp_path / "models"
    if made:
        path.write_text("", encoding="utf-8")
    monkeypatch.setenv("SETACCIO_MODELS", str(path))
    for arguments in ((), ("fetch",), ("path", "little"), ("remove", "little")):
        code, out, err = shelf.command(*arguments)
        assert (code, out) == (5, "")
        said = "is a file, no folder" if made else "does not exist"
        assert err.startswith(f"error: SETACCIO_MODELS={path}: {said}") and err.count("\n") == 1
    assert path.exists() == made
