"""What users of fine-tuning tools complain of, provoked; this is where each has its test.

    all labels masked        test_encode.py     test_masked_labels_are_refused
    silent truncation        test_encode.py     test_rows_that_would_be_cut_are_refused_or_dropped
                             test_train.py      test_a_refusal_leaves_no_run_behind
    endless generation       below              test_a_tokenizer_that_pads_with_the_end_token_...
                             test_encode.py     test_an_answer_that_nothing_ends_is_refused
    out of memory on resume  below              test_memory_that_is_shorter_after_a_resume_...
    a kill                   below              test_after_a_kill_a_run_goes_on_to_the_same_...
    out of memory in a step  test_train_memory  test_the_batch_is_halved_and_what_is_learned_stays
    no early stopping        test_train_watch   test_a_run_that_overfits_is_stopped_and_its_best_...
                             test_metric_l3     test_the_run_stops_on_l3_and_keeps_the_weights_...
    a loss without a number  test_train_watch   test_an_infinite_weight_is_noticed_and_the_last_...
    whether it will fit      test_preflight     test_too_little_memory_is_refused_with_the_cure

Run: pytest tests/train/test_train_failures.py
"""

import json
import shutil
import signal
import subprocess
import sys

import pytest

pytest.importorskip("trl")

import torch
from test_train import Interrupt, losses
from test_train_memory import SmallMemory
from train_parts import make_pairs
from transformers import AutoModelForCausalLM, AutoTokenizer

from setaccio.data import load_task
from setaccio.data.records import Pair
from setaccio.data.task.hf_tokenizer import chat_format
from setaccio.train import load_config, train
from setaccio.train.inputs.encode import encode_pair

# Trains, says how much memory that took at most (KiB), and ends as it is told to.
CHILD = """
import json, os, resource, signal, sys
from transformers import TrainerCallback
from setaccio.train import load_config, train

class Kill(TrainerCallback):
    def on_step_end(self, args, state, control, **_):
        if state.global_step == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

train(load_config(None, json.loads(sys.argv[1])), [Kill()])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def in_a_process(values, kill_at=0):
    return subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(values), str(kill_at)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_after_a_kill_a_run_goes_on_to_the_same_losses_in_no_more_memory(
    settings, tmp_path, small_base
):
    """The state on disk is as large as the one in memory: both at once would be too much."""
    base = shutil.copytree(small_base, tmp_path / "wide")
    wide = AutoModelForCausalLM.from_pretrained(small_base).config
    wide.hidden_size, wide.intermediate_size, wide.num_attention_heads = 1024, 4096, 2
    model = AutoModelForCausalLM.from_config(wide)
    model.save_pretrained(base)
    weights = 4 * sum(parameter.numel() for parameter in model.parameters())
    values = {
        **settings,
        "base": str(base),
        "method": "full",
        "learning_rate": 1e-4,
        "max_steps": 4,
        "save_steps": 2,
        "batch_size": 2,
        "validation_share": 0,
    }
    whole = in_a_process({**values, "out": str(tmp_path / "whole")})
    assert whole.returncode == 0, whole.stderr
    cut = {**values, "out": str(tmp_path / "cut")}
    killed = in_a_process(cut, kill_at=3)
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "cut" / "run.json").exists()
    resumed = in_a_process({**cut, "resume": True})
    assert resumed.returncode == 0, resumed.stderr
    assert losses(tmp_path / "cut") == pytest.approx(losses(tmp_path / "whole"), abs=1e-5)
    extra = 1024 * (int(resumed.stdout) - int(whole.stdout))
    assert extra < weights  # the optimiser's state is twice as large


def test_memory_that_is_shorter_after_a_resume_halves_the_batch(settings, tmp_path):
    values = {**settings, "precision": "fp32", "max_steps": 6, "save_steps": 2}
    whole = train(load_config(None, {**values, "out": tmp_path / "whole"}))
    cut = load_config(None, {**values, "out": tmp_path / "cut"})
    with pytest.raises(KeyboardInterrupt):
        train(cut, [Interrupt(3)])
    resumed = train(cut.model_copy(update={"resume": True}), [SmallMemory(128)])
    assert resumed.parts == 4
    assert losses(resumed.run) == pytest.approx(losses(whole.run), rel=1e-4, abs=1e-4)


def answer(model, prompt, end):
    """Greedy continuation without any constraint, at most 60 tokens."""
    with torch.inference_mode():
        ids = model.generate(
            torch.tensor([prompt]), max_new_tokens=60, do_sample=False, eos_token_id=end
        )
    return ids[0, len(prompt) :].tolist()


def test_a_tokenizer_that_pads_with_the_end_token_still_learns_to_end(
    settings, small_base, tokenizer, task_file, tmp_path
):
    """Masked with the padding, the end would never be learned, and no answer would end."""
    from peft import PeftModel

    base = shutil.copytree(small_base, tmp_path / "base")
    padded = AutoTokenizer.from_pretrained(base)
    padded.pad_token = padded.eos_token
    padded.save_pretrained(base)
    row = make_pairs(1, seed=9)[0]
    encoded = encode_pair(
        tokenizer,
        chat_format(tokenizer),
        load_task(task_file),
        Pair(row["id"], row["text"], row["gold"]),
    )
    prompt = encoded.input_ids[: encoded.completion_mask.index(1)]
    end = padded.eos_token_id

    untrained = AutoModelForCausalLM.from_pretrained(base)
    assert end not in answer(untrained, prompt, end)
    values = {
        **settings,
        "base": str(base),
        "train_embeddings": True,
        "max_steps": 120,
        "precision": "fp32",
        "learning_rate": 2e-2,
    }
    result = train(load_config(None, values))
    tuned = PeftModel.from_pretrained(untrained, result.adapter).eval()
    found = answer(tuned, prompt, end)
    assert found[-1] == end
    assert json.loads(tokenizer.decode(found[:-1])).keys() == {"name", "city"}
