"""What mypy, as strict as it gets, says of a program that uses the packages."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def type_errors(program: str, folder: Path, repository: Path) -> list[str]:
    """Check a program.

    Args:
        program: its source.
        folder: an empty one to work in.
        repository: the folder that holds pyproject.toml.

    Returns:
        mypy's errors, one a line; empty where it has none.
    """
    program_file = folder / "program.py"
    program_file.write_text(program, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", str(program_file)],
        cwd=repository,  # for its settings, and for what `just types` found out already
        capture_output=True,
        text=True,
        check=False,
    )
    found = [
        re.sub(r"^\S*/program\.py", "program.py", line)
        for line in done.stdout.splitlines()
        if ": error:" in line
    ]
    if not found and done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return found
