"""What a run consists of, and what it is measured with.

Run: pytest tests/benchmarks/test_bench_plan.py
"""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict
from pathlib import Path

import pytest
from benchmarks.arms.arms import BATCHED, LABELS, SERIAL
from benchmarks.arms.child import Job, run
from benchmarks.arms.probe import Meter
from benchmarks.cases import Case, transcripts
from benchmarks.plan import Scope, make_plan
from benchmarks.random_models.models import Ready

from setaccio.data import load_task


def plan(rounds: int = 2, growth: bool = False) -> list[str]:
    scope = Scope(("tiny",), threads=1, parallel=2, rounds=rounds, growth=growth)
    return [part.name for part in make_plan(scope, {"tiny": Ready(Path("model.gguf"))})]


def test_rounds_run_forwards_and_backwards():
    names = [name.rpartition("-")[0] for name in plan()]
    half = len(names) // 2
    assert names[:half] == names[half:][::-1]
    assert half == len(LABELS)


def test_parts_have_names_of_their_own():
    names = plan(growth=True)
    assert len(set(names)) == len(names)


def test_every_arm_takes_one_document_or_several():
    assert sorted([*SERIAL, *BATCHED]) == sorted(LABELS)


def test_a_job_survives_its_way_to_the_child():
    job = Job("gbnf", "model.gguf", 512, 1, 2, [Case("long", 3, 64)])
    assert Job.from_json(json.dumps(asdict(job))) == job


def test_documents_come_in_the_number_asked_for():
    assert len(list(Case("generated", 70).documents())) == 70
    ids = [document.id for document in Case("generated", 70).documents()]
    assert len(set(ids)) == 70


def test_long_documents_are_as_long_as_asked_for():
    (short,) = Case("long", 1, 32).documents()
    (long,) = Case("long", 1, 512).documents()
    assert 90 < len(short.text) <= 128
    assert 1900 < len(long.text) <= 2048


def test_schemas_grow():
    sizes = [len(Case("fields", 1, size).task().json_schema["properties"]) for size in (1, 64)]
    assert sizes == [1, 64]


def test_transcripts_answer_the_task_and_are_of_a_kind():
    rows = transcripts(20)
    task = load_task("recipe")
    assert all(not task.problems(json.loads(row.answer)) for row in rows)
    lengths = [len(row.answer) for row in rows]
    assert max(lengths) < 1.5 * min(lengths)


def test_a_meter_counts_calls_tokens_and_lets_errors_through():
    meter = Meter()
    double = meter.wrap(lambda value: 2 * value, lambda value: value)
    assert [double(value) for value in (3, 4)] == [6, 8]
    assert (meter.calls, meter.tokens) == (2, 7)
    fail = meter.wrap(lambda: [][0])
    with pytest.raises(IndexError):
        fail()
    assert meter.calls == 3


@pytest.mark.slow
def test_a_child_measures_this_runtime(tiny_gguf: Path, monkeypatch: pytest.MonkeyPatch):
    import llama_cpp
    import llama_cpp.llama_cpp as bindings

    from setaccio.runtime.grammar.constraint import Matcher

    # The meters stay in place for a child's whole life; here they must go again.
    for place, name in itertools.chain(
        ((module, "llama_decode") for module in (llama_cpp, bindings)),
        ((Matcher, name) for name in ("mask", "forced", "accept", "count_allowed")),
    ):
        monkeypatch.setattr(place, name, getattr(place, name))
    case = Case("generated", 2, max_tokens=8)
    found = run(Job("ours-serial-schema", str(tiny_gguf), 1024, 1, 1, [case]))["cases"][0]
    assert found["documents"] == len(found["answers"]) == 2
    assert 0 < found["forward"]["seconds"] < found["seconds"]
    assert found["forward"]["calls"] > 0
    assert found["masks"]["calls"] > 0
    assert 0 < found["first_s"] <= found["seconds"]
