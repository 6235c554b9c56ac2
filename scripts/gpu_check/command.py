"""The options of `just gpu-check`, and a folder for what is large.

Contract: ``run_command(options(name, about), work)`` gives ``work`` the parsed options with whole
paths, ``scratch`` among them: the folder that was named, which is kept, or a new one that is
removed. Exit code 2 where :class:`SetupError` says that the machine can not do it.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from scripts.gpu_check import machine
from scripts.gpu_check.parts import say


def options(name: str, about: str | None) -> argparse.ArgumentParser:
    """The parser of a command, to which it may add its own options.

    Args:
        name: the command's; its results go into ``runs/<name>`` by default.
        about: its docstring, whose first paragraph is shown.
    """
    parser = argparse.ArgumentParser(prog=name, description=(about or "").split("\n\n")[0])
    parser.add_argument("--rehearse", action="store_true", help="every part shortly, on the CPU")
    parser.add_argument("--wheels", type=Path, help="folder of `just gpu-wheels`")
    parser.add_argument("--out", type=Path, default=machine.ROOT / "runs" / name)
    parser.add_argument("--minutes", type=float, help="end after this time (default: 9.5)")
    parser.add_argument("--scratch", type=Path, help="keep models, runs and caches here")
    return parser


def run_command(parser: argparse.ArgumentParser, work: Callable[[argparse.Namespace], int]) -> int:
    """Parse the command line and do the work; returns the exit code."""
    given = parser.parse_args()
    given.out = given.out.resolve()
    own = given.scratch is None
    given.scratch = (
        Path(tempfile.mkdtemp(prefix=f"{parser.prog}-")) if own else given.scratch.resolve()
    )
    try:
        code = work(given)
    except machine.SetupError as error:
        say(f"{parser.prog}: {error}")
        return 2
    finally:
        if own:
            shutil.rmtree(given.scratch, ignore_errors=True)
    say(f"{given.out / 'section.md'} is ready for docs/gpu.md; every number is in result.json.")
    return code
