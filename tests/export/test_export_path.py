"""The whole export with real parts. Run with: pytest tests/export/test_export_path.py"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from types import FunctionType

import pytest
from export_parts import PAIRS
from gguf import GGUFReader

from setaccio.data import Task
from setaccio.data.errors import ExportError, UsageError
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


def test_the_folder_is_ready_to_upload_and_holds_nothing_else(exported):
    names = {path.name for path in exported.folder.iterdir()}
    beside = {"export.json", "README.md", "Modelfile", "ollama-request.json", "task.json"}
    assert names == {file.path.name for file in exported.files} | beside
    assert names >= {"tiny-q8_0.gguf", "tiny-q4_k_m.gguf"}
    for path in exported.folder.iterdir():
        if path.suffix != ".gguf":
            assert str(exported.folder.parent) not in path.read_text(encoding="utf-8")


def test_every_file_is_measured_on_held_out_answers(exported):
    model = exported.transformers
    assert model.pairs == len(PAIRS) and model.positions > 50
    for file in exported.files:
        found = file.parity.held_out
        assert (found.pairs, found.positions) == (model.pairs, model.positions)
        assert set(found.divergence) == {"transformers"} | ({"f16"} - {file.quantisation.lower()})
    full, eight, *_, four = (file.parity.held_out for file in exported.files)
    assert full.perplexity == pytest.approx(model.perplexity, rel=1e-3)
    assert full.divergence["transformers"].mean_kl < 1e-4
    assert full.divergence["transformers"].top1_agreement > 0.98
    kl = eight.divergence["f16"].mean_kl
    assert full.divergence["transformers"].mean_kl < kl < four.divergence["f16"].mean_kl


def test_importance_matrix_is_kept_only_where_it_is_no_worse(exported):
    plain, weighted = exported.files[:2], exported.files[2:]
    assert all(not file.imatrix and file.alternative is None for file in plain)
    for file in weighted:
        assert file.parity.held_out.perplexity <= file.alternative.perplexity
        names = GGUFReader(file.path).fields
        assert ("quantize.imatrix.file" in names) == file.imatrix


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


def test_failed_proof_leaves_no_file_but_a_report_not_even_an_older_one(
    copied, source, exported, tmp_path
):
    out = tmp_path / "out"
    shutil.copytree(exported.folder, out)
    old = exported.files[1].path.name
    path = copied / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    for token in tokenizer["added_tokens"]:
        token["lstrip"] = True  # transformers then swallows blanks; a GGUF can not say so.
    path.write_text(json.dumps(tokenizer), encoding="utf-8")
    stages: list[str] = []
    with pytest.raises(ExportError, match="other token ids"):
        export(copied, out, source=source, name="tiny", progress=stages.append)
    left = {path.name for path in out.iterdir()}
    assert old not in left and not left & {"README.md", "Modelfile"}
    # Files of other types were not asked for; what proved them then is still true.
    assert left >= {"export.json", "tiny-q4_0.gguf"}
    assert not json.loads((out / "export.json").read_text())["conversion"]["ok"]
    assert not any("Quantising" in stage for stage in stages)


@pytest.mark.parametrize(
    ("kinds", "said"), [(("q9_9",), "q9_9: no such.*Q4_K_M"), ((), "No quantisation")]
)
def test_wrong_quantisations_are_refused_first(run, tmp_path, kinds, said):
    with pytest.raises(UsageError, match=said):
        export(run, tmp_path / "out", quantisations=kinds)
    assert not (tmp_path / "out").exists()


def test_calibration_on_held_out_pairs_is_refused_first(run, tmp_path):
    with pytest.raises(ExportError, match="held-out pairs too"):
        export(run, tmp_path / "out", pairs=PAIRS, calibration=PAIRS)
    assert not (tmp_path / "out").exists()


def test_folder_that_is_nothing(tmp_path):
    with pytest.raises(ExportError, match="no training run, adapter or model"):
        export(tmp_path, tmp_path / "out")


def test_an_out_that_is_a_file_is_refused_and_kept(run, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UsageError, match="out: is a file"):
        export(run, tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_weights_that_are_cut_off_are_named(copied, tmp_path):
    weights = copied / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ExportError, match=r"model\.safetensors: cut off.*anew"):
        export(copied, tmp_path / "out")


def test_a_model_without_a_tokenizer_is_named(copied, tmp_path):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (copied / name).unlink()
    with pytest.raises(ExportError, match=r"copy: no usable tokenizer \(none of .*tokenizer\.json"):
        export(copied, tmp_path / "out")


def test_base_that_is_not_here(run, tmp_path):
    with pytest.raises(ExportError, match="--base"):
        export(run, tmp_path / "out", base=tmp_path / "absent")


def test_verbs_stay_functions_whatever_was_imported():
    import setaccio.export.gguf.quantise
    import setaccio.export.merging.merge

    for name in setaccio.export.__all__:
        assert not isinstance(getattr(setaccio.export, name), type(sys))
    assert isinstance(setaccio.export.merge, FunctionType)


def test_importing_the_package_imports_no_torch():
    code = "import sys, setaccio.export; setaccio.export.quantise; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
