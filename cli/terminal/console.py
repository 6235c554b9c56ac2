"""What the command line prints: results on standard output, everything else on standard error.

Colours, the width and ``NO_COLOR`` are Rich's business. Importing this module loads nothing.
"""

from __future__ import annotations

import functools
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

LEAST_TABLE_WIDTH = 120
"""Columns that a table may take where there is no terminal that knows its width."""


_ROOT_FILE = "setaccio-root"  # names Setaccio's folder, in an environment that just has made
_JUST_BRINGS = frozenset({"train", "report", "baseline", "search", "serve"})
VERBS = (
    *("data", "schema", "models", "train", "export", "extract", "merge", "review", "eval"),
    *("improve", "drift", "serve", "doctor", "try", "demo"),
)
"""The verbs, in the order in which they are used."""
GREATEST_WARNINGS = 10
"""Bad lines that are shown; the rest is counted."""


def need_serve() -> None:
    """Refuse to begin without what answers over HTTP.

    Raises:
        MissingExtraError: a package of the extra ``serve`` is absent.
    """
    from importlib.util import find_spec

    from setaccio.data.errors import MissingExtraError

    for package in ("fastapi", "uvicorn", "prometheus_client"):
        if find_spec(package) is None:
            raise MissingExtraError("serve", package)


def error_console() -> Console:
    """The console on standard error, for messages and progress."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def output_console() -> Console:
    """The console on standard output, for tables and reports that people read."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else LEAST_TABLE_WIDTH
    return Console(highlight=False, width=width)


def one_line(message: object) -> str:
    """A message without line breaks."""
    return " ".join(str(message).split())


def pasteable(message: str) -> str:
    """A message in which every command of ours is called as this program can be called here."""
    called = program()
    if called == "setaccio" or "setaccio " not in message:
        return message
    return re.sub(
        rf"(?<![\w./-])setaccio (?=({'|'.join(VERBS)})\b)", lambda _: f"{called} ", message
    )


def install_hint(extra: str) -> str:
    """The sentence that says how to get an optional dependency group, such as ``train``."""
    root = Path(sys.prefix) / _ROOT_FILE
    if not root.is_file():
        return f"In Setaccio's folder run: pip install '.[{extra}]'"
    where = f"In {root.read_text(encoding='utf-8').strip()} run:"
    if extra in _JUST_BRINGS:
        return f"{where} just setup"
    return f"{where} {sys.executable} -m pip install '.[{extra}]'"


def tell(message: object, *, label: str = "", style: str = "") -> None:
    """Print one line on standard error; commands of ours in it can be pasted.

    Args:
        message: what to say; line breaks in it become blanks.
        label: a word before it, such as ``error``.
        style: Rich style of the label.
    """
    from rich.text import Text

    head = (f"{label}: ", style) if label else ("", "")
    # Names of files may hold bytes that are no UTF-8; showing them must not be a new error.
    body = pasteable(one_line(message)).encode("utf-8", "replace").decode("utf-8")
    error_console().print(Text.assemble(head, body), soft_wrap=True)


def fail(message: object) -> None:
    """Print an error."""
    tell(message, label="error", style="bold red")


def warn(message: object) -> None:
    """Print a warning."""
    tell(message, label="warning", style="yellow")


@functools.cache
def warn_once(message: str) -> None:
    """Print a warning that several parts of a run may give."""
    warn(message)


def tell_step(message: object) -> None:
    """Print what is being done now."""
    from rich.text import Text

    error_console().print(Text.assemble(("==> ", "bold cyan"), one_line(message)), soft_wrap=True)


def warn_of(problems: Sequence[object]) -> None:
    """Print a warning for each bad line; from :data:`GREATEST_WARNINGS` on they are counted."""
    for problem in problems[:GREATEST_WARNINGS]:
        warn(problem)
    if len(problems) > GREATEST_WARNINGS:
        warn(f"and {len(problems) - GREATEST_WARNINGS} more bad lines.")


def program() -> str:
    """How to call this program, for hints that can be pasted: ``.venv/bin/setaccio``.

    What was called says it no longer: training starts the interpreter anew
    (:func:`setaccio.train.backend.device.keep_heap`).
    """
    import shutil

    script = Path(sys.executable).parent / "setaccio"
    if shutil.which("setaccio") or not script.is_file():
        return "setaccio"
    folder = Path.cwd()
    return str(script.relative_to(folder) if script.is_relative_to(folder) else script)


def tell_try(arguments: Sequence[str]) -> None:
    """Print how to try something: a command of this program, on standard output to be pasted."""
    import shlex

    tell_step("Try it on a text of your own; this is the command for the one in the file:")
    write_line(shlex.join([program(), *arguments]))


def write_line(line: str) -> None:
    """Write one line of results to standard output, at once and in UTF-8 whatever the locale is."""
    sys.stdout.flush()
    sys.stdout.buffer.write(line.encode() + b"\n")
    sys.stdout.flush()
