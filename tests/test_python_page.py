"""docs/python.md: its snippets print what stands beneath them, its tables name what there is.

Run: pytest tests/test_python_page.py
"""

from __future__ import annotations

import importlib
import inspect
import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from type_checks import type_errors

from setaccio.data import errors
from setaccio.data.errors import ModelError
from setaccio.models import default_base, model_path

PACKAGES = ("data", "eval", "export", "models", "runtime", "train")
MARK = "=== snippet"


@pytest.fixture(scope="module")
def page(repository: Path) -> str:
    return (repository / "docs" / "python.md").read_text(encoding="utf-8")


def snippets(page: str) -> list[tuple[str, str | None]]:
    """Each snippet with what it prints, where that is shown."""
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    return [
        (code, shown if after == "text" else None)
        for (kind, code), (after, shown) in itertools.pairwise([*blocks, ("", "")])
        if kind == "python"
    ]


def needs_base(code: str) -> bool:
    return "smollm2" in code


def has_base() -> bool:
    try:
        model_path(default_base().name)
    except ModelError:
        return False
    return True


@pytest.mark.slow
def test_every_snippet_prints_what_stands_beneath_it(
    repository: Path, tiny_gguf: Path, page: str, tmp_path: Path
) -> None:
    (tmp_path / "recipes.gguf").symlink_to(tiny_gguf)
    (tmp_path / "pairs.jsonl").symlink_to(repository / "tests" / "fixtures" / "pairs.jsonl")
    found = [each for each in snippets(page) if has_base() or not needs_base(each[0])]
    assert len(found) > 10
    program = "".join(f"print({MARK!r}, flush=True)\n{code}" for code, _ in found)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert done.returncode == 0, done.stderr
    printed = done.stdout.split(f"{MARK}\n")[1:]
    assert len(printed) == len(found)
    for (code, shown), out in zip(found, printed, strict=True):
        assert out == (shown or ""), code


def test_snippets_fit_the_types(page: str, repository: Path, tmp_path: Path) -> None:
    program = "".join(code for code, _ in snippets(page))
    assert type_errors(program, tmp_path, repository) == []


@pytest.mark.parametrize("name", PACKAGES)
def test_the_table_names_what_the_package_exports(page: str, name: str) -> None:
    names = page.partition("## Names in Python")[2]
    table = names.partition(f"`from setaccio.{name} import")[2].partition("`from setaccio.")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    listed = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(listed) == sorted(importlib.import_module(f"setaccio.{name}").__all__)


def test_the_table_of_errors_is_the_tree(page: str) -> None:
    table = page.partition("## Errors")[2].partition("\n## ")[0]
    rows = {name: int(code) for name, code in re.findall(r"^\| `(\w+)` \| (\d+) \|", table, re.M)}
    assert rows == {
        name: kind.exit_code
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.SetaccioError)
    }


def test_every_status_is_told_of(repository: Path) -> None:
    from typing import get_args

    from setaccio.runtime import Status

    told = (repository / "docs" / "cli.md").read_text(encoding="utf-8")
    table = told.partition("| status | meaning |")[2].partition("\n\n")[0]
    assert re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.*?) \|", table, re.M))) == [
        *get_args(Status)
    ]
