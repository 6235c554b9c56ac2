"""Run a helper script of ours in a child process and turn its end into a message.

Contract: ``run_child(script, job, doing, error)`` sends the job as JSON to the script's standard
input and returns what it wrote to standard error. A crash of native code ends the child, not the
caller.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from setaccio.data.errors import SetaccioError

# Lines of a traceback or a log that name the cause, as against progress and frames.
_TELLING = re.compile(r"(Error|Exception|error|failed|requires|ASSERT)")
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def run_child(script: Path, job: dict[str, Any], doing: str, error: type[SetaccioError]) -> str:
    """Run a script without network.

    Args:
        script: the file.
        job: what it reads from standard input, as JSON.
        doing: what to call it in an error message, such as ``Converting model``.
        error: what to raise.

    Returns:
        The child's standard error.

    Raises:
        SetaccioError: ``error``: the child failed; the message ends with its last telling line.
    """
    done = subprocess.run(
        [sys.executable, str(script)],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, **_OFFLINE},
        check=False,
    )
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise error(f"{doing} crashed ({name}). {last_telling_line(done.stderr)}".strip())
    if done.returncode > 0:
        raise error(f"{doing} failed: {last_telling_line(done.stderr)}")
    return done.stderr


def last_telling_line(log: str) -> str:
    """Return the last line of a log that names a cause, or else its last line."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    return (telling or lines or ["it said nothing"])[-1]
