"""The process around a verb: Ctrl-C at any moment, streams that are closed, full or of another
encoding, empty arguments; always one line and the documented exit code.

Run: pytest tests/cli/terminal/test_cli_process.py
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import COMMAND, Run, environment

TEXT = "Mix two cups of flour with one egg, then fry the pancakes until golden."
INTERRUPT = "os.kill(os.getpid(), signal.SIGINT)"


def shell(line: str, folder: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a line of bash, in which `"$@"` is the program."""
    return subprocess.run(
        ["bash", "-c", line, "bash", *COMMAND],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(**extra),
        timeout=300,
        check=False,
    )


def interrupted(before: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a process that sends itself Ctrl-C where `before` says."""
    script = (
        f"import atexit, os, signal, sys\n{before}\n"
        f"sys.argv = ['setaccio', *{arguments!r}]\n"
        "from setaccio.cli.main import main\n"
        "main()\n"
    )
    return subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment(),
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("module", ["typer", "setaccio.cli.terminal.console", "rich", "yaml"])
def test_ctrl_c_while_it_starts_is_no_traceback(module: str) -> None:
    finder = (
        "class Stop:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}: {INTERRUPT}\n"
        "sys.meta_path.insert(0, Stop())"
    )
    done = interrupted(finder, "schema", "check", "recipe")
    assert done.returncode == 130
    assert "Traceback" not in done.stderr


def test_ctrl_c_while_it_ends_is_no_traceback() -> None:
    done = interrupted(f"atexit.register(lambda: {INTERRUPT})", "schema", "check", "recipe")
    assert (done.returncode, done.stdout[:5]) == (130, "where")
    assert "Traceback" not in done.stderr


def test_a_second_ctrl_c_is_no_traceback_and_changes_no_exit_code() -> None:
    finaliser = f"import weakref; weakref.finalize(Path, lambda: {INTERRUPT})"
    done = interrupted(
        "class Stop:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == 'yaml': {INTERRUPT}\n"
        "sys.meta_path.insert(0, Stop())\n"
        f"from pathlib import Path\n{finaliser}",
        "schema",
        "check",
        "recipe",
    )
    assert (done.returncode, done.stderr) == (130, "error: Interrupted.\n")


def test_ctrl_c_in_a_finaliser_is_not_lost() -> None:
    loop = (
        "import weakref\n"
        "class Thing: pass\n"
        "class Stop:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == 'yaml': weakref.finalize(Thing(), lambda: {INTERRUPT})\n"
        "sys.meta_path.insert(0, Stop())"
    )
    done = interrupted(loop, "schema", "check", "recipe")
    assert (done.returncode, done.stderr) == (130, "")


def test_a_process_that_ignores_ctrl_c_still_does() -> None:
    ignore = f"signal.signal(signal.SIGINT, signal.SIG_IGN); atexit.register(lambda: {INTERRUPT})"
    assert interrupted(ignore, "--version").returncode == 0


@pytest.mark.parametrize(
    "arguments",
    ["--help", "data --help", "--version", "doctor", "schema check recipe", "eval --limit 1"],
)
def test_a_reader_that_went_away_is_141(tmp_path: Path, arguments: str) -> None:
    line = f'(sleep 0.3; "$@" {arguments}; echo $? > code) | true'
    done = shell(line, tmp_path)
    assert (tmp_path / "code").read_text() == "141\n"
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("arguments", ["--help", "--version", "data generate --count 3"])
@pytest.mark.parametrize(
    ("output", "says"),
    [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")],
)
def test_output_that_can_not_be_written_is_one_line(
    tmp_path: Path, arguments: str, output: str, says: str
) -> None:
    done = shell(f'"$@" {arguments} {output}', tmp_path)
    assert done.returncode == 1
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_closed_streams_are_never_taken_by_another_file(tmp_path: Path, quick: list[str]) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    flags = " ".join(quick)
    whole = shell(f'"$@" extract a.txt {flags}', tmp_path)
    silent = shell(f'"$@" extract a.txt {flags} 2>&-', tmp_path)
    assert silent.returncode == whole.returncode
    assert json.loads(silent.stdout)["raw"] == json.loads(whole.stdout)["raw"]
    nowhere = shell(f'"$@" extract a.txt {flags} >&-', tmp_path)
    assert nowhere.returncode == 1
    assert "standard output: Bad file descriptor" in nowhere.stderr
    kept = shell(f'"$@" extract a.txt {flags} --out out.jsonl >&- 2>&- <&-', tmp_path)
    assert kept.returncode == whole.returncode
    assert (
        json.loads((tmp_path / "out.jsonl").read_text())["raw"] == json.loads(whole.stdout)["raw"]
    )
    assert (tmp_path / "a.txt").read_text() == TEXT
    for arguments in ("", "-"):
        unread = shell(f'"$@" extract {arguments} {flags} <&-', tmp_path)
        assert (unread.returncode, unread.stderr.count("\n")) == (2, 1)


def test_json_lines_are_utf8_whatever_the_locale(run: Run) -> None:
    done = run("data", "generate", "--count", "30", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0
    assert done.stdout == run("data", "generate", "--count", "30").stdout
    assert not done.stdout.isascii()
    assert run("train", "--list-settings", PYTHONIOENCODING="ascii").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["extract", ""], "an argument is empty"),
        (["extract", "a.txt", "--out", ""], "--out is empty"),
        (["extract", "a.txt", "--model="], "--model is empty"),
        (["export", ""], "an argument is empty"),
        (["data", "split", "", "--out", "x"], "an argument is empty"),
        (["train", "--pairs", "", "--out", "x"], "--pairs is empty"),
        (["--nope"], "--nope"),
        (["eval", "--nope"], "--nope"),
        (["data", "foo"], "foo"),
        (["eval", "sweep", "a.gguf", "--pairs", "none.jsonl"], "none.jsonl"),
    ],
)
def test_wrong_arguments_are_one_line(
    run: Run, tmp_path: Path, arguments: list[str], says: str
) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    done = run(*arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert says in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("arguments", [[], ["data"], ["schema"]])
def test_a_group_without_a_command_shows_its_help_alone(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (2, "")
    assert "Usage: setaccio" in done.stdout


def test_the_program_is_called_setaccio_however_it_was_started(run: Run) -> None:
    assert "Usage: setaccio train " in run("train", "--help").stdout
