"""What the command line prints: results on standard output, everything else on standard error.

Colours, the width and ``NO_COLOR`` are Rich's business. Importing this module loads nothing.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

LEAST_TABLE_WIDTH = 120
"""Columns that a table may take where there is no terminal that knows its width."""


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


def tell(message: object, *, label: str = "", style: str = "") -> None:
    """Print one line on standard error.

    Args:
        message: what to say; line breaks in it become blanks.
        label: a word before it, such as ``error``.
        style: Rich style of the label.
    """
    from rich.text import Text

    head = (f"{label}: ", style) if label else ("", "")
    # Names of files may hold bytes that are no UTF-8; showing them must not be a new error.
    body = one_line(message).encode("utf-8", "replace").decode("utf-8")
    error_console().print(Text.assemble(head, body), soft_wrap=True)


def fail(message: object) -> None:
    """Print an error."""
    tell(message, label="error", style="bold red")


def warn(message: object) -> None:
    """Print a warning."""
    tell(message, label="warning", style="yellow")


def step(message: object) -> None:
    """Print what is being done now."""
    from rich.text import Text

    error_console().print(Text.assemble(("==> ", "bold cyan"), one_line(message)), soft_wrap=True)


def write_line(line: str) -> None:
    """Write one line of results to standard output, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
