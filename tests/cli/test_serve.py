"""`setaccio serve` from the command line: what it says, and what it refuses before it starts."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cli_process import Run, environment
from served import serve_cli

from setaccio.cli.serve import _named, _size
from setaccio.data.errors import UsageError
from setaccio.models import shipped_adapter

EVERYWHERE = "0.0.0.0"  # noqa: S104


def refused(run: Run, code: int, *arguments: object, **extra: str) -> str:
    done = run("serve", *arguments, **extra)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_a_port_that_is_taken_is_said(run: Run, gguf: Path, taken: int) -> None:
    assert f"--port {taken}: is taken" in refused(run, 2, gguf, "--port", taken)


def test_a_host_of_others_needs_a_key(run: Run, gguf: Path) -> None:
    for host in (EVERYWHERE, "::"):
        said = refused(run, 2, gguf, "--port", 0, "--host", host)
        assert "--api-key-env" in said
    assert "no address" in refused(run, 2, gguf, "--port", 0, "--host", "nowhere.invalid")


def test_an_empty_key_is_none(run: Run, gguf: Path) -> None:
    flags = ("--port", 0, "--host", EVERYWHERE, "--api-key-env", "MY_KEY")
    assert "MY_KEY: is not set" in refused(run, 2, gguf, *flags)
    assert "MY_KEY: is not set" in refused(run, 2, gguf, *flags, MY_KEY=" ")


def test_a_missing_model_is_said(run: Run) -> None:
    assert "gone.gguf" in refused(run, 5, "gone.gguf", "--port", 0)


def test_an_adapter_of_another_base_is_said(run: Run, gguf: Path) -> None:
    adapter = shipped_adapter("recipe")
    said = refused(run, 5, gguf, "--adapter", f"recipe={adapter}", "--port", 0)
    assert f"does not fit {gguf.name}" in said
    assert "gone.gguf" in refused(run, 5, gguf, "--adapter", "recipe=gone.gguf", "--port", 0)


def test_two_adapters_of_one_name_are_said(run: Run, gguf: Path) -> None:
    flags = ("--adapter", "a/x.gguf", "--adapter", "b/x.gguf", "--port", 0)
    assert "x is the name of another" in refused(run, 2, gguf, *flags)


def test_a_task_that_is_none_is_said(run: Run, gguf: Path) -> None:
    assert "nonesuch" in refused(run, 3, gguf, "--task", "nonesuch", "--port", 0)


def test_corrections_without_a_folder_are_said(run: Run, gguf: Path) -> None:
    said = refused(run, 2, gguf, "--corrections", "nowhere/pairs.jsonl", "--port", 0)
    assert "nowhere" in said


def test_the_extra_is_named_where_it_is_missing() -> None:
    script = (
        "import sys\n"
        "sys.modules['uvicorn'] = None\n"
        "from setaccio.cli.app import app\n"
        "app(['serve', '--port', '0'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, env=environment(), check=False
    )
    assert done.returncode == 2
    assert b"uvicorn is not installed" in done.stderr


def test_serving_loads_neither_torch_nor_transformers() -> None:
    script = (
        "import sys\n"
        "import setaccio.runtime.server.http.app, setaccio.runtime.server.http.serving\n"
        "sys.exit(' '.join({'torch', 'transformers'} & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, env=environment(), check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_adapters_go_by_their_names() -> None:
    assert _named(["recipe=a/b.gguf", "c/d.e.gguf"]) == {
        "recipe": Path("a/b.gguf"),
        "d.e": Path("c/d.e.gguf"),
    }
    for wrong in ("=a.gguf", "a="):
        with pytest.raises(UsageError):
            _named([wrong])


@pytest.mark.parametrize(
    ("given", "size"),
    [("10MB", 10_000_000), ("512kB", 512_000), ("1 MiB", 2**20), ("2000", 2000), ("1.5k", 1500)],
)
def test_sizes_are_read(given: str, size: int) -> None:
    assert _size(given) == size


@pytest.mark.parametrize("given", ["", "0", "ten", "-1", "1TB", "0.1"])
def test_what_is_no_size_is_refused(given: str) -> None:
    with pytest.raises(UsageError, match="--max-body"):
        _size(given)


def test_a_further_task_is_offered_and_corrections_go_beside_it(gguf: Path, tmp_path: Path) -> None:
    with serve_cli(gguf, "--task", "booking", folder=tmp_path) as served:
        tasks = httpx.get(f"{served.url}/tasks").json()
        assert [task["name"] for task in tasks] == ["recipe", "booking"]
        gold = {"title": "a", "ingredients": [], "directions": []}
        body = {"text": "a", "gold": gold, "task": "recipe"}
        kept = httpx.post(f"{served.url}/corrections", json=body)
        assert kept.status_code == 201
        assert (tmp_path / "corrections.jsonl").read_text().count("\n") == 1


def test_off_the_loopback_a_key_is_all_that_is_asked_for(gguf: Path) -> None:
    flags = ("--host", EVERYWHERE, "--api-key-env", "MY_KEY")
    with serve_cli(gguf, *flags, MY_KEY="right") as served:
        url = f"http://127.0.0.1:{served.port}/health"
        headers = {"Authorization": "Bearer right", "Host": "models.example"}
        assert httpx.get(url, headers=headers).json()["corrections"] is False
        assert httpx.get(url, headers={"Host": "models.example"}).status_code == 401


@pytest.mark.smollm2
def test_without_a_model_the_shipped_adapters_are_served(
    smollm2: Path,
) -> None:
    assert smollm2.is_file()
    with serve_cli() as served:
        listed = httpx.get(f"{served.url}/v1/models").json()["data"]
        assert [model["id"] for model in listed] == ["recipe", "booking", "smollm2"]
        body = {"text": "Sponge cake. Beat 2 eggs with 50 g sugar.", "task": "recipe"}
        row = httpx.post(f"{served.url}/extract", json=body, timeout=120).json()
        assert row["status"] == "ok"
        assert row["data"]["title"] == "Sponge cake"
        body = {"text": "[asked: people] four please", "task": "booking"}
        row = httpx.post(f"{served.url}/extract", json=body, timeout=120).json()
        assert (row["status"], row["data"]["people"]) == ("ok", "four")
