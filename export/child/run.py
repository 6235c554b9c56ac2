"""Run one of this folder's helper scripts in a child process; see :mod:`setaccio.models.child`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from setaccio.data.errors import ExportError
from setaccio.models import child


def run_script(script: str, job: dict[str, Any], doing: str) -> str:
    """Run a script that lies beside this file, without network.

    Args:
        script: its file name.
        job: what it reads from standard input, as JSON.
        doing: what to call it in an error message, such as ``Converting model``.

    Returns:
        The child's standard error.

    Raises:
        ExportError: the child failed; the message ends with its last telling line.
    """
    return child.run_child(Path(__file__).parent / script, job, doing, ExportError)
