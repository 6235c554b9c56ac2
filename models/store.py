"""Where the files of known models lie.

Contract: a file is looked for in the folder that ``SETACCIO_MODELS`` names, if it names one, and
then in ``models`` in the user's cache. A file counts only if it is the published one, byte for
byte; that is proved once and remembered (:mod:`setaccio.models.digest_cache`).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import platformdirs

from setaccio.data.errors import ModelError
from setaccio.models.bases import remove_bases
from setaccio.models.catalogue import (
    HubSource,
    KnownModel,
    PackageSource,
    find_known,
    known_models,
)
from setaccio.models.digest_cache import verified_sha256

FOLDER_VARIABLE = "SETACCIO_MODELS"
"""Environment variable that names a folder of models, such as one without network has."""

State = Literal["here", "absent", "damaged", "hub"]
"""Of a model: its file is here, is not, is here but not the published one, or it is the Hub's."""


def folders() -> tuple[Path, ...]:
    """The folders that files are looked for in, in that order.

    Raises:
        ModelError: ``SETACCIO_MODELS`` names what is no folder.
    """
    cache = platformdirs.user_cache_path("setaccio") / "models"
    named = named_folder()
    return (named, cache) if named else (cache,)


def named_folder() -> Path | None:
    """The folder that ``SETACCIO_MODELS`` names.

    Raises:
        ModelError: it does not exist, or is a file. A slip of the pen must not become a new folder.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        wrong = "is a file, no folder" if folder.exists() else "does not exist"
        raise ModelError(
            f"{FOLDER_VARIABLE}={named}: {wrong}. Make that folder, name another one, or unset "
            f"{FOLDER_VARIABLE} to use the cache."
        )
    return folder


def state(name: str) -> State:
    """Whether a model can be used at once.

    Raises:
        ModelError: no known model.
    """
    known = find_known(name)
    if isinstance(known.source, HubSource):
        return "hub"
    path, published = find_file(known.source)
    if path is None:
        return "absent"
    return "here" if published else "damaged"


def model_path(name: str) -> Path:
    """The file of a known model, proved to be the published one.

    Raises:
        ModelError: no known model, a model of the Hub, not fetched yet, or the file is another
            one; the message says what to do.
    """
    known = find_known(name)
    source = package_source(known)
    path, published = find_file(source)
    if path is None:
        raise ModelError(f"{name}: not fetched yet. Fetch it once: setaccio models fetch {name}")
    if not published:
        raise ModelError(not_published(name, path))
    return path


def not_published(name: str, path: Path) -> str:
    """What to say of a file that has a known model's name and is another one."""
    return (
        f"{path}: is not the published file of {name} (another size or SHA-256). "
        f"Replace it: setaccio models fetch {name} --overwrite"
    )


def gguf_path(given: str | Path) -> Path:
    """The file that is meant where a GGUF or the name of a known model may be given.

    Args:
        given: a path or a name; where both are there, the file is meant. A folder of that name is
            no model.

    Raises:
        ModelError: a known model whose file is not fetched yet, or not the published one; or a
            bare word that is neither.
    """
    path = Path(given)
    word = str(given)
    known = [model.name for model in known_models()]
    if word in known and not path.is_file():  # before anything else: names may hold dots
        return model_path(word)
    if path.exists() or path.suffix or path.name != word or not word:
        return path
    raise ModelError(f"{word}: no such file, and no known model. Known are: {', '.join(known)}.")


def remove(name: str) -> list[Path]:
    """Delete the file of a known model wherever it lies, and what was dequantised from it.

    Args:
        name: of a known model, or of a base as :func:`setaccio.models.bases.kept_bases` has it.

    Returns:
        The files and folders that were deleted; none where there was none.

    Raises:
        ModelError: no known model and no base, a model of the Hub, or something can not be deleted.
    """
    if name not in [known.name for known in known_models()]:
        gone = remove_bases(name)
        if gone:
            return gone
    source = package_source(find_known(name))
    return _remove_files(source) + remove_bases(source.file_name, source.sha256)


def _remove_files(source: PackageSource) -> list[Path]:
    found = [folder / source.file_name for folder in folders()]
    gone = []
    for path in found:
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise ModelError(
                f"{path}: can not be deleted ({error.strerror}). Check who owns its folder."
            ) from error
        gone.append(path)
    return gone


def package_source(known: KnownModel) -> PackageSource:
    """Where the file of a model comes from.

    Raises:
        ModelError: it comes from the Hub.
    """
    if isinstance(known.source, HubSource):
        raise ModelError(
            f"{known.name}: comes from the Hub, and training fetches it: "
            f"setaccio train --base {known.source.hub} --allow-download"
        )
    return known.source


def find_file(source: PackageSource) -> tuple[Path | None, bool]:
    """The file in the folders, and whether it is the published one.

    One that is not is named only where no folder holds one that is.

    Raises:
        ModelError: a file of that name can not be read.
    """
    paths = [folder / source.file_name for folder in folders()]
    found = [path for path in paths if path.is_file()]
    for path in found:
        if _is_published(path, source):
            return path, True
    return (found[0] if found else None), False


def _is_published(path: Path, source: PackageSource) -> bool:
    try:
        same_size = path.stat().st_size == source.bytes
    except OSError as error:
        raise ModelError(f"{path}: can not be read ({error.strerror}). Check the path.") from error
    return same_size and verified_sha256(path) == source.sha256
