"""``setaccio models``: which models are known, and how their files come and go."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from setaccio.cli.terminal.console import error_console, program, tell_step, write_line
from setaccio.cli.terminal.tables import print_list

if TYPE_CHECKING:
    from setaccio.models import KnownModel

EXAMPLE = "setaccio models"
FETCH_EXAMPLE = "setaccio models fetch smollm2"
PATH_EXAMPLE = "setaccio models path smollm2"
REMOVE_EXAMPLE = "setaccio models remove smollm2"
PATIENCE = 2.0
"""Seconds without a progress bar."""

_Name = Annotated[str, typer.Argument(metavar="NAME", help="A known model.")]


def models(context: typer.Context) -> None:
    """List the known models, and the bases that were made of GGUF files.

    State, size, licence, and where each lies or comes from.
    """
    if context.invoked_subcommand is not None:
        return
    from rich.filesize import decimal

    from setaccio.models import known_models
    from setaccio.models.bases import kept_bases

    rows = [_row(known) for known in known_models()]
    for base in kept_bases():
        state = "unfinished base" if base.sha256 is None else "dequantised base"
        rows.append((base.name, state, decimal(base.bytes), "", str(base.folder)))
    print_list(("name", "state", "size", "licence", "where"), rows)


def fetch_verb(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="NAME...", help="Known models; the default base where none is."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Fetch anew what is there already.")
    ] = False,
) -> None:
    """Fetch the files of known models through pip, and prove them by their SHA-256.

    They are kept in the user's cache, or in the folder that SETACCIO_MODELS names. Nothing is
    installed.
    """
    from setaccio.models import default_base, find_known, state
    from setaccio.models import fetch as fetch_one
    from setaccio.models.store import package_source

    chosen = [find_known(name) for name in names] if names else [default_base()]
    for known in chosen:
        package_source(known)  # of the Hub: refused before anything is fetched
    for known in chosen:
        there = not overwrite and state(known.name) == "here"
        if not there:
            tell_step(f"Fetching {known.title} ({_size(known)}, {known.licence})")
        with _bar() as progress:
            path = fetch_one(known.name, progress, overwrite=overwrite)
        tell_step(f"{known.name} is {'there already' if there else 'ready'}: {path}")


def path(name: _Name) -> None:
    """Print the path of a model's file, proved to be the published one, and nothing else."""
    from setaccio.models import model_path

    write_line(str(model_path(name)))


def remove_verb(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A known model, or a base's name.")],
) -> None:
    """Delete a model's file and the bases made of it; they can be fetched and made again.

    That holds for a file in the folder that SETACCIO_MODELS names, too.
    """
    from setaccio.models import remove as remove_files
    from setaccio.models.store import FOLDER_VARIABLE, named_folder

    gone, named = remove_files(name), named_folder()
    for deleted in gone:
        where = f" (in the folder that {FOLDER_VARIABLE} names)" if deleted.parent == named else ""
        tell_step(f"{name}: deleted {deleted}{where}")
    if not gone:
        tell_step(f"{name}: there is no file to delete.")


def _row(known: KnownModel) -> tuple[str, str, str, str, str]:
    from setaccio.models import state
    from setaccio.models.store import find_file, package_source

    found = state(known.name)
    if known.hub:
        return known.name, "Hub, with --allow-download", _size(known), known.licence, known.hub
    words = {"here": "here", "absent": "not fetched", "damaged": "another file"}[found]
    lies, _ = find_file(package_source(known))
    again = f"{program()} models fetch {known.name}"
    where = again if lies is None else str(lies.parent)
    if found == "damaged":
        where = f"{lies}; replace it: {again} --overwrite"
    default = ", default base" if known.default else ""
    return known.name, words + default, _size(known), known.licence, where


def _size(known: KnownModel) -> str:
    """Size of the file, or of the weights in 16 bits."""
    from rich.filesize import decimal

    from setaccio.models import HubSource

    source = known.source
    return decimal(2 * known.parameters if isinstance(source, HubSource) else source.bytes)


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    """A progress bar on standard error, for what takes longer than :data:`PATIENCE`."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    bar = Progress(*columns, TimeRemainingColumn(), console=error_console(), transient=True)
    began = time.monotonic()
    task = bar.add_task("", total=None)

    def show(doing: str, done: int, total: int) -> None:
        bar.update(task, description=doing, completed=done, total=total or None)
        waited = time.monotonic() - began > PATIENCE
        if waited and bar.console.is_terminal and not bar.live.is_started:
            bar.start()

    try:
        yield show
    finally:
        if bar.live.is_started:
            bar.stop()
