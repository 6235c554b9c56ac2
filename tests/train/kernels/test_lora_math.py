"""Our own passes through LoRA layers against PEFT's, to rounding."""

import pytest

pytest.importorskip("peft")

import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

from setaccio.train.kernels.lora_math import speed_up

SHAPE = {
    "vocab_size": 90,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "tie_word_embeddings": True,
}


def adapted(kind="llama", **how):
    torch.manual_seed(0)
    if kind == "llama":
        model = LlamaForCausalLM(LlamaConfig(**SHAPE))
    else:  # has biases
        model = Qwen2ForCausalLM(Qwen2Config(**SHAPE))
    config = LoraConfig(
        r=4,
        lora_alpha=9,
        target_modules=how.pop("target", "all-linear"),
        task_type="CAUSAL_LM",
        **how,
    )
    model = get_peft_model(model, config).train()
    for name, parameter in model.named_parameters():
        if "lora_" in name or "bias" in name or "norm" in name:
            parameter.data.normal_(0.3, 0.5)
    return model


def passes(model):
    ids = torch.arange(3 * 11).view(3, 11) * 13 % 90
    model.zero_grad()
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    return loss, {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
@pytest.mark.parametrize("target", ["all-linear", ["q_proj", "up_proj"]])
def test_loss_and_gradients_are_those_of_peft(kind, target):
    model = adapted(kind, target=target)
    before = passes(model)
    assert speed_up(model) > 0
    after = passes(model)
    torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-5)


def test_layers_of_another_kind_keep_their_own_passes():
    for how in ({"use_dora": True}, {"lora_dropout": 0.1}):
        model = adapted(**how)
        for parameter in model.parameters():  # norms that are trained are not ours either
            parameter.requires_grad_(True)
        assert speed_up(model) == 0


def test_an_adapter_that_is_switched_off_is_off():
    model = adapted()
    ids = torch.arange(20)[None]
    with torch.no_grad(), model.disable_adapter():
        before = model(input_ids=ids).logits
    speed_up(model)
    with torch.no_grad(), model.disable_adapter():
        torch.testing.assert_close(model(input_ids=ids).logits, before)
    with torch.no_grad():
        assert (model(input_ids=ids).logits - before).abs().max() > 0.01
