"""Adapters on the topmost layers only: nothing is learned, kept or computed backwards below."""

import pytest

pytest.importorskip("trl")

import torch
from train_parts import make_trainer

from setaccio.train import load_config, train
from setaccio.train.backend.base import resolve_base
from setaccio.train.inputs.preflight import estimate
from setaccio.train.inputs.sources import encode_sources, training_sources


def test_the_backward_pass_ends_at_the_lowest_adapter(settings, tokenizer):
    config = load_config(None, {**settings, "adapter_layers": 1, "precision": "fp32"})
    rows = encode_sources(config, training_sources(config), tokenizer).train
    trainer = make_trainer(config, tokenizer, rows)
    trained = {n: p for n, p in trainer.model.named_parameters() if p.requires_grad}
    assert trained
    assert all(".layers.1." in name for name in trained)
    needed = estimate(config, resolve_base(config.base), 100, 30, 4)
    assert needed.trained == sum(p.numel() for p in trained.values())

    entered = []
    layers = trainer.model.get_base_model().model.layers
    layers[1].register_forward_pre_hook(lambda _, given: entered.append(given[0]))
    batch = next(iter(trainer.get_train_dataloader()))
    trainer.compute_loss(trainer.model, batch).backward()
    assert not entered[0].requires_grad
    assert all(p.grad is not None for p in trained.values())


def test_all_layers_are_the_most(settings):
    config = load_config(None, {**settings, "adapter_layers": 9, "max_steps": 1})
    whole = load_config(None, {**settings, "max_steps": 1, "out": str(config.out) + "-whole"})
    assert train(config).train_loss == train(whole).train_loss
    assert torch.equal(*(first_weights(each) for each in (config, whole)))


def first_weights(config):
    from safetensors.torch import load_file

    weights = load_file(config.out / "adapter" / "adapter_model.safetensors")
    return torch.cat([weights[name].flatten() for name in sorted(weights)])
