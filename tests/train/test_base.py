"""Growing the base: what is learned, and that an interrupted run goes on as if nothing was.

Run with: pytest tests/train/test_base.py.
"""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import jsonschema
import pytest

torch = pytest.importorskip("torch")

from rich.progress import Progress  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

from setaccio.data.hf_tokens import chat_format, encode_pieces  # noqa: E402
from setaccio.data.prompt import Piece, completion_end, prompt_pieces  # noqa: E402
from setaccio.data.synthetic import Example, WordExchange, generate  # noqa: E402
from setaccio.data.task import Task  # noqa: E402
from setaccio.train import base  # noqa: E402
from setaccio.train.base_data import ExampleEncoder, copy_batch, extraction_batches  # noqa: E402
from setaccio.train.base_model import schedule  # noqa: E402
from setaccio.train.base_words import vocabulary_words  # noqa: E402
from setaccio.train.models import TINY_BASE  # noqa: E402


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder with the bundled vocabulary, and short stages."""
    shutil.copytree(TINY_BASE, tmp_path / "run" / "tokenizer")
    monkeypatch.setattr(base, "COPY_STEPS", 2)
    monkeypatch.setattr(base, "CYCLES", (3, 4))
    monkeypatch.setattr(base, "CHECKPOINT_EVERY", 3)
    monkeypatch.setattr(base, "REPORT_EVERY", 1)
    return tmp_path / "run"


def finish(run: base.BaseRun) -> base.BaseRun:
    with Progress(disable=True) as progress:
        run.run(progress)
    return run


def interrupt_after_five(step: int) -> None:
    if step == 5:
        raise KeyboardInterrupt


@pytest.mark.slow
def test_an_interrupted_run_goes_on_with_the_same_weights(work: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(work, other)
    whole = finish(base.BaseRun(work, 6))
    with pytest.raises(KeyboardInterrupt), Progress(disable=True) as progress:
        base.BaseRun(other, 6, on_step=interrupt_after_five).run(progress)
    resumed = base.BaseRun(other, 6)
    assert resumed.step == 3
    finish(resumed)
    for (name, a), b in zip(
        whole.model.named_parameters(), resumed.model.parameters(), strict=True
    ):
        assert torch.equal(a, b), name
    steps = [json.loads(x)["step"] for x in (other / "metrics.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 5, 6]


def test_the_encoder_agrees_with_the_prompt_pieces() -> None:
    tokenizer = AutoTokenizer.from_pretrained(TINY_BASE, local_files_only=True)
    chat = chat_format(tokenizer)
    examples = [generate(3, index) for index in range(20)]
    rows = ExampleEncoder(tokenizer, chat).encode(examples)
    for example, (ids, prompt) in zip(examples, rows, strict=True):
        task = Task(name="x", instruction=example.instruction, schema=example.schema)
        pieces = prompt_pieces(chat, task.messages(example.text))
        answer = [Piece(task.render_gold(example.gold), False), Piece(completion_end(chat), True)]
        assert ids[:prompt] == encode_pieces(tokenizer, pieces)
        assert ids[prompt:] == encode_pieces(tokenizer, answer)


def test_only_completions_are_learned() -> None:
    tokenizer = AutoTokenizer.from_pretrained(TINY_BASE, local_files_only=True)
    encoder = ExampleEncoder(tokenizer, chat_format(tokenizer))
    batch = extraction_batches(encoder, tokenizer.pad_token_id, 1, 0)[0]
    starts = tokenizer.encode("assistant\n", add_special_tokens=False)
    for ids, targets in zip(batch.input_ids.tolist(), batch.targets.tolist(), strict=True):
        first = next(i for i, target in enumerate(targets) if target != -100)
        assert ids[first + 1 - len(starts) : first + 1] == starts
        learned = [target for target in targets if target != -100]
        assert json.loads(tokenizer.decode(learned[:-1]))
        assert learned[-1] == tokenizer.eos_token_id


def test_copy_batches_are_learned_only_where_they_can_be_copied() -> None:
    batch = copy_batch(0, 500, 4096)
    for ids, targets in zip(batch.input_ids.tolist(), batch.targets.tolist(), strict=True):
        for position, target in enumerate(targets):
            if target != -100:
                assert target in ids[: position + 1]


def test_the_schedule_falls_in_every_cycle() -> None:
    values = [schedule(step, (100, 1000, 2000)) for step in range(2000)]
    assert values[0] < values[39] == values[99] == 1.0
    assert set(values[100:550]) == {0.4}
    assert values[550:1000] == sorted(values[550:1000], reverse=True)
    assert values[999] < 0.02
    assert values[1000] < values[1039] == 0.4
    assert set(values[1040:1500]) == {0.4}
    assert values[1500:] == sorted(values[1500:], reverse=True)
    assert values[-1] < 0.02


def test_exchanged_words_keep_gold_and_schema_in_step() -> None:
    exchange = WordExchange(["garlic", "jalape\u00f1o"], [1.0, 1.0])
    changed = 0
    for index in range(60):
        before = generate(3, index)
        after = exchange(random.Random(index), before)
        assert after.schema == before.schema
        assert after.instruction == before.instruction
        jsonschema.validate(after.gold, after.schema)
        if after.text != before.text:
            changed += 1
            assert after.gold != before.gold
    assert changed > 20


def test_an_exchange_keeps_upper_and_lower_case_and_every_place() -> None:
    example = Example(
        "x",
        "Find it.",
        {"type": "object", "properties": {"what": {"enum": ["kettle"]}}},
        "Hammer it: HAMMER, hammer. The kettle is hammered.",
        {"what": "kettle", "tool": "hammer"},
    )
    seen = set()
    for seed in range(20):
        after = WordExchange(["garlic"], [1.0])(random.Random(seed), example)
        seen.add((after.text, after.gold["tool"], after.gold["what"]))
    assert seen == {
        (example.text, "hammer", "kettle"),
        ("Garlic it: GARLIC, garlic. The kettle is hammered.", "garlic", "kettle"),
    }


def test_the_exchange_reaches_the_tokens_that_generators_never_say() -> None:
    tokenizer = AutoTokenizer.from_pretrained(TINY_BASE, local_files_only=True)
    exchange = vocabulary_words(tokenizer, 7)
    texts = [exchange(random.Random(n), generate(1, n)).text for n in range(1500)]
    seen = {i for ids in tokenizer(texts, add_special_tokens=False)["input_ids"] for i in ids}
    for word in (" garlic", " paprika", " oregano", " Serve"):
        assert tokenizer(word, add_special_tokens=False)["input_ids"][0] in seen
