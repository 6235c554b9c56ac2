"""The adapters that come with Setaccio, and names in the place of files.

Run with: pytest tests/models/test_shipped.py
"""

from __future__ import annotations

from pathlib import Path

import pytest
from models_parts import Shelf

from setaccio.data.errors import ModelError
from setaccio.data.task.task import Task, load_task
from setaccio.models import default_base, gguf_path, shipped_adapter, verified_sha256
from setaccio.models.shipped import SHIPPED_TASKS
from setaccio.runtime.model.gguf_header import read_header


def test_the_adapter_of_a_task_goes_by_task_and_base(tmp_path: Path) -> None:
    path = tmp_path / f"recipe-{default_base().name}.gguf"
    path.touch()
    assert shipped_adapter("recipe", tmp_path) == path
    assert shipped_adapter(folder=tmp_path) == path


@pytest.mark.smollm2
@pytest.mark.parametrize("name", SHIPPED_TASKS)
def test_what_is_shipped_is_small_and_carries_its_task_and_its_base(
    name: str, smollm2: Path
) -> None:
    path = shipped_adapter(name)
    assert path is not None and path.stat().st_size <= 12_000_000
    known = read_header(path).metadata
    assert Task.from_metadata(known["setaccio.task"]).digest == load_task(name).digest
    assert known["setaccio.base_gguf_sha256"] == verified_sha256(smollm2)


def test_one_that_is_missing_from_the_install_is_said(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"recipe-smollm2\.gguf: .* missing from this install"):
        shipped_adapter("recipe", tmp_path)


def test_other_tasks_have_none(tmp_path: Path) -> None:
    assert shipped_adapter("invoice", tmp_path) is None


def test_a_path_is_a_path(tmp_path: Path) -> None:
    for given in ("folder/name", "name.gguf", str(tmp_path)):
        assert gguf_path(given) == Path(given)


def test_a_bare_word_is_a_known_model_or_refused(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match="models fetch"):
        gguf_path(default_base().name)
    with pytest.raises(ModelError, match=r"nosuch: no such file, and no known model\. Known are"):
        gguf_path("nosuch")
    Path("nosuch").touch()
    assert gguf_path("nosuch") == Path("nosuch")
