"""What docs/server.md tells to type gives what it shows.

Run: pytest tests/runtime/server/http/test_server_docs.py
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from served import Served, serve_cli

from setaccio.cli.app import app

URL = "http://127.0.0.1:8471"


@pytest.fixture(scope="module")
def docs() -> str:
    return (Path(__file__).parents[4] / "docs" / "server.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def default_server(smollm2: Path) -> Iterator[Served]:
    with serve_cli() as served:
        yield served


def run(command: list[str]) -> str:
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        timeout=240,
        env={**os.environ, "PYTHONPATH": paths},
    )
    return done.stdout


@pytest.mark.smollm2
def test_commands_give_what_is_shown(docs: str, default_server: Served) -> None:
    shown = re.findall(r"```sh\n([^`]*)```\n\n```json\n([^`]*)```", docs)
    assert len(shown) == 5
    for command, answer in shown:
        lines = run(["bash", "-c", command.replace(URL, default_server.url)]).splitlines()
        for line, begins in zip(lines, answer.splitlines(), strict=True):
            assert line.startswith(begins.removesuffix("..."))


@pytest.mark.smollm2
def test_the_client_code_prints_what_stands_beside_it(docs: str, default_server: Served) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", docs, re.DOTALL)
    said = run([sys.executable, "-c", example.replace(URL, default_server.url)])
    assert said.strip() == example.rpartition("# ")[2].strip()


def test_the_commands_that_start_it_are_understood(docs: str) -> None:
    found = re.findall(r"(?:^|`)(setaccio serve[^`\n]*)", docs, re.MULTILINE)
    assert len(found) >= 3
    verb = typer.main.get_command(app).commands["serve"]
    for command in found:
        verb.make_context("serve", shlex.split(command)[2:])


def test_every_route_stands_in_the_docs(docs: str, server: Served) -> None:
    import httpx

    paths = httpx.get(f"{server.url}/openapi.json").json()["paths"]
    assert not [path for path in paths if path.partition("{")[0].rstrip("/") not in docs]
