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

from setaccio.data.errors import UsageError  # noqa: E402
from setaccio.data.hf_tokens import chat_format, encode_pieces  # noqa: E402
from setaccio.data.prompt import Piece, completion_end, prompt_pieces  # noqa: E402
from setaccio.data.synthetic import Example, WordExchange, generate  # noqa: E402
from setaccio.data.task import Task  # noqa: E402
from setaccio.train import base  # noqa: E402
from setaccio.train.base_data import (  # noqa: E402
    POOL,
    TOKENS_PER_BATCH,
    ExampleEncoder,
    copy_batch,
    extraction_batches,
)
from setaccio.train.base_model import schedule  # noqa: E402
from setaccio.train.base_plan import PLANS, Plan  # noqa: E402
from setaccio.train.base_run import BaseRun  # noqa: E402
from setaccio.train.base_stream import (  # noqa: E402
    COPY,
    EXCHANGED,
    PLAIN,
    BatchMaker,
    BatchStream,
    Job,
)
from setaccio.train.base_words import vocabulary_words  # noqa: E402
from setaccio.train.models import TINY_BASE  # noqa: E402

SHORT = PLANS["rehearsal"]


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A run folder with the bundled vocabulary."""
    shutil.copytree(TINY_BASE, tmp_path / "run" / "tokenizer")
    return tmp_path / "run"


def finish(run: BaseRun) -> BaseRun:
    with Progress(disable=True) as progress:
        run.run(progress)
    return run


def interrupt_after_five(step: int) -> None:
    if step == 5:
        raise KeyboardInterrupt


def same_weights(a: BaseRun, b: BaseRun) -> bool:
    pairs = zip(a.model.parameters(), b.model.parameters(), strict=True)
    return all(torch.equal(x, y) for x, y in pairs)


@pytest.mark.slow
def test_an_interrupted_run_goes_on_with_the_same_weights(work: Path, tmp_path: Path) -> None:
    other, older = tmp_path / "other", tmp_path / "older"
    shutil.copytree(work, other)
    whole = finish(BaseRun(work, SHORT))
    with pytest.raises(KeyboardInterrupt):
        finish(BaseRun(other, SHORT, on_step=interrupt_after_five))
    shutil.copytree(other, older)
    resumed = BaseRun(other, SHORT)
    assert resumed.step == 3
    finish(resumed)
    assert same_weights(whole, resumed)
    assert resumed.tokens == whole.tokens
    steps = [json.loads(x)["step"] for x in (other / "metrics.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 5, 6]

    # As checkpoints were before tokens were counted.
    state = older / "checkpoint" / "state.json"
    position = json.loads(state.read_text())
    kept = {name: position[name] for name in ("step", "seconds", "pool", "offset")}
    state.write_text(json.dumps(kept))
    former = finish(BaseRun(older, SHORT))
    assert same_weights(whole, former)
    assert former.tokens is None

    with pytest.raises(UsageError, match="tokens-per-batch 6144"):
        BaseRun(older, SHORT._replace(tokens=12_288))
    whole.publish(tmp_path / "model")
    facts = json.loads((tmp_path / "model" / "growth.json").read_text())
    assert facts["steps"] == 6 and facts["device"] == "cpu"
    assert facts["tokens"] == whole.tokens > facts["tokens_per_batch"] == TOKENS_PER_BATCH
    measured = json.loads((work / "metrics.jsonl").read_text().splitlines()[-1])
    assert facts["held_out_loss"] == measured["held_out_loss"]


@pytest.mark.slow
def test_workers_make_the_same_stream(work: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(work / "tokenizer", local_files_only=True)
    maker = BatchMaker(tokenizer, 5, TOKENS_PER_BATCH)
    kinds = [(COPY, 0), (COPY, 300), (PLAIN, 0), (PLAIN, 3), (EXCHANGED, 1), (COPY, 1)]
    jobs = [Job(*kind) for kind in kinds]
    here = list(BatchStream(maker, work / "tokenizer").results(jobs))
    several = BatchStream(maker, work / "tokenizer", workers=2)
    try:
        there = list(several.results(jobs))
    finally:
        several.close()
    assert [len(x) for x in here] == [len(x) for x in there]
    for batches, others in zip(here, there, strict=True):
        for batch, other in zip(batches, others, strict=True):
            assert torch.equal(batch.input_ids, other.input_ids)
            assert torch.equal(batch.targets, other.targets)
            assert batch.tokens == other.tokens


def test_larger_batches_come_from_larger_pools() -> None:
    tokenizer = AutoTokenizer.from_pretrained(TINY_BASE, local_files_only=True)
    encoder = ExampleEncoder(tokenizer, chat_format(tokenizer))
    pad = tokenizer.pad_token_id
    large = extraction_batches(encoder, pad, 1, 0, tokens=3 * TOKENS_PER_BATCH)
    small = [b for pool in range(3) for b in extraction_batches(encoder, pad, 1, pool)]
    assert sum(b.tokens for b in large) == sum(b.tokens for b in small)
    assert sum(len(b.input_ids) for b in large) <= 3 * POOL
    assert max(b.input_ids.numel() for b in large) > TOKENS_PER_BATCH
    assert all(b.tokens == (b.input_ids != pad).sum() for b in large)
    assert len(copy_batch(0, 500, 4096, 3 * TOKENS_PER_BATCH).input_ids) == pytest.approx(
        3 * len(copy_batch(0, 500, 4096).input_ids), abs=3
    )


def test_a_limit_in_minutes_ends_the_plan_in_time() -> None:
    plan = Plan(1000, 100, (400, 900), minutes=2.0)
    assert plan.place(50, 500.0, 0.0) == 50  # copying is learned in full
    assert plan.place(100, 20.0, 20.0) == 100
    assert plan.place(150, 70.0, 20.0) == 550  # half of the time is up
    assert plan.place(700, 70.0, 20.0) == 700  # faster than the clock
    assert plan.place(150, 120.0, 20.0) == 1000
    assert plan.place(100, 500.0, 500.0) == 100
    assert plan._replace(minutes=None).place(150, 70.0, 20.0) == 150


def test_each_device_has_its_plan() -> None:
    given = base.parser().parse_args(["--minutes", "3"])
    assert base.parse_plan(given, "cpu") == PLANS["cpu"]._replace(minutes=3.0)
    assert base.parse_plan(given, "cuda") == PLANS["gpu"]._replace(minutes=3.0)
    given = base.parser().parse_args(["--plan", "rehearsal", "--tokens-per-batch", "99"])
    assert base.parse_plan(given, "cuda") == SHORT._replace(tokens=99)
    assert 2e8 < PLANS["gpu"].steps * PLANS["gpu"].tokens < 1.1e9


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
