"""The package list is the folder list, and the light install is light.

What may import what is in pyproject.toml, and `just lint` holds it.

Run with: pytest tests/test_packaging.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDERS = ("cli", "data", "eval", "export", "models", "runtime", "train")


def test_the_package_list_matches_the_folders(repository: Path) -> None:
    text = (repository / "pyproject.toml").read_text()
    listed = set(re.findall(r'^"(setaccio\.[a-z_.]+)" = "', text, flags=re.MULTILINE))
    block = re.search(r"^packages = \[\n(.*?)^\]", text, flags=re.MULTILINE | re.DOTALL)
    assert block
    packages = set(re.findall(r'"(setaccio\.[a-z_.]+)"', block[1]))
    found = {
        "setaccio." + str(init.parent.relative_to(repository)).replace("/", ".")
        for folder in FOLDERS
        for init in (repository / folder).rglob("__init__.py")
    }
    assert packages == found
    assert found <= listed


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_is_typed(repository: Path, folder: str) -> None:
    assert (repository / folder / "py.typed").exists()


def test_what_may_import_torch_outside_train_and_export_does_so_when_called(
    repository: Path,
) -> None:
    """That nothing else imports it is import-linter's business; it does not see when."""
    gguf_base = (repository / "models" / "gguf_base").glob("*.py")
    for path in (repository / "data" / "task" / "hf_tokenizer.py", *gguf_base):
        found = re.search(r"^(?:from|import) (torch|transformers)\b", path.read_text(), re.M)
        assert found is None, path
