"""Public names that are imported when first used. Run: pytest tests/data/test_lazy_names.py"""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

PACKAGES = ("data", "models", "train", "runtime", "export", "eval")


@pytest.mark.parametrize("package", PACKAGES[:2])
def test_every_public_name_is_there(package: str) -> None:
    module = importlib.import_module(f"setaccio.{package}")
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = module.nothing


def test_importing_the_packages_imports_nothing_heavy() -> None:
    names = ", ".join(f"setaccio.{package}" for package in PACKAGES)
    code = f"import sys, {names}; print({{'jsonschema', 'numpy', 'torch'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
