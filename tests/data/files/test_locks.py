"""A folder that one process keeps for itself.

Run: pytest tests/data/files/test_locks.py
"""

from __future__ import annotations

from pathlib import Path

import pytest

from setaccio.data.errors import UsageError
from setaccio.data.files.locks import lock_folder


def test_a_folder_is_kept_for_one_until_it_lets_go(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "eval"
    with (
        lock_folder(folder),
        pytest.raises(UsageError, match=r"runs/eval: another process writes there"),
    ):
        lock_folder(folder)
    lock_folder(folder).close()


def test_a_folder_that_can_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="file: can not be written"):
        lock_folder(tmp_path / "file")
