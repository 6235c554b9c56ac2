"""What the README shows of the library is what it does.

Run: pytest tests/runtime/test_readme.py
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def test_the_example_prints_what_stands_below_it(repository: Path) -> None:
    readme = (repository / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    shown = re.search(r"^# (.*)\[\.\.\.\]\}$", example, re.MULTILINE)
    assert shown
    done = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith(shown[1])
