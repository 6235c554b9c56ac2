"""Data sets as Hugging Face's ``datasets`` keeps them: folders, its cache, and the Hub.

Contract: without ``allow_download`` no connection is opened, whatever the environment says: a data
set on the Hub is then read from the cache that an earlier download left. Scripts of data sets are
not run (``datasets`` 4 has no way to), and telemetry is off.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from setaccio.data.errors import DataError, MissingExtraError, UsageError
from setaccio.data.readers.slices import Slice
from setaccio.data.readers.typed_rows import Items, number_rows

HUB = "hub:"
"""What stands before the id of a data set on the Hugging Face Hub."""


@contextlib.contextmanager
def _offline(wanted: bool) -> Iterator[None]:
    """Let the libraries open no connection; both read their switch when it is needed."""
    try:
        import datasets
        from huggingface_hub import constants
    except ImportError as error:
        raise MissingExtraError("train", "datasets") from error
    before = datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE
    shown = datasets.utils.logging.is_progress_bar_enabled()
    verbosity = datasets.utils.logging.get_verbosity()
    if wanted:
        datasets.config.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE = True
    datasets.utils.logging.set_verbosity_error()
    if wanted and shown:
        datasets.utils.logging.disable_progress_bar()
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = before
        datasets.utils.logging.set_verbosity(verbosity)
        if shown:
            datasets.utils.logging.enable_progress_bar()


def read_dataset(
    source: str, part: Slice, *, allow_download: bool = False, config: str | None = None
) -> Items:
    """Read the rows of a folder or of a data set on the Hub, numbered from 1.

    Args:
        source: ``hub:OWNER/NAME``, a folder that ``save_to_disk`` wrote, or one of data files.
        part: the part and rows that are wanted.
        allow_download: let it be fetched; otherwise only the cache is read.
        config: the configuration, where there are several.

    Raises:
        UsageError: nothing of that name, or it has several parts and none is named.
        DataError: it can not be read.
        MissingExtraError: ``datasets`` is not installed.
    """
    with _offline(not allow_download):
        table = _choose(source, _load(source, config, allow_download), part)
        wanted = part.rows(len(table))
        chosen = table.select(wanted) if not part.whole else table
        yield from number_rows(chosen, source, wanted.start + 1)


def _load(source: str, config: str | None, allow_download: bool) -> Any:
    import datasets

    name = source.removeprefix(HUB)
    local = not source.startswith(HUB)
    if local and any(Path(source).glob("**/dataset_info.json")) and config is None:
        with contextlib.suppress(FileNotFoundError):
            return datasets.load_from_disk(source)
    try:
        return datasets.load_dataset(source if local else name, config)
    except (ConnectionError, FileNotFoundError, datasets.exceptions.DatasetNotFoundError) as error:
        if local:
            raise UsageError(f"{source}: no data set in this folder ({_said(error)}).") from error
        help_ = "Check the name." if allow_download else "Pass --allow-download to fetch it."
        raise UsageError(f"{source}: not in the local cache. {help_} ({_said(error)})") from error
    except Exception as error:  # the readers of many formats raise what they like
        raise DataError(f"{source}: can not be read as a data set ({_said(error)}).") from error


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")


def _choose(source: str, loaded: Any, part: Slice) -> Any:
    if not isinstance(loaded, dict):
        if part.part and str(loaded.split) != part.part:
            raise UsageError(f"{source}: has no part {part.part!r}; it is one part. Leave it out.")
        return loaded
    names = ", ".join(loaded)
    if not part.part and len(loaded) == 1:
        return next(iter(loaded.values()))
    if part.part not in loaded:
        said = f"has no part {part.part!r}" if part.part else "has several parts"
        raise UsageError(f"{source}: {said} (parts: {names}). Write --split {next(iter(loaded))}.")
    return loaded[part.part]
