"""The model that is used where a command names none: the default known one, once it is fetched."""

from __future__ import annotations

from pathlib import Path


def default_name() -> str:
    """What the default known model is called."""
    from setaccio.models import default_base

    return default_base().name


def default_gguf() -> Path:
    """The file of the default known model.

    Raises:
        ModelError: it is not fetched yet, or damaged; the message says what to do.
    """
    from setaccio.models import model_path

    return model_path(default_name())


def fetched_gguf() -> Path | None:
    """The file of the default known model; None where it is not fetched yet.

    Raises:
        ModelError: the file is not the published one.
    """
    from setaccio.models import state

    return None if state(default_name()) == "absent" else default_gguf()
