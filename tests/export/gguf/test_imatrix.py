"""Importance matrices, counted twice. Run with: pytest tests/export/gguf/test_imatrix.py"""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from export_parts import CALIBRATION, PAIRS, TEXTS
from gguf import GGUFReader

from setaccio.data.errors import ExportError
from setaccio.data.task.hf_tokenizer import chat_format, load_hf_tokenizer
from setaccio.export import convert, make_imatrix, predicted_size, quantise, read_imatrix
from setaccio.export.proof.gold_tokens import encode_answers
from setaccio.export.proof.parity import compare_tokens
from setaccio.export.proof.reference import make_reference

SEQUENCES = [list(range(5, 45)), list(range(100, 400, 5))]


@pytest.fixture(scope="module")
def matrix(base_gguf, tmp_path_factory):
    return make_imatrix(base_gguf, SEQUENCES, tmp_path_factory.mktemp("i") / "imatrix.gguf")


@pytest.fixture(scope="module")
def uneven(base, task, source, tmp_path_factory):
    """A model whose norms make every sixteenth input eight times as large, and its matrix."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path_factory.mktemp("uneven")
    copy = shutil.copytree(base, folder / "model")
    weights = load_file(copy / "model.safetensors")
    for name, weight in weights.items():
        if name.endswith("layernorm.weight"):
            weight[::16] *= 8
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    gguf = convert(copy, folder / "full.gguf", source=source)
    reference = make_reference(
        copy, task, TEXTS, max_new_tokens=4, pairs=PAIRS, folder=folder / "logits"
    )
    tokenizer = load_hf_tokenizer(copy)
    own = encode_answers(tokenizer, chat_format(tokenizer), task, CALIBRATION[:2])
    matrix = make_imatrix(gguf, [ids for ids, _ in own], folder / "imatrix.gguf")
    return gguf, matrix, reference


def mean_squares(folder, names):
    """What enters each linear layer, squared and averaged, counted in transformers."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    sums = dict.fromkeys(names, 0.0)

    def count(name):
        def hook(_module, inputs):
            sums[name] = sums[name] + inputs[0].reshape(-1, inputs[0].shape[-1]).square().sum(0)

        return hook

    for name in names:
        model.get_submodule(name).register_forward_pre_hook(count(name))
    with torch.inference_mode():
        for ids in SEQUENCES:
            model(torch.tensor([ids]))
    tokens = sum(len(ids) for ids in SEQUENCES)
    return {name: (total / tokens).numpy() for name, total in sums.items()}


def test_it_is_the_mean_squared_input_of_each_matrix(matrix, base):
    found = read_imatrix(matrix)
    names = {
        "blk.0.attn_q.weight": "model.layers.0.self_attn.q_proj",
        "blk.0.attn_output.weight": "model.layers.0.self_attn.o_proj",
        "blk.1.ffn_up.weight": "model.layers.1.mlp.up_proj",
        "blk.1.ffn_down.weight": "model.layers.1.mlp.down_proj",
    }
    expected = mean_squares(base, list(names.values()))
    for ours, theirs in names.items():
        np.testing.assert_allclose(found[ours], expected[theirs], rtol=0.05, atol=1e-4)
    assert len(found) == 14


def test_the_file_is_as_llama_cpp_writes_it(matrix):
    reader = GGUFReader(matrix)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    assert fields["general.type"] == "imatrix"
    assert fields["imatrix.chunk_count"] == 2 and fields["imatrix.datasets"] == ["pairs"]
    assert "general.architecture" not in fields
    shapes = {tensor.name: list(tensor.shape) for tensor in reader.tensors}
    assert shapes["blk.0.ffn_down.weight.in_sum2"] == [256, 1]
    assert shapes["blk.0.ffn_down.weight.counts"] == [1, 1]
    counts = {float(t.data.flat[0]) for t in reader.tensors if t.name.endswith(".counts")}
    assert counts == {float(sum(len(ids) for ids in SEQUENCES))}


def test_quantising_takes_it(matrix, base_gguf, tmp_path):
    plain = quantise(base_gguf, tmp_path / "plain.gguf", "q4_k_m")
    weighted = quantise(base_gguf, tmp_path / "weighted.gguf", "q4_k_m", imatrix=matrix)
    reader = GGUFReader(weighted)
    assert reader.fields["quantize.imatrix.entries_count"].contents() == 14
    assert reader.fields["quantize.imatrix.file"].contents() == "imatrix.gguf"
    before = {tensor.name: tensor.data for tensor in GGUFReader(plain).tensors}
    changed = [t.name for t in reader.tensors if not np.array_equal(t.data, before[t.name])]
    assert "blk.0.attn_q.weight" in changed
    assert "output_norm.weight" not in changed


@pytest.mark.parametrize("kind", ["q4_0", "q3_k_s"])
def test_its_effect_where_inputs_are_uneven(uneven, kind, tmp_path):
    """Held-out divergence falls by construction: a few inputs carry most of what is said."""
    gguf, matrix, reference = uneven
    plain = compare_tokens(reference, quantise(gguf, tmp_path / "plain.gguf", kind))
    weighted = compare_tokens(
        reference, quantise(gguf, tmp_path / "weighted.gguf", kind, imatrix=matrix)
    )
    kl = [report.held_out.divergence["transformers"].mean_kl for report in (plain, weighted)]
    assert kl[1] < 0.8 * kl[0]


def test_types_that_need_one_can_be_made(matrix, base_gguf, tmp_path):
    size = predicted_size(base_gguf, "iq2_xs", imatrix=matrix)
    out = quantise(base_gguf, tmp_path / "out.gguf", "iq2_xs", imatrix=matrix)
    assert abs(out.stat().st_size - size) < 0.02 * size


def test_experts_are_counted_apart(tmp_path, base, source):
    import torch
    from transformers import AutoTokenizer, MixtralConfig, MixtralForCausalLM

    torch.manual_seed(0)
    config = MixtralConfig(
        vocab_size=512,
        hidden_size=64,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        num_local_experts=4,
        num_experts_per_tok=2,
        max_position_embeddings=256,
    )
    folder = tmp_path / "experts"
    MixtralForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    gguf = convert(folder, tmp_path / "experts.gguf", source=source)
    matrix = make_imatrix(gguf, SEQUENCES, tmp_path / "imatrix.gguf")
    counts = {
        t.name: t.data.reshape(-1) for t in GGUFReader(matrix).tensors if t.name.endswith("counts")
    }
    tokens = sum(len(ids) for ids in SEQUENCES)
    assert counts["blk.0.ffn_up_exps.weight.counts"].size == 4
    assert counts["blk.0.ffn_up_exps.weight.counts"].sum() == 2 * tokens
    assert counts["blk.0.attn_q.weight.counts"].tolist() == [tokens]
    found = read_imatrix(matrix)
    assert found["blk.0.ffn_up_exps.weight"].size == 4 * 64
    assert not np.allclose(*found["blk.0.ffn_down_exps.weight"].reshape(4, 64)[:2])


def test_wrong_files_and_no_tokens(base_gguf, tmp_path):
    with pytest.raises(ExportError, match="no importance matrix"):
        read_imatrix(base_gguf)
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"junk" * 20)
    with pytest.raises(ExportError, match=r"broken\.gguf"):
        read_imatrix(broken)
    with pytest.raises(ExportError, match="fit into the model's context"):
        make_imatrix(base_gguf, [[]], tmp_path / "out.gguf")
    with pytest.raises(ExportError, match=r"importance matrix of broken\.gguf"):
        make_imatrix(broken, SEQUENCES, tmp_path / "out.gguf")
    assert list(tmp_path.iterdir()) == [broken]
