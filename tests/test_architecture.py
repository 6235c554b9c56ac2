"""docs/architecture.md names what is there. Run with: pytest tests/test_architecture.py."""

from __future__ import annotations

import re
from pathlib import Path

FOLDERS = ("cli", "data", "eval", "export", "models", "runtime", "train")


def test_every_file_that_is_named_is_there(repository: Path) -> None:
    text = (repository / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/]+\.(?:py|toml|yaml))`", text))
    assert len(named) > 40
    assert not [name for name in named if not (repository / name).is_file()]


def test_every_room_is_named(repository: Path) -> None:
    text = (repository / "docs" / "architecture.md").read_text(encoding="utf-8")
    for folder in FOLDERS:
        (row,) = [line for line in text.splitlines() if line.startswith(f"| `{folder}` |")]
        rooms = {init.parent.name for init in (repository / folder).glob("*/__init__.py")}
        assert rooms == set(re.findall(r"`(\w+)`", row.rsplit("|", 2)[1])), folder
