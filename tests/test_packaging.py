"""The package list is the folder list, and the light install is light.

Run with: pytest tests/test_packaging.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDERS = ("cli", "data", "eval", "export", "models", "runtime", "train")
ALLOWED = {
    "data": set(),
    "models": {"data"},
    "train": {"data", "models"},
    "runtime": {"data", "models"},
    "export": {"data", "models", "runtime"},
    "eval": {"data", "models", "runtime"},
    "cli": {"data", "models", "train", "export", "runtime", "eval"},
}


def test_the_package_list_matches_the_folders(repository: Path) -> None:
    text = (repository / "pyproject.toml").read_text()
    listed = set(re.findall(r'^"(setaccio\.[a-z_.]+)" = "', text, flags=re.MULTILINE))
    packages = set(re.findall(r'^  "(setaccio\.[a-z_.]+)",$', text, flags=re.MULTILINE))
    found = {
        "setaccio." + str(init.parent.relative_to(repository)).replace("/", ".")
        for folder in FOLDERS
        for init in (repository / folder).rglob("__init__.py")
    }
    assert packages == found
    assert found <= listed


@pytest.mark.parametrize("folder", FOLDERS)
def test_arrows_between_folders_only_as_designed(repository: Path, folder: str) -> None:
    for path in (repository / folder).rglob("*.py"):
        imported = set(re.findall(r"(?:from|import) setaccio\.(\w+)", path.read_text()))
        assert imported - {folder} <= ALLOWED[folder], path


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_is_typed(repository: Path, folder: str) -> None:
    assert (repository / folder / "py.typed").exists()


@pytest.mark.parametrize("folder", ["data", "models", "runtime", "eval", "cli"])
def test_torch_is_imported_only_by_train_and_export(repository: Path, folder: str) -> None:
    for path in (repository / folder).rglob("*.py"):
        # The tokenizer loader that train and export share, and what makes a base of a GGUF, import
        # them when they are called.
        lazily = path.name == "hf_tokenizer.py" or path.parent.name == "gguf_base"
        begin = "^" if lazily else r"^\s*"
        found = re.search(begin + r"(?:from|import) (torch|transformers)\b", path.read_text(), re.M)
        assert found is None, path
