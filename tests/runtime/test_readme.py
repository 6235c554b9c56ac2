"""What the README shows of the library and its commands is what they do.

Run: pytest tests/runtime/test_readme.py
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from cli_process import COMMAND

from setaccio.cli.app import app


@pytest.fixture(scope="module")
def readme() -> str:
    return (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    return done.stdout


@pytest.mark.smollm2
def test_the_examples_print_what_stands_below_them(readme: str, smollm2: Path, tmp_path: Path):
    example, typed = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    shown = re.search(r"^# (.*)\[\.\.\.\]\}$", example, re.MULTILINE)
    assert shown
    first, last = run(
        [sys.executable, "-c", f"{example}\n{typed}\nprint(repr(cake))"], tmp_path
    ).splitlines()
    assert first.startswith(shown[1])
    assert f"# {last}" == typed.splitlines()[-1]


@pytest.mark.smollm2
def test_a_document_gives_the_row_that_is_shown(readme: str, smollm2: Path, tmp_path: Path):
    section = readme.partition("\n## Documents\n")[2]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert block
    just = f'just() {{ {shlex.join(map(str, COMMAND))} "$@"; }}\n'
    row = run(["bash", "-c", just + block[1]], tmp_path)
    shown = [line[2:] for line in block[1].splitlines() if line.startswith("# ")]
    assert len(shown) == 2
    assert row.startswith(shown[0].removesuffix("..."))
    assert shown[1].removesuffix("...") in row
    assert (tmp_path / "texts" / "cake.eml.txt").is_file()


def test_every_command_is_understood(readme: str):
    blocks = "".join(re.findall(r"```sh\n(.*?)```", readme, re.DOTALL))
    verbs = typer.main.get_command(app).commands
    found = re.findall(r"^(?:just|setaccio) (\w+) (.*)$", blocks, re.MULTILINE)
    asked = [(verb, rest) for verb, rest in found if verb in verbs]
    assert {verb for verb, _ in asked} == {"eval", "export", "extract", "serve", "train"}
    for verb, rest in asked:
        verbs[verb].make_context(verb, shlex.split(rest))


def test_what_the_commands_read_is_in_the_tree(readme: str, repository: Path):
    named = set(re.findall(r"\b(?:data|docs|models|tests)/[\w./-]*\w", readme))
    assert len(named) > 15
    assert [name for name in named if not (repository / name).exists()] == []
