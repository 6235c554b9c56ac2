"""The loss on completions is the library's, and what rows are filled up with changes nothing."""

import pytest

pytest.importorskip("trl")

import torch
from transformers import AutoModelForCausalLM

from setaccio.train.inputs.encode import SELECTED_STEP
from setaccio.train.kernels.loss import completion_loss


def test_the_loss_is_the_librarys(small_base):
    """Logits on completions only, no attention mask: the same number as with everything."""
    model = AutoModelForCausalLM.from_pretrained(small_base, dtype=torch.float32).eval()
    torch.manual_seed(1)
    ids = torch.randint(0, model.config.vocab_size, (3, 40))
    labels = ids.clone()
    labels[:, :25] = -100
    mask = torch.ones_like(ids)
    for row, length in enumerate((40, 33, 30)):
        ids[row, length:] = 0
        labels[row, length:] = -100
        mask[row, length:] = 0
    with torch.inference_mode():
        expected = model(ids, attention_mask=mask, labels=labels).loss
        ours = completion_loss(model, {"input_ids": ids, "labels": labels}, bf16=False)
    torch.testing.assert_close(ours, expected)


def test_filling_up_changes_neither_loss_nor_gradients(small_base):
    """Rows and selected positions are longer than they must be; what is learned is the same."""
    model = AutoModelForCausalLM.from_pretrained(small_base, dtype=torch.float32)
    torch.manual_seed(2)
    ids = torch.randint(0, model.config.vocab_size, (3, 37))
    labels = ids.clone()
    labels[:, :20] = -100
    labels[1, 30:] = -100
    rows = []
    model.get_output_embeddings().register_forward_hook(
        lambda module, given, out: rows.append(out.shape[0])
    )

    def gradients(loss):
        model.zero_grad()
        loss.backward()
        return [parameter.grad.clone() for parameter in model.parameters()]

    expected = model(ids, attention_mask=(labels > -200).long(), labels=labels).loss
    wanted = gradients(expected)
    rows.clear()
    longer = torch.nn.functional.pad(ids, (0, 27), value=1)
    unlearned = torch.nn.functional.pad(labels, (0, 27), value=-100)
    found = completion_loss(model, {"input_ids": longer, "labels": unlearned}, bf16=False)
    learned = int((labels[:, 1:] > -100).sum())
    assert rows == [-(-learned // SELECTED_STEP) * SELECTED_STEP]
    torch.testing.assert_close(found, expected)
    for ours, theirs in zip(gradients(found), wanted, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_batch_without_labels_has_no_loss(small_base):
    model = AutoModelForCausalLM.from_pretrained(small_base, dtype=torch.float32)
    ids = torch.ones((2, 32), dtype=torch.long)
    labels = torch.full_like(ids, -100)
    assert completion_loss(model, {"input_ids": ids, "labels": labels}, bf16=False).item() == 0
