"""Merging tensor by tensor. Run with: pytest tests/export/merging/test_merge_streamed.py"""

from __future__ import annotations

import json
import shutil

import pytest
from export_parts import save_adapter

from setaccio.data.errors import ExportError
from setaccio.export import merge


@pytest.fixture(scope="module")
def sharded(base, tmp_path_factory):
    """The same base in several files."""
    import torch
    from transformers import AutoModelForCausalLM

    folder = tmp_path_factory.mktemp("sharded") / "base"
    shutil.copytree(base, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    model.save_pretrained(folder, max_shard_size="400KB")
    return folder


def weights(folder):
    from safetensors.torch import load_file

    return {k: v for path in folder.glob("*.safetensors") for k, v in load_file(path).items()}


def test_streamed_merge_is_the_merge(base, sharded, run, tmp_path):
    import torch

    assert len(list(sharded.glob("*.safetensors"))) > 2
    whole = merge(base, run / "adapter", tmp_path / "whole")
    report = merge(sharded, run / "adapter", tmp_path / "streamed", stream=True)
    assert report.streamed and not whole.streamed
    assert (report.tensors, report.changed, report.dtype) == (14, 14, "bfloat16")
    assert report.disagreement < 0.1 * report.adapter_effect
    expected, found = weights(tmp_path / "whole"), weights(tmp_path / "streamed")
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=0.01, atol=1e-4)
    assert report.max_delta == pytest.approx(whole.max_delta, rel=0.01)


def test_trained_embeddings_are_merged_both_ways(base, sharded, tmp_path):
    import torch

    adapter = save_adapter(base, tmp_path / "adapter", trained=True, embeddings=True)
    whole = merge(base, adapter, tmp_path / "whole")
    report = merge(sharded, adapter, tmp_path / "streamed", stream=True)
    assert whole.tensors == whole.changed == report.tensors == report.changed == 15
    assert whole.whole == report.whole == ("embed_tokens",)
    before, expected = weights(base), weights(tmp_path / "whole")
    found = weights(tmp_path / "streamed")
    assert expected.keys() == found.keys() == before.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=0.01, atol=1e-4)
    name = "model.embed_tokens.weight"
    assert (found[name].float() - before[name].float()).abs().mean() > 0.02


def test_streamed_folder_loads(sharded, run, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    merge(sharded, run / "adapter", tmp_path / "out", stream=True)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert model.config.vocab_size == 512
    assert AutoTokenizer.from_pretrained(tmp_path / "out").chat_template
    names = {path.name for path in (tmp_path / "out").glob("*.safetensors")}
    assert names == {path.name for path in sharded.glob("*.safetensors")}


def test_untrained_adapter_is_refused(base, tmp_path):
    adapter = save_adapter(base, tmp_path / "adapter", trained=False)
    with pytest.raises(ExportError, match="merged model equals the base"):
        merge(base, adapter, tmp_path / "out", stream=True)
    assert [path.name for path in tmp_path.iterdir()] == ["adapter"]


def test_more_than_plain_lora_is_refused(base, run, tmp_path):
    adapter = shutil.copytree(run / "adapter", tmp_path / "adapter")
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    text = json.dumps({**config, "use_dora": True})
    (adapter / "adapter_config.json").write_text(text, encoding="utf-8")
    with pytest.raises(ExportError, match="use_dora"):
        merge(base, adapter, tmp_path / "out", stream=True)


def test_adapter_for_other_layers_is_refused(base, run, tmp_path):
    from safetensors.torch import load_file, save_file

    adapter = shutil.copytree(run / "adapter", tmp_path / "adapter")
    path = adapter / "adapter_model.safetensors"
    kept = {key.replace("layers.1.", "layers.9."): value for key, value in load_file(path).items()}
    save_file(kept, path)
    with pytest.raises(ExportError, match=r"has no model\.layers\.9"):
        merge(base, adapter, tmp_path / "out", stream=True)


def test_a_model_that_does_not_fit_is_run_from_disk(sharded):
    """The proof of a streamed export: most layers stay in their files."""
    import torch

    from setaccio.export.hf_folder import load_hf_model
    from setaccio.models.gguf_base.loading import folder_bytes

    ids = torch.tensor([[5, 6, 7, 8, 9]])
    whole = load_hf_model(sharded)
    small = load_hf_model(sharded, offload=True, memory=folder_bytes(sharded))
    assert "disk" in small.hf_device_map.values() and not hasattr(whole, "hf_device_map")
    assert "meta" in {str(weight.device) for weight in small.parameters()}
    with torch.inference_mode():
        expected = whole.to(torch.bfloat16)(ids).logits
        torch.testing.assert_close(small(ids).logits, expected, rtol=0.05, atol=0.1)
    assert load_hf_model(sharded, memory=folder_bytes(sharded)).dtype == torch.bfloat16
