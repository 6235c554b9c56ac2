"""Estimates of memory and disk, and the refusals that follow from them."""

import pytest

from setaccio.data.errors import ModelError, TrainError
from setaccio.train import load_config
from setaccio.train.models import resolve_base
from setaccio.train.preflight import check, estimate


def test_counts_are_those_of_the_real_model(settings, small_base):
    from peft import get_peft_model

    from setaccio.train.backend_trl import prepare

    config = load_config(None, settings)
    base = resolve_base(str(small_base))
    needed = estimate(config, base, 100, 30, 2)
    model, peft_config = prepare(config, base)
    assert needed.parameters == sum(p.numel() for p in model.parameters())
    adapted = get_peft_model(model, peft_config)
    assert needed.trained == sum(p.numel() for p in adapted.parameters() if p.requires_grad)


def test_too_little_memory_is_refused_with_the_cure(settings, small_base):
    config = load_config(None, settings)
    needed = estimate(config, resolve_base(str(small_base)), 100, 30, 2)
    check(needed, config, free=needed.memory)
    with pytest.raises(TrainError, match=r"GiB of memory.*batch_size"):
        check(needed, config, free=needed.memory - 1)


def test_too_little_disk_is_refused(settings, small_base):
    config = load_config(None, {**settings, "keep_checkpoints": 10**9})
    needed = estimate(config, resolve_base(str(small_base)), 100, 30, 2)
    with pytest.raises(TrainError, match=r"of disk.*--set keep_checkpoints=1"):
        check(needed, config, free=2**50)


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


def test_a_base_that_is_not_there_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelError, match=r"not in the Hub cache.*--allow-download"):
        resolve_base("nobody/no-such-model-at-all")


def test_a_folder_without_safetensors_is_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match=r"no \*\.safetensors"):
        resolve_base(str(tmp_path))
