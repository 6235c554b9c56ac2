"""Public names that a package imports when they are first used, so that importing it costs nothing.

__getattr__, __dir__ = lazy_names(__name__, {"Task": "task.task"})
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any


def lazy_names(
    package: str, homes: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make ``__getattr__`` and ``__dir__`` of a package (PEP 562).

    Args:
        package: its ``__name__``.
        homes: for each public name the module that defines it, relative to the package.
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{homes[name]}"), name)

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *homes})

    return get, names


@contextmanager
def stand_ins(modules: Mapping[str, Mapping[str, Any] | None]) -> Iterator[None]:
    """While this lasts, an import of certain modules gives something that costs nothing.

    A module that is imported already stays, and so does one that is not installed; afterwards all
    can be imported as ever.

    Args:
        modules: for each module what it holds meanwhile, by name; None: importing it fails.
    """
    put = [name for name in modules if name not in sys.modules and _is_installed(name)]
    for name in put:
        sys.modules[name] = _holding(name, modules[name])  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in put:
            sys.modules.pop(name, None)


def _holding(name: str, attributes: Mapping[str, Any] | None) -> ModuleType | None:
    if attributes is None:
        return None
    module = ModuleType(name)
    vars(module).update(attributes)
    return module


def _is_installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # it is inside a package that is not installed
        return False


def late_function(module: str, name: str) -> Callable[..., Any]:
    """A function that imports its module when it is called: for :func:`stand_ins`."""

    def call(*arguments: Any, **options: Any) -> Any:
        return getattr(importlib.import_module(module), name)(*arguments, **options)

    return call
