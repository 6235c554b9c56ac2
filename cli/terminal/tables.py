"""Tables on standard output. Cells are text: square brackets in them are no markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from setaccio.cli.terminal.console import output_console

if TYPE_CHECKING:
    from rich.console import Console


def print_rows(rows: Sequence[Sequence[str]], text_columns: int = 1) -> None:
    """Print a table of numbers.

    Args:
        rows: cells, header first.
        text_columns: how many columns from the left are words.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    head, *body = rows
    for at, title in enumerate(head):
        table.add_column(title, justify="left" if at < text_columns else "right")
    for row in body:
        table.add_row(*map(Text, row))
    output_console().print(table)


def print_list(
    headings: Iterable[str], rows: Iterable[Iterable[str]], console: Console | None = None
) -> None:
    """Print a table of words without lines; long cells are folded.

    Args:
        headings: of the columns.
        rows: their cells.
        console: where; standard output by default.
    """
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    (console or output_console()).print(table)
