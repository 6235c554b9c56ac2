"""What the child processes share: a job comes as a JSON file, a result goes beside it.

A failure becomes one line on standard error and exit code 1, so that the parent can repeat it.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any


def run_job(work: Callable[[dict[str, Any]], dict[str, Any]]) -> int:
    """Read the job that the command line names, do it, and write ``result`` of the job.

    Returns:
        The exit code.
    """
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    try:
        result = work(job)
    except Exception as error:  # whatever a stack raises ends this run, not the check
        traceback.print_exc()
        reason = " ".join(str(error).split())[:400]
        sys.stderr.write(f"{type(error).__name__}: {reason}\n")
        return 1
    out = Path(job["result"])
    part = out.with_suffix(".part")
    part.write_text(json.dumps(result, indent=2), encoding="utf-8")
    part.replace(out)
    return 0
