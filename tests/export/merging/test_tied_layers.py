"""Adapters on layers that share their weights.

Run with: pytest tests/export/merging/test_tied_layers.py
"""

from __future__ import annotations

import pytest
from export_parts import save_lora

from setaccio.data.errors import ExportError
from setaccio.export import convert_adapter, merge
from setaccio.export.merging.proof import MergeReport, judge
from setaccio.export.merging.tied_layers import check_tying, tied_layers

EMBEDDINGS, OUTPUT = "model.embed_tokens", "lm_head"


@pytest.fixture(scope="module")
def untied(base, tmp_path_factory):
    """A base of the same shape with an output layer of its own, in another family."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(3)
    folder = tmp_path_factory.mktemp("untied") / "base"
    shape = LlamaConfig(
        vocab_size=512,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=False,
        initializer_range=0.2,
    )
    LlamaForCausalLM(shape).to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def test_which_layers_are_one_is_what_transformers_says(base, untied, tmp_path):
    from transformers import GPT2Config

    assert tied_layers(base) == [(EMBEDDINGS, OUTPUT)] and tied_layers(untied) == []
    GPT2Config(n_layer=1, n_embd=8, n_head=2, vocab_size=16).save_pretrained(tmp_path)
    assert tied_layers(tmp_path) == [("transformer.wte", OUTPUT)]  # tied without its config's word


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"target_modules": ["lm_head"]}, f"LoRA on {OUTPUT} and not on {EMBEDDINGS}"),
        ({"target_modules": ["q_proj", "embed_tokens"]}, f"LoRA on {EMBEDDINGS} and not on"),
        (
            {"target_modules": ["embed_tokens", "lm_head"]},
            f"LoRA on {EMBEDDINGS} and {OUTPUT} apart",
        ),
        (
            {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
            f"new weights for {OUTPUT} and not on {EMBEDDINGS}",
        ),
        (
            {"target_modules": ["q_proj"], "modules_to_save": ["embed_tokens", "lm_head"]},
            f"new weights for {EMBEDDINGS} and {OUTPUT} apart",
        ),
    ],
)
def test_what_changes_one_of_two_tied_layers_is_refused_by_name(base, tmp_path, settings, said):
    adapter = save_lora(base, tmp_path / "adapter", **settings)
    with pytest.raises(ExportError, match=said):
        check_tying(base, adapter)
    with pytest.raises(ExportError, match=said):
        merge(base, adapter, tmp_path / "out", stream=True)


def test_no_adapter_gguf_is_made_of_one_on_a_tied_layer(base, tmp_path, source):
    adapter = save_lora(base, tmp_path / "adapter", target_modules=["v_proj", "lm_head"])
    with pytest.raises(ExportError, match=f"LoRA on {OUTPUT}"):
        convert_adapter(base, adapter, tmp_path / "adapter.gguf", source=source)


@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": ["embed_tokens", "lm_head"], "ensure_weight_tying": True},
        {"target_modules": ["q_proj"], "trainable_token_indices": [5, 6, 7]},
    ],
)
def test_layers_that_were_changed_as_one_are_merged_once(base, tmp_path, settings):
    report = merge(base, save_lora(base, tmp_path / "adapter", **settings), tmp_path / "out")
    assert report.exact is not None and report.exact < 1e-3 * report.adapter_effect
    assert report.disagreement <= report.adapter_effect and not report.lost


def test_an_output_layer_of_its_own_may_have_lora(untied, tmp_path):
    adapter = save_lora(untied, tmp_path / "adapter", scale=0.2, target_modules=["lm_head"])
    assert merge(untied, adapter, tmp_path / "whole").tensors == 1
    assert merge(untied, adapter, tmp_path / "streamed", stream=True).changed >= 1


@pytest.mark.parametrize(
    ("effect", "disagreement", "exact", "lost", "said"),
    [
        (0.044, 0.088, 0.088, (), "before anything is rounded"),
        (0.044, 0.088, 0.001, ("lm_head.weight",), "other values than were merged for lm_head"),
        (0.1, 0.11, 0.001, (), "rounding to bfloat16"),
        (8.0, 2.5, 1e-4, (), "rounding to bfloat16"),
        (1.0, float("nan"), float("nan"), (), "before anything is rounded"),
        (0.1, 0.09, 0.001, (), None),
        (0.8, 0.2, 0.001, (), None),
    ],
)
def test_disagreement_is_never_above_the_effect_and_its_cause_is_said(
    tmp_path, effect, disagreement, exact, lost, said
):
    report = MergeReport(
        path=None,
        dtype="bfloat16",
        tensors=1,
        changed=1,
        max_delta=0.1,
        adapter_effect=effect,
        disagreement=disagreement,
        into="16-bit",
        streamed=False,
        losses={},
        exact=exact,
        lost=lost,
    )
    if said is None:
        judge(report, tmp_path)
        return
    with pytest.raises(ExportError, match=said):
        judge(report, tmp_path)
