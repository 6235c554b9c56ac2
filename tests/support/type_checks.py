"""What mypy, as strict as it gets, says of a program that uses the packages."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_UNTYPED = ("llama_cpp", "llguidance", "matplotlib", "openai", "outlines", "regex", "scipy")


def type_errors(program: str, folder: Path, repository: Path) -> list[str]:
    """Check a program.

    Args:
        program: its source.
        folder: an empty one to work in.
        repository: the folder that holds pyproject.toml.

    Returns:
        mypy's errors, one a line; empty where it has none.
    """
    (folder / "program.py").write_text(program, encoding="utf-8")
    (folder / "mypy.ini").write_text(
        "[mypy]\nstrict = true\nnamespace_packages = true\nexplicit_package_bases = true\n"
        f"mypy_path = {repository / '.types'}\n"
        f"[{','.join(f'mypy-{name}.*' for name in _UNTYPED)}]\n"
        "ignore_missing_imports = true\nfollow_imports = skip\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "mypy.ini", "program.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    found = [line for line in done.stdout.splitlines() if ": error:" in line]
    if not found and done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return found
