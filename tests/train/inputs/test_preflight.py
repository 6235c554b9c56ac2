"""Estimates of memory and disk, and the refusals that follow from them."""

import json
import shutil

import pytest

from setaccio.data.errors import ModelError, TrainError
from setaccio.train import load_config
from setaccio.train.backend.base import resolve_base
from setaccio.train.inputs.preflight import PART_TOKENS, check_resources, estimate


def test_counts_are_those_of_the_real_model(settings, small_base):
    from peft import get_peft_model

    from setaccio.train.backend.backend_trl import prepare_trl

    config = load_config(None, settings)
    base = resolve_base(str(small_base))
    needed = estimate(config, base, 100, 30, 2)
    model, peft_config = prepare_trl(config, base)
    assert needed.parameters == sum(p.numel() for p in model.parameters())
    adapted = get_peft_model(model, peft_config)
    assert needed.trained == sum(p.numel() for p in adapted.parameters() if p.requires_grad)


def test_too_little_memory_is_refused_with_the_cure(settings, small_base):
    config = load_config(None, settings)
    needed = estimate(config, resolve_base(str(small_base)), 100, 30, 2)
    check_resources(needed, config, free=needed.memory)
    with pytest.raises(TrainError, match=r"GiB of memory.*batch_size"):
        check_resources(needed, config, free=needed.memory - 1)


def test_too_little_disk_is_refused(settings, small_base):
    config = load_config(None, {**settings, "keep_checkpoints": 10**9})
    needed = estimate(config, resolve_base(str(small_base)), 100, 30, 2)
    with pytest.raises(TrainError, match=r"of disk.*--set keep_checkpoints=1"):
        check_resources(needed, config, free=2**50)


def test_checkpointing_and_small_batches_need_less(settings, small_base):
    base = resolve_base(str(small_base))
    usual = estimate(load_config(None, settings), base, 100, 30, 2)
    less = estimate(
        load_config(None, {**settings, "gradient_checkpointing": True}), base, 100, 30, 2
    )
    small = estimate(load_config(None, {**settings, "batch_size": 1}), base, 100, 30, 2)
    assert less.memory < usual.memory
    assert small.memory < usual.memory


def test_unknown_layers_are_refused_and_the_known_ones_listed(settings, small_base):
    config = load_config(None, {**settings, "target_modules": ["nope"]})
    with pytest.raises(TrainError, match="down_proj, gate_proj"):
        estimate(config, resolve_base(str(small_base)), 100, 30, 2)


@pytest.mark.parametrize("targets", [["q_proj", "lm_head"], ["embed_tokens"], r".*(q_proj|head)"])
def test_an_adapter_on_one_of_two_tied_layers_is_refused(settings, small_base, targets):
    config = load_config(None, {**settings, "target_modules": targets})
    with pytest.raises(TrainError, match=r"can not have an adapter.*embed_tokens share"):
        estimate(config, resolve_base(str(small_base)), 100, 30, 2)


def test_a_base_that_is_not_there_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"not in the Hub cache.*--allow-download"):
        resolve_base("nobody/no-such-model-at-all")


def test_a_folder_without_safetensors_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"no \*\.safetensors"):
        resolve_base(str(tmp_path))


def test_code_that_comes_with_a_base_never_runs(small_base, tmp_path):
    """Neither where the library knows the architecture, nor where only the folder's code does."""
    import torch

    from setaccio.train.backend.base import load_base_model, load_tokenizer

    base = shutil.copytree(small_base, tmp_path / "base")
    ran = tmp_path / "ran"
    (base / "own.py").write_text(f"open({str(ran)!r}, 'w').close()\n", encoding="utf-8")
    own = {"AutoConfig": "own.A", "AutoModelForCausalLM": "own.B"}
    for name, more in (
        ("config.json", {"auto_map": own}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["own.C", "own.C"]}}),
    ):
        content = json.loads((base / name).read_text(encoding="utf-8"))
        (base / name).write_text(json.dumps({**content, **more}), encoding="utf-8")
    found = resolve_base(str(base))
    load_tokenizer(found)
    assert type(load_base_model(found, torch.float32)).__name__ == "Qwen2ForCausalLM"
    config = json.loads((base / "config.json").read_text(encoding="utf-8"))
    (base / "config.json").write_text(json.dumps({**config, "model_type": "own"}))
    with pytest.raises(ModelError, match="can not be loaded"):
        load_base_model(found, torch.float32)
    with pytest.raises(ModelError, match="can not be loaded"):
        estimate(load_config(None, {"pairs": "p", "out": "o"}), found, 100, 30, 2)
    assert not ran.exists()


def test_a_cpu_computes_in_parts_that_keep_within_the_memory(settings, small_base):
    base = resolve_base(str(small_base))

    def on_a_cpu(longest=100, **values):
        config = load_config(None, {**settings, **values})
        return estimate(config, base, longest, 30, 4, on_cpu=True)

    usual = on_a_cpu(batch_size=64)
    assert (usual.part_tokens, usual.recompute) == (PART_TOKENS[1], False)
    assert usual.activations == on_a_cpu(batch_size=1024).activations
    floor = on_a_cpu(batch_size=1).memory / 2**30
    tight = on_a_cpu(batch_size=64, memory_gib=floor + 0.005)
    assert 128 <= tight.part_tokens < PART_TOKENS[1]
    assert tight.memory <= (floor + 0.005) * 2**30
    # One row alone is too much: its activations are made again in the backward pass.
    long = on_a_cpu(longest=5000, memory_gib=floor + 0.01)
    assert long.recompute
    assert not on_a_cpu(longest=5000).recompute
    # More than the limit in weights alone: what the machine has is the limit.
    assert not on_a_cpu(memory_gib=0.01).recompute
