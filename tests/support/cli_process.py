"""How the tests start `setaccio` as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

Run = Callable[..., "subprocess.CompletedProcess[str]"]
COMMAND = [sys.executable, "-m", "setaccio.cli.main"]


def environment(**extra: str) -> dict[str, str]:
    """The tests' environment, with this interpreter's import paths and no colours."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return {**os.environ, "PYTHONPATH": paths, "NO_COLOR": "1", **extra}
