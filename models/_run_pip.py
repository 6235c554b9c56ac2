"""Child process: pip, which does not outlive the process that started it.

Contract: ``python _run_pip.py PARENT ARGUMENTS...`` runs ``pip ARGUMENTS...``. PARENT is the id of
the process to end with: where that is killed, nobody else would end this one.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Tie this process to its parent, then become pip."""
    parent = int(sys.argv.pop(1))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before that was said
        sys.exit(1)
    runpy.run_module("pip", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
