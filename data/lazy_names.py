"""Public names that a package imports when they are first used, so that importing it costs nothing.

__getattr__, __dir__, __all__ = lazy_names(__name__, {"task.task": ["Task", "load_task"]})
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def lazy_names(
    package: str, names: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Make ``__getattr__``, ``__dir__`` and ``__all__`` of a package (PEP 562).

    Args:
        package: its ``__name__``.
        names: the public names of each module that defines some, relative to the package.
    """
    homes = {name: module for module, listed in names.items() for name in listed}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    def listing() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return get, listing, sorted(homes)
