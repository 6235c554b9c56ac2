"""What an export takes from the folder it is given. Run with: pytest tests/export/test_inputs.py"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from setaccio.data.errors import ExportError, UsageError
from setaccio.data.files.digests import weights_digest
from setaccio.export.inputs import find_inputs


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "base"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


@pytest.fixture
def run(tmp_path: Path, base: Path) -> Path:
    folder = tmp_path / "run"
    (folder / "adapter").mkdir(parents=True)
    named = json.dumps({"base_model_name_or_path": str(base)})
    (folder / "adapter" / "adapter_config.json").write_text(named)
    record(folder, base_sha256=weights_digest(base))
    return folder


def record(run: Path, **values: object) -> None:
    (run / "run.json").write_text(json.dumps({"base_model": "base", **values}))


def test_the_base_of_the_run_is_accepted(run: Path, base: Path):
    assert find_inputs(run).model == base.resolve()
    assert find_inputs(run / "adapter").provenance["base_sha256"] == weights_digest(base)


@pytest.mark.parametrize("part", ["", "adapter"])
def test_a_base_that_was_replaced_is_refused(run: Path, base: Path, part: str):
    (base / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(ExportError, match=r"other weights than those in .*base.*--base"):
        find_inputs(run / part)


def test_another_base_that_is_named_is_refused(run: Path, base: Path, tmp_path: Path):
    other = Path(shutil.copytree(base, tmp_path / "other"))
    assert find_inputs(run, base=other).model == other.resolve()
    (other / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(ExportError, match=r"other weights than those in .*other"):
        find_inputs(run, base=other)


def test_a_run_on_a_quantised_base_is_merged_into_its_original(run: Path, base: Path):
    record(run, base_sha256="00" * 32, base_quantised=True)
    assert find_inputs(run).model == base.resolve()


def test_a_known_name_is_a_base_and_another_word_is_explained(run: Path, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SETACCIO_MODELS", raising=False)
    with pytest.raises(ExportError, match=r"smollm2: not fetched yet.*models fetch smollm2"):
        find_inputs(run, base=Path("smollm2"))
    for name in ("smolm2", "phi-3-mini"):
        with pytest.raises(ExportError, match=f"{name} is not a folder here.*known model's name"):
            find_inputs(run, base=Path(name))


def test_a_folder_that_is_not_there_and_a_training_that_is_not_finished(tmp_path: Path):
    with pytest.raises(UsageError, match="nowhere: no such folder"):
        find_inputs(tmp_path / "nowhere")
    (tmp_path / "config.yaml").write_text("base: another\n")
    with pytest.raises(ExportError, match=r"not finished.*train --config .*config\.yaml --resume"):
        find_inputs(tmp_path)
