"""Rows behind one another in one sequence: the same loss and gradients as rows apart."""

import pytest

pytest.importorskip("trl")

import torch
from transformers import AutoModelForCausalLM

from setaccio.train.inputs.encode import IGNORED
from setaccio.train.kernels.flat_rows import flat_tokens, flatten
from setaccio.train.kernels.loss import completion_loss
from setaccio.train.kernels.row_attention import NAME
from setaccio.train.kernels.rows_proof import use_rows


def batch(lengths, shared, learned=6, words=200):
    generator = torch.Generator().manual_seed(1)
    width = max(lengths) + 3
    ids = torch.randint(1, words, (len(lengths), width), generator=generator)
    ids[:, :shared] = ids[:1, :shared]
    sizes = torch.tensor(lengths)[:, None]
    places = torch.arange(width)[None]
    real = places < sizes
    labels = torch.where(real & (places >= sizes - learned), ids, IGNORED)
    return {"input_ids": ids * real, "labels": labels, "attention_mask": real.long()}


def loss_and_gradients(model, inputs, **how):
    model.zero_grad()
    loss = completion_loss(model, inputs, False, **how)
    loss.backward()
    return loss, [p.grad.clone() for p in model.parameters() if p.grad is not None]


@pytest.mark.parametrize("frozen_head", [False, True])
@pytest.mark.parametrize("weighed", [False, True])
@pytest.mark.parametrize(
    ("lengths", "shared"),
    [
        ([20, 20, 20], 9),
        ([9, 30, 14, 29, 12], 8),
        ([17], 0),
        ([12, 40], 0),
        ([290, 300, 150, 299], 40),  # attention in tiles
        ([400], 0),
    ],
)
def test_rows_in_one_sequence_teach_what_rows_apart_teach(
    small_base, lengths, shared, weighed, frozen_head
):
    model = AutoModelForCausalLM.from_pretrained(small_base, dtype=torch.float32)
    model.get_input_embeddings().weight.requires_grad_(not frozen_head)
    inputs = batch(lengths, shared)
    if weighed:
        inputs["weights"] = torch.arange(1.0, len(lengths) + 1)[:, None].expand_as(
            inputs["input_ids"]
        )
    apart = loss_and_gradients(model, inputs)
    assert use_rows(model, max(lengths), bf16=False)
    together = loss_and_gradients(model, inputs, flat=True)
    torch.testing.assert_close(together[0], apart[0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(together[1], apart[1], rtol=1e-3, atol=1e-5)


def test_what_rows_begin_with_is_there_once_and_nothing_is_padded():
    inputs = batch([20, 14, 17], 9)
    flat = flatten(inputs)
    # The token that predicts a row's first label stays the row's own, whatever comes before it.
    assert flat.layout.prefix == 8 - 1
    assert flat_tokens(inputs) == 7 + 13 + 7 + 10
    ids = flat.input_ids[0].tolist()
    rows = [
        row[:length].tolist() for row, length in zip(inputs["input_ids"], [20, 14, 17], strict=True)
    ]
    assert ids[:37] == rows[0][:7] + rows[1][7:] + rows[2][7:] + rows[0][7:]
    assert flat.position_ids[0, 7] == 7
    assert int((flat.targets != IGNORED).sum()) == 18


def test_a_model_whose_attention_looks_elsewhere_keeps_its_own(small_base):
    model = AutoModelForCausalLM.from_pretrained(small_base, dtype=torch.float32)
    model.config.sliding_window = 16
    before = model.config._attn_implementation
    assert not use_rows(model, 40, bf16=False)
    model.config.sliding_window = None
    attention = model.model.layers[1].self_attn
    attention.register_forward_hook(lambda module, given, found: (found[0].cumsum(1), None))
    assert not use_rows(model, 40, bf16=False)
    assert model.config._attn_implementation == before != NAME
