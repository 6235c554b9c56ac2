"""Memory that runs out in the middle of a step: the step is done in parts, to the same weights."""

import pytest

pytest.importorskip("trl")

import torch
from test_train import losses
from transformers import TrainerCallback

from setaccio.data.errors import TrainError
from setaccio.train import load_config, train
from setaccio.train.loop.oom_retry import OomRetry, is_out_of_memory


class SmallMemory(TrainerCallback):
    """A model in whose layers only so many tokens fit; ``backward`` fails half-way through it."""

    def __init__(self, tokens, backward=False, message=None):
        self.tokens = tokens
        self.backward = backward
        self.message = message

    def on_train_begin(self, args, state, control, model, **_):
        layers = model.get_base_model().model.layers
        if self.backward:
            layers[0].mlp.register_full_backward_pre_hook(self.fail_backward)
        else:
            layers[1].register_forward_pre_hook(self.fail)

    def fail(self, module, given):
        self.raise_for(given[0])

    def fail_backward(self, module, gradients):
        self.raise_for(gradients[0])

    def raise_for(self, hidden):
        if hidden.shape[0] * hidden.shape[1] > self.tokens:
            if self.message:
                raise RuntimeError(self.message)
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@pytest.mark.parametrize("accumulation", [1, 2])
@pytest.mark.parametrize("backward", [False, True])
def test_the_batch_is_halved_and_what_is_learned_stays(
    settings, tmp_path, capsys, backward, accumulation
):
    values = {
        **settings,
        "precision": "fp32",
        "gradient_accumulation": accumulation,
        "max_steps": 5,
    }
    whole = train(load_config(None, {**values, "out": tmp_path / "whole"}))
    capsys.readouterr()
    short = train(
        load_config(None, {**values, "out": tmp_path / "short"}), [SmallMemory(128, backward)]
    )
    assert (whole.parts, short.parts) == (1, 4)
    said = " ".join(capsys.readouterr().err.split())
    assert "out of memory: batches are cut into 2 parts of 4 from now on" in said
    assert "cut into 4 parts of 2" in said
    assert short.notes
    assert short.steps == whole.steps
    assert losses(short.run) == pytest.approx(losses(whole.run), rel=1e-4, abs=1e-4)
    assert short.eval_loss == pytest.approx(whole.eval_loss, rel=1e-3)


def test_a_cpu_that_is_out_of_memory_is_answered_too(settings):
    message = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."
    result = train(
        load_config(None, {**settings, "max_steps": 2}), [SmallMemory(224, message=message)]
    )
    assert result.parts == 2


def test_a_single_row_that_does_not_fit_is_said(settings):
    with pytest.raises(TrainError, match=r"Out of memory with a single row.*max_length"):
        train(load_config(None, settings), [SmallMemory(0)])


def test_other_errors_are_not_taken_for_it(settings):
    with pytest.raises(RuntimeError, match="a broken kernel"):
        train(load_config(None, settings), [SmallMemory(224, message="a broken kernel")])


def test_parts_hold_every_row_once():
    seen = []

    def work(part):
        if len(part["input_ids"]) > 3:
            raise torch.OutOfMemoryError("no")
        seen.extend(part["input_ids"].flatten().tolist())
        return part["input_ids"].sum()

    oom_retry = OomRetry(lambda sentence: None)
    total = oom_retry.run({"input_ids": torch.arange(10)[:, None]}, work)
    assert int(total) == 45
    assert seen == list(range(10))
    assert oom_retry.parts == 4
    assert not is_out_of_memory(ValueError("can't allocate memory"))


@pytest.mark.parametrize(("prefix", "lengths"), [(300, [50] * 8), (0, [200, 30, 30, 30, 200, 10])])
def test_parts_are_as_small_as_they_have_to_be(prefix, lengths):
    """What all rows begin with is in every part, and rows differ in length."""

    def measure(inputs):
        return prefix + int(inputs["length"].sum())

    inputs = {"input_ids": torch.zeros(len(lengths), 1), "length": torch.tensor(lengths)}
    oom_retry = OomRetry(lambda sentence: None, tokens=420, measure=measure)
    seen = []
    oom_retry.run(inputs, lambda part: torch.tensor(float(seen.append(measure(part)) or 0)))
    assert max(seen) <= 420 and len(seen) < len(lengths)
    assert sum(seen) - prefix * len(seen) == sum(lengths)
