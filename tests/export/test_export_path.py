"""The whole export with real parts. Run with: pytest tests/export/test_export_path.py"""

from __future__ import annotations

import json
import subprocess
import sys
from types import FunctionType

import pytest
from gguf import GGUFReader

from setaccio.data import Task
from setaccio.data.errors import ExportError
from setaccio.export import export


def read(path, key):
    return GGUFReader(path).fields[key].contents()


def test_every_quantisation_is_written_and_proven(exported):
    assert [file.quantisation for file in exported.files] == ["F16", "Q8_0", "Q4_K_M", "Q4_0"]
    for file in exported.files:
        assert file.path.stat().st_size == file.bytes
        assert file.parity.problems == ()
        assert file.parity.ids_equal and file.parity.template_equal and file.parity.eos_equal
        assert abs(file.predicted_bytes - file.bytes) < 0.02 * file.bytes
    sizes = [file.bytes for file in exported.files]
    assert sizes[0] > sizes[1] > sizes[2] >= sizes[3]


def test_sixteen_bits_give_the_same_greedy_answers(exported):
    parity = exported.files[0].parity
    assert parity.greedy_equal
    assert parity.mean_kl < 1e-5
    assert parity.mean_kl < exported.files[1].parity.mean_kl < exported.files[3].parity.mean_kl


def test_merge_is_proven(exported):
    merged = exported.merge
    assert merged.changed == merged.tensors == 14
    assert merged.max_delta > 0
    assert merged.adapter_effect > 10 * merged.disagreement


def test_metadata_survives_quantisation(exported, task):
    for file in exported.files:
        assert Task.from_metadata(read(file.path, "setaccio.task")) == task
        assert read(file.path, "setaccio.base_model") == "tiny-base"
        assert read(file.path, "setaccio.training_data_sha256") == "ab" * 32
        assert read(file.path, "general.name") == "tiny"
        assert read(file.path, "tokenizer.ggml.pre") == "qwen2"


def test_nothing_but_the_files_and_the_report_is_left(exported):
    names = {path.name for path in exported.folder.iterdir()}
    assert names == {file.path.name for file in exported.files} | {"export.json"}
    assert names >= {"tiny-q8_0.gguf", "tiny-q4_k_m.gguf"}


def test_report_holds_the_numbers(exported):
    content = json.loads(exported.report.read_text(encoding="utf-8"))
    assert content["task"] == "recipe"
    assert content["merge"]["changed"] == 14
    assert [f["path"] for f in content["files"]] == [f.path.name for f in exported.files]
    assert all(f["parity"]["ok"] for f in content["files"])


def test_a_whole_model_exports_without_a_task(plain):
    assert plain.merge is None and plain.task is None
    assert plain.files[0].parity.ok
    assert "setaccio.task" not in GGUFReader(plain.files[0].path).fields


def test_failed_proof_leaves_no_file_but_a_report(copied, source, tmp_path):
    path = copied / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    for token in tokenizer["added_tokens"]:
        token["lstrip"] = True  # transformers then swallows blanks; a GGUF can not say so.
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    stages: list[str] = []
    with pytest.raises(ExportError, match="other token ids"):
        export(copied, tmp_path / "out", source=source, progress=stages.append)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["export.json"]
    assert any("Q8_0" in stage for stage in stages)


@pytest.mark.parametrize(
    ("kinds", "said"), [(("q9_9",), "q9_9: no such.*Q4_K_M"), ((), "No quantisation")]
)
def test_wrong_quantisations_are_refused_first(run, tmp_path, kinds, said):
    with pytest.raises(ExportError, match=said):
        export(run, tmp_path / "out", quantisations=kinds)
    assert not (tmp_path / "out").exists()


def test_folder_that_is_nothing(tmp_path):
    with pytest.raises(ExportError, match="no training run, adapter or model"):
        export(tmp_path, tmp_path / "out")


def test_base_that_is_not_here(run, tmp_path):
    with pytest.raises(ExportError, match="--base"):
        export(run, tmp_path / "out", base=tmp_path / "absent")


def test_verbs_stay_functions_whatever_was_imported():
    import setaccio.export.merge
    import setaccio.export.quantise

    for name in setaccio.export.__all__:
        assert not isinstance(getattr(setaccio.export, name), type(sys))
    assert isinstance(setaccio.export.merge, FunctionType)


def test_importing_the_package_imports_no_torch():
    code = "import sys, setaccio.export; setaccio.export.quantise; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
