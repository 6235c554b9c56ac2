"""Every command has help, an example and a place in the docs; help loads nothing heavy."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
from cli_process import environment

from setaccio.cli.app import VERBS, app

DOCS = Path(__file__).parents[2] / "docs" / "cli.md"
ROOT = typer.main.get_command(app)


def commands(command: object = ROOT, path: str = "setaccio") -> Iterator[tuple[str, object]]:
    """Every command that can be called, with its path."""
    inside = getattr(command, "commands", None)
    if inside is None:
        yield path, command
        return
    if command.invoke_without_command:
        yield path, command
    for name, part in inside.items():
        yield from commands(part, f"{path} {name}")


LEAVES = dict(commands())


def test_the_verbs_are_the_ones_of_the_design() -> None:
    assert set(ROOT.commands) == set(VERBS)
    assert {path.split()[1] for path in LEAVES} == set(VERBS)


@pytest.mark.parametrize("path", LEAVES)
def test_command_has_help_and_an_example_that_parses(path: str) -> None:
    command = LEAVES[path]
    assert command.help
    example = command.epilog.removeprefix("Example: ")
    assert example.startswith(path)
    arguments = shlex.split(example.removeprefix(path))
    command.make_context(path, arguments)  # raises for a flag that is not there


@pytest.mark.parametrize("path", LEAVES)
def test_every_flag_has_help(path: str) -> None:
    assert all(parameter.help for parameter in LEAVES[path].params if parameter.name != "help")


@pytest.mark.parametrize("path", LEAVES)
def test_command_is_documented_with_its_example(path: str) -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert f"## {path}\n" in text
    assert LEAVES[path].epilog.removeprefix("Example: ") in text


def test_documented_exit_codes_are_those_of_the_errors() -> None:
    from setaccio.cli.terminal import exits
    from setaccio.data import errors

    raised = {
        value.exit_code
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.SetaccioError)
    }
    known = raised | {
        exits.OK,
        exits.SOME_FAILED,
        exits.USAGE,
        exits.REGRESSED,
        exits.DRIFTED,
        exits.INTERRUPTED,
        exits.PIPE_CLOSED,
    }
    rows = re.findall(r"^\| (\d+) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE)
    assert {int(row) for row in rows} == known


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["extract", "--help"],
        ["data", "--help"],
        ["eval", "--help"],
        ["data", "split", "--help"],
        ["eval", "sweep", "--help"],
        ["train", "search", "--help"],
    ],
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys\n"
        "from setaccio.cli.app import app\n"
        "try:\n"
        f"    app({arguments!r})\n"
        "except SystemExit as end:\n"
        "    code = end.code\n"
        "heavy = {'torch', 'transformers', 'llama_cpp', 'numpy', 'jsonschema', 'pydantic'}\n"
        "sys.exit(f'{code} {heavy & set(sys.modules)}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert "Usage:" in done.stdout
    assert done.stderr.strip() == "0 set()"
