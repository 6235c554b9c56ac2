"""``setaccio drift``: are new documents still like the old ones? Told without gold."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from setaccio.cli.terminal.console import fail, tell_step, warn, warn_of
from setaccio.cli.terminal.tables import print_rows

EXAMPLE = "setaccio drift reference.jsonl new.jsonl --html drift.html"


def drift_verb(
    reference: Annotated[
        Path, typer.Argument(metavar="REFERENCE", help="Results from when all was well.")
    ],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Results of the same model since.")],
    alpha: Annotated[
        float, typer.Option(help="Greatest chance of an alarm where nothing has changed.")
    ] = 0.05,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="PAGE", help="Write a page with charts too.")
    ] = None,
) -> None:
    """Compare two files of results; ends with 9 where they differ by more than chance.

    Statuses, lengths, confidence, removed probability, values without a place in the text, empty
    fields and the values of enumerations are tested, corrected for their number.
    """
    from setaccio.cli.terminal.exits import DRIFTED
    from setaccio.data.errors import UsageError
    from setaccio.eval.drift.alarm import compare_profiles
    from setaccio.eval.drift.profile import read_profile

    if html is not None and html.resolve() in (reference.resolve(), new.resolve()):
        raise UsageError(f"{html}: is one of the inputs. Name another file for the page.")
    profiles = []
    for path in (reference, new):
        profile, problems = read_profile(path)
        warn_of(problems)
        profiles.append(profile)
    found = compare_profiles(*profiles, alpha=alpha)
    print_rows(found.table(), 2)
    for note in found.notes:
        warn(note)
    if html is not None:
        from setaccio.eval.drift.page import write_drift_page

        write_drift_page(html, found, (str(reference), str(new)))
        tell_step(f"Page: {html}")
    if found.alarm:
        fail(found.describe())
        raise typer.Exit(DRIFTED)
    tell_step(found.describe())
