"""llama.cpp's own converter, from the source archive of the installed llama-cpp-python.

Contract: ``converter_root()`` gives a folder with ``convert_hf_to_gguf.py``, ``conversion/`` and
``gguf-py/`` of the very llama.cpp that the runtime was built from. The wheel does not install
them, so the source archive is fetched once through pip, compared with a pinned SHA-256, and the
few files that conversion needs are kept in the user's cache folder. For a machine without network
give the archive or an unpacked folder, as argument or in ``SETACCIO_LLAMACPP_SOURCE``.
"""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import tempfile
from importlib import metadata
from pathlib import Path

import platformdirs

from setaccio.data.errors import ExportError, ModelError
from setaccio.data.files.digests import file_digest
from setaccio.models.pip_client import download

SOURCE_VARIABLE = "SETACCIO_LLAMACPP_SOURCE"
# SHA-256 of the published source archives.
PINNED = {"0.3.36": "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"}

_PACKAGE = "llama-cpp-python"
_ENTRY = "convert_hf_to_gguf.py"
_PARTS = (_ENTRY, "conversion/base.py", "gguf-py/gguf/__init__.py")
# Relative to vendor/llama.cpp. The converter itself falls back to gpt-neox and llama-spm; the other
# vocabularies are the real ones that safety is tested with.
_WANTED = re.compile(
    r"(LICENSE|convert_(hf|lora)_to_gguf\.py|conversion/.*|gguf-py/(LICENSE|gguf/.*)"
    r"|models/templates/.*|models/ggml-vocab-(gpt-neox|llama-bpe|llama-spm|phi-3|qwen2)\.gguf)"
)
_VENDORED = re.compile(r"[^/]+/vendor/llama\.cpp/(?P<inner>.+)")


def converter_root(path: Path | None = None) -> Path:
    """Find, or fetch once, the folder that holds llama.cpp's converter.

    Args:
        path: a source archive (``.tar.gz``) or an unpacked folder, llama-cpp-python's or
            llama.cpp's; by default the environment variable, then the cache, then pip.

    Returns:
        The folder with ``convert_hf_to_gguf.py``.

    Raises:
        ExportError: nothing usable at ``path``, a source archive that is not the published one,
            or fetching failed.
    """
    if path is None and os.environ.get(SOURCE_VARIABLE):
        path = Path(os.environ[SOURCE_VARIABLE])
    if path is None:
        return _cached_or_fetched()
    path = path.expanduser()
    if path.is_dir():
        return _inside(path)
    if path.is_file():
        return _unpack(path, _version_of(path))
    raise ExportError(
        f"{path}: no such file or folder. Give the {_PACKAGE} source archive (.tar.gz) or a "
        "folder that it was unpacked into."
    )


def vocabulary_file(name: str, source: Path | None = None) -> Path:
    """One of the real vocabularies that llama.cpp's own tests use.

    Args:
        name: such as ``qwen2``, ``phi-3``, ``llama-spm`` or ``llama-bpe``.
        source: as in :func:`converter_root`.

    Returns:
        A GGUF without weights.

    Raises:
        ExportError: the source is not to be had, or lacks that vocabulary.
    """
    path = converter_root(source) / "models" / f"ggml-vocab-{name}.gguf"
    if not path.is_file():
        raise ExportError(
            f"{path}: missing. Name the source archive of the installed {_PACKAGE} in "
            f"{SOURCE_VARIABLE}."
        )
    return path


def cache_folder() -> Path:
    """Folder for what is fetched once: ``setaccio`` in the user's cache."""
    return platformdirs.user_cache_path("setaccio")


def _inside(folder: Path) -> Path:
    for root in (folder, folder / "vendor" / "llama.cpp"):
        if all((root / part).is_file() for part in _PARTS):
            return root
    raise ExportError(
        f"{folder}: holds no {_ENTRY} with conversion/ and gguf-py/ beside it. Give an unpacked "
        f"{_PACKAGE} source archive or a llama.cpp checkout."
    )


def _installed_version() -> str:
    try:
        return metadata.version(_PACKAGE)
    except metadata.PackageNotFoundError as error:
        raise ExportError(f"{_PACKAGE} is not installed, so nothing can be converted.") from error


def _version_of(archive: Path) -> str:
    found = re.fullmatch(r"llama[_-]cpp[_-]python-(.+)\.tar\.gz", archive.name)
    return found[1] if found else _installed_version()


def _target(version: str, digest: str) -> Path:
    return cache_folder() / f"{_PACKAGE}-{version}-{digest[:12]}"


def _cached_or_fetched() -> Path:
    version = _installed_version()
    if version not in PINNED:
        raise ExportError(
            f"{_PACKAGE} {version}: the checksum of its source archive is not known here. Download "
            f"the archive yourself and give its path in {SOURCE_VARIABLE}."
        )
    target = _target(version, PINNED[version])
    if target.is_dir():
        return _inside(target)
    wanted = f"{_PACKAGE}=={version}"
    cache_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix="fetch-") as folder:
        try:
            archive = download(wanted, Path(folder), options=["--no-binary", _PACKAGE])
        except (ModelError, OSError) as error:
            raise ExportError(
                f"{wanted}: its source was not fetched: {error} On a machine with network run "
                f"`pip download --no-deps --no-binary {_PACKAGE} {wanted}` and give the file's "
                f"path in {SOURCE_VARIABLE}."
            ) from error
        return _unpack(archive, version)


def _unpack(archive: Path, version: str) -> Path:
    digest = file_digest(archive)
    if version in PINNED and digest != PINNED[version]:
        raise ExportError(
            f"{archive.name}: SHA-256 is {digest}, but the published archive of {_PACKAGE} "
            f"{version} has {PINNED[version]}. The file is damaged or was changed; fetch it again."
        )
    target = _target(version, digest)
    if target.is_dir():
        return _inside(target)
    cache_folder().mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=cache_folder(), prefix="unpack-"))
    try:
        _extract(archive, scratch)
        _inside(scratch)
        try:
            scratch.rename(target)
        except OSError:  # Another process was faster; its copy is as good.
            if not target.is_dir():
                raise
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ExportError(f"{archive}: can not be unpacked ({error}).") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return _inside(target)


def _extract(archive: Path, folder: Path) -> None:
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            found = _VENDORED.fullmatch(member.name)
            inner = found["inner"] if found else ""
            if not member.isfile() or not _WANTED.fullmatch(inner):
                continue
            if ".." in inner.split("/"):
                raise tarfile.TarError(f"{member.name} lies outside of the archive")
            # Not `tar.extract(filter=...)`: Debian 12's Python 3.11.2 does not know it.
            stream = tar.extractfile(member)
            if stream is not None:
                target = folder / inner
                target.parent.mkdir(parents=True, exist_ok=True)
                with stream, target.open("wb") as copy:
                    shutil.copyfileobj(stream, copy)
