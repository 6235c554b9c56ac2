"""Merging, and the proofs that come with it. Run with: pytest tests/export/merging/test_merge.py"""

from __future__ import annotations

import json
import shutil

import pytest
from export_parts import save_adapter

from setaccio.data.errors import ExportError
from setaccio.export import merge


def test_untrained_adapter_is_refused(base, tmp_path):
    adapter = save_adapter(base, tmp_path / "adapter", trained=False)
    with pytest.raises(ExportError, match="merged model equals the base"):
        merge(base, adapter, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_merged_folder_is_a_model_with_tokenizer_and_template(base, run, tmp_path):
    from safetensors import safe_open
    from transformers import AutoTokenizer

    report = merge(base, run / "adapter", tmp_path / "merged")
    with safe_open(tmp_path / "merged" / "model.safetensors", "pt") as weights:
        assert {str(weights.get_tensor(k).dtype) for k in weights.keys()} == {"torch.bfloat16"}  # noqa: SIM118
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "merged")
    assert tokenizer.chat_template == (base / "chat_template.jinja").read_text(encoding="utf-8")
    assert report.dtype == "bfloat16"
    assert not any(tmp_path.glob(".*"))


def test_embeddings_trained_apart_from_the_output_layer_are_refused(base, tmp_path):
    """In memory such a merge is right; saved, one of the two matrices would be lost."""
    with pytest.warns(UserWarning, match="tie"):
        adapter = save_adapter(
            base, tmp_path / "adapter", trained=True, embeddings=True, tied=False
        )
    for stream in (False, True):
        with pytest.raises(ExportError, match=r"not on lm_head.*train_embeddings"):
            merge(base, adapter, tmp_path / "merged", stream=stream)
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]


def test_what_is_proven_is_what_was_saved(base, run, tmp_path, monkeypatch):
    """A folder that loads as another model than was merged in memory."""
    from transformers import Qwen2ForCausalLM

    save = Qwen2ForCausalLM.save_pretrained

    def lossy(self, folder, **options):
        with torch.no_grad():
            self.model.layers[1].mlp.down_proj.weight.zero_()
        save(self, folder, **options)

    import torch

    monkeypatch.setattr(Qwen2ForCausalLM, "save_pretrained", lossy)
    with pytest.raises(ExportError, match=r"disagrees with base.*layers\.1\.mlp\.down_proj"):
        merge(base, run / "adapter", tmp_path / "merged")
    assert not list(tmp_path.iterdir())


def test_existing_folder_is_kept(base, run, tmp_path):
    with pytest.raises(ExportError, match="exists already"):
        merge(base, run / "adapter", tmp_path)


def test_an_adapter_that_is_cut_off_is_named(base, run, tmp_path):
    adapter = shutil.copytree(run / "adapter", tmp_path / "adapter")
    weights = adapter / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    for stream in (False, True):
        with pytest.raises(ExportError, match=r"adapter_model\.safetensors: cut off"):
            merge(base, adapter, tmp_path / "merged", stream=stream)


def test_pickled_adapter_is_refused(base, tmp_path):
    (tmp_path / "adapter_model.bin").write_bytes(b"")
    with pytest.raises(ExportError, match="safetensors is missing"):
        merge(base, tmp_path, tmp_path / "merged")


def test_quantised_base_is_refused(copied, run, tmp_path):
    config = json.loads((copied / "config.json").read_text(encoding="utf-8"))
    config["quantization_config"] = {"load_in_4bit": True}
    (copied / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(ExportError, match="16-bit"):
        merge(copied, run / "adapter", tmp_path / "merged")


def test_adapter_of_another_model_is_refused(base, run, tmp_path):
    from safetensors.torch import load_file, save_file

    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_bytes(
        (run / "adapter" / "adapter_config.json").read_bytes()
    )
    weights = load_file(run / "adapter" / "adapter_model.safetensors")
    save_file(
        {key: value.repeat(2, 2) for key, value in weights.items()},
        adapter / "adapter_model.safetensors",
    )
    with pytest.raises(ExportError, match="does not fit the base"):
        merge(base, adapter, tmp_path / "merged")
