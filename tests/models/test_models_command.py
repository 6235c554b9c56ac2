"""``setaccio models`` as a process. Run with: pytest tests/models/test_models_command.py"""

from __future__ import annotations

import signal

from models_parts import CONTENT

from setaccio.models import model_path


def test_list_fetch_path_and_remove(shelf) -> None:
    code, out, err = shelf.command()
    assert (code, err) == (0, "")
    rows = out.splitlines()
    assert rows[0].split() == ["name", "state", "size", "licence", "where"]
    little = "little not fetched, default base 2.1 MB MIT setaccio models fetch little"
    assert " ".join(rows[1].split()) == little
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
    assert err == "error: little: not fetched yet. Fetch it once: setaccio models fetch little\n"


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
