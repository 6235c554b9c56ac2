"""Hold the house rules that no linter knows: sizes of folders and files, one name for one thing.

Run it from the repository's folder: python -m scripts.check_house

Prints what breaks a rule and ends with 1, or prints the size of the code and ends with 0.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("cli", "data", "eval", "export", "models", "runtime", "train")
FOLDERS = (*PACKAGES, "benchmarks", "scripts", "tests")
MOST_FILES = 13
LEAST_FILES = 2  # besides __init__.py
MOST_LINES = 320
LEAST_LINES = 30
WANTED_LINES = 33_000
CEILING = 66_000
"""Lines of non-test Python beyond which this fails. Lower it with every tidying."""

SHORT_ON_PURPOSE = {
    "models/_run_pip.py": "is a child process",
}
"""Short files that are let be, and why: a child process, an optional dependency."""

OWN_PROCESSES = frozenset({"main"})
"""Functions that each child script has under the same name."""


def broken_rules() -> list[str]:
    """Every broken rule as one line."""
    return [*_folder_sizes(), *_file_sizes(), *_names_defined_twice(), *_tests_of_one_name()]


def _python_files(folders: tuple[str, ...]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(Path(folder).rglob("*.py"))


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def _folder_sizes() -> Iterator[str]:
    counts = Counter(path.parent for path in _python_files(FOLDERS))
    for folder, count in counts.items():
        if count > MOST_FILES:
            yield f"{folder}: {count} Python files; at most {MOST_FILES}"
        if folder.parts[0] in PACKAGES and count - 1 < LEAST_FILES:
            yield f"{folder}: {count - 1} modules; at least {LEAST_FILES}"


def _file_sizes() -> Iterator[str]:
    for path in _python_files(FOLDERS):
        name, lines = path.as_posix(), _lines(path)
        if lines > MOST_LINES:
            yield f"{name}: {lines} lines; at most {MOST_LINES}"
        is_module = path.parts[0] != "tests" and path.name != "__init__.py"
        if is_module and lines < LEAST_LINES and name not in SHORT_ON_PURPOSE:
            yield f"{name}: {lines} lines; belongs into its caller unless it is a boundary"


def _names_defined_twice() -> Iterator[str]:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in _python_files(PACKAGES):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                places[node.name].append(path.as_posix())
    for name, files in places.items():
        if len(files) > 1 and not name.startswith("_") and name not in OWN_PROCESSES:
            yield f"{name}: defined in {', '.join(files)}"


def _tests_of_one_name() -> Iterator[str]:
    """Test files that pytest, which imports them by their last name, can not collect together."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in _python_files(("tests",)):
        if path.name != "conftest.py":
            places[path.name].append(path.as_posix())
    for files in places.values():
        if len(files) > 1:
            yield f"{' and '.join(files)}: one name"


def check_house() -> int:
    """Print the state of the house; returns the exit code."""
    rows = list(broken_rules())
    lines = sum(_lines(path) for path in _python_files(FOLDERS) if path.parts[0] != "tests")
    if lines > CEILING:
        rows.append(f"{lines:,} lines of non-test Python; at most {CEILING:,} as things stand")
    for row in rows:
        sys.stderr.write(f"{row}\n")
    sys.stdout.write(f"{lines:,} lines of non-test Python; the limit is {WANTED_LINES:,}\n")
    return 1 if rows else 0


if __name__ == "__main__":
    sys.exit(check_house())
