"""Files that a verb writes: nothing that is read, or there already, is lost by mistake."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def check_targets(
    targets: Iterable[Path | None], sources: Iterable[Path], *, overwrite: bool
) -> None:
    """Refuse to write over what is read, and, unless asked for, over what is there.

    Args:
        targets: files to be written; None and a device or pipe replace nothing.
        sources: files that are read.
        overwrite: what is there may be replaced.

    Raises:
        UsageError: names the file that would be lost.
    """
    from setaccio.data.errors import UsageError
    from setaccio.data.files.atomic import is_stream

    files = [target for target in targets if target is not None and not is_stream(target)]
    there = [target for target in files if target.exists()]
    for source in sources:
        if source.exists() and any(target.samefile(source) for target in there):
            raise UsageError(
                f"{source}: would be replaced, and it is read here. Choose another --out."
            )
    for target in there:
        if target.is_dir():
            raise UsageError(f"{target}: is a folder. Name a file in --out.")
    if there and not overwrite:
        raise UsageError(f"{there[0]}: exists. Choose another --out, or pass --overwrite.")
