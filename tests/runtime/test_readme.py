"""What the README shows of the library is what it does.

Run: pytest tests/runtime/test_readme.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path


def test_the_example_prints_what_stands_below_it(
    repository: Path, tiny_gguf: Path, tmp_path: Path
) -> None:
    readme = (repository / "README.md").read_text(encoding="utf-8")
    example, typed = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    shown = re.search(r"^# (.*)\[\.\.\.\]\}$", example, re.MULTILINE)
    assert shown
    (tmp_path / "recipes.gguf").symlink_to(tiny_gguf)
    done = subprocess.run(
        [sys.executable, "-c", f"{example}\n{typed}\nprint(type(cake).__name__)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert done.stdout.startswith(shown[1])
    assert done.stdout.splitlines()[-1] == "Cake"
