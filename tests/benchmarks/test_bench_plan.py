"""What a run consists of, and what it is measured with.

Run: pytest tests/benchmarks/test_bench_plan.py
"""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from benchmarks.__main__ import choose, parse
from benchmarks.arms.arms import BATCHED, LABELS, SERIAL
from benchmarks.arms.child import run
from benchmarks.arms.probe import Meter
from benchmarks.cases import SETS, Job, choose_task, same_answer
from benchmarks.measure import simd_level
from benchmarks.plan import COMMANDS, Part, Scope, make_plan
from benchmarks.subjects import TINY_GGUF, Subject, count_work, merge_gguf

from setaccio.data.errors import UsageError
from setaccio.models import gguf_path, shipped_adapter
from setaccio.runtime import Extractor

RECIPES = SETS["recipes"].case
SCOPE = Scope(threads=1, parallel=2)


def plan(scope: Scope = SCOPE, **of: object) -> list[Part]:
    subject = Subject("tiny", "tiny", "model.gguf", **of)  # type: ignore[arg-type]
    return make_plan(scope, [subject])


def test_rounds_run_forwards_and_backwards():
    parts = plan(replace(SCOPE, rounds=2, busy=False), sets=("recipes",))
    names = [part.arm for part in parts if part.group == "compare"]
    half = len(names) // 2
    assert names[:half] == names[half:][::-1]
    assert half == len(LABELS)


def test_parts_have_names_of_their_own():
    names = [part.name for part in plan(replace(SCOPE, rounds=2, endurance=9))]
    assert len(set(names)) == len(names)


def test_a_model_runs_its_documents_and_arms_only():
    parts = plan(sets=("bookings",), arms=("server",))
    compared = [
        part for part in parts if part.group == "compare" and not part.name.endswith("busy")
    ]
    assert [(part.arm, part.documents) for part in compared] == [("server", "bookings")]


def test_beside_a_busy_core_and_on_the_command_line():
    parts = plan()
    busy = {part.arm for part in parts if part.job and part.job.case.busy}
    assert busy == {"ours-serial-schema", "ours-batched-schema"}
    commands = [part for part in parts if part.job is None]
    assert len(commands) == sum(COMMANDS.values())
    assert not [part for part in plan(replace(SCOPE, busy=False)) if part.job is None]


def test_every_arm_takes_one_document_or_several():
    assert sorted([*SERIAL, *BATCHED]) == sorted(LABELS)


def test_a_job_survives_its_way_to_the_child():
    job = Job("gbnf", "model.gguf", "", 512, 1, 2, RECIPES)
    assert Job.from_json(json.dumps(asdict(job))) == job


@pytest.mark.parametrize("name", SETS)
def test_documents_come_in_the_number_asked_for(name: str):
    documents = list(replace(SETS[name].case, count=200).documents())
    assert len({document.id for document in documents}) == 200
    assert all(document.text for document in documents)


def test_pages_are_long_and_bookings_short():
    pages, bookings = (
        [len(document.text) for document in SETS[name].case.documents()]
        for name in ("pages", "bookings")
    )
    assert min(pages) > 5 * max(bookings)


@pytest.mark.parametrize("name", SETS)
def test_every_program_gets_the_prompt_that_ours_renders(name: str, tiny_gguf: Path):
    task = choose_task(SETS[name].case, str(tiny_gguf), "")
    assert Extractor(tiny_gguf, task).task == task
    assert task.schema_in_prompt or name == "recipes"


def test_white_space_between_tokens_does_not_make_an_answer_another():
    assert same_answer('{"a": 1}', '{"a":1}')
    assert same_answer("no JSON", "no JSON")
    assert not same_answer('{"a": 1}', '{"a":2}')
    assert not same_answer('{"a": 1', '{"a":1')


def test_files_of_ones_own_take_the_place_of_the_samples(tmp_path: Path):
    pairs = tmp_path / "mine.jsonl"
    pairs.write_text('{"id": "a", "text": "Tea."}\n')
    subjects, sets = choose(parse(["--model", str(TINY_GGUF), "--pairs", str(pairs)]))
    assert [subject.gguf for subject in subjects] == [str(TINY_GGUF)]
    assert [len(list(of.case.documents())) for of in sets.values()] == [16]
    with pytest.raises(UsageError, match="no such file"):
        choose(parse(["--model", str(TINY_GGUF), "--pairs", str(tmp_path / "none.jsonl")]))


def test_the_widest_instructions_are_named():
    assert simd_level(["avx", "avx2", "fma"]) == "AVX2"
    assert simd_level(["avx2", "avx512f", "amx_int8"]) == "AMX"
    assert simd_level([]) == "unknown"


def test_a_meter_counts_calls_and_lets_errors_through():
    meter = Meter()
    double = meter.wrap(lambda value: 2 * value)
    assert [double(value) for value in (3, 4)] == [6, 8]
    assert meter.calls == 2
    fail = meter.wrap(lambda: [][0])
    with pytest.raises(IndexError):
        fail()
    assert meter.calls == 3


def test_the_work_of_a_pass_is_that_of_its_matrices():
    work = count_work(TINY_GGUF)
    passes = {"tokens": 2, "outputs": 1, "pairs": 3}
    assert work.of(passes) == 2 * work.token + work.output + 3 * work.pair
    assert work.token > 2 * sum(out * wide for out, wide in work.shapes)


@pytest.fixture
def unmetered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The meters stay in place for a child's whole life; here they must go again."""
    import llama_cpp
    import llama_cpp.llama_cpp as bindings

    from setaccio.runtime.grammar.constraint import Matcher

    for place, name in itertools.chain(
        ((module, "llama_decode") for module in (llama_cpp, bindings)),
        ((Matcher, name) for name in ("mask", "forced", "accept", "count_allowed")),
    ):
        monkeypatch.setattr(place, name, getattr(place, name))


@pytest.mark.slow
@pytest.mark.usefixtures("unmetered")
def test_a_child_measures_this_runtime(tiny_gguf: Path):
    case = replace(RECIPES, count=2, max_tokens=8)
    found = run(Job("ours-serial-schema", str(tiny_gguf), "", 1024, 1, 1, case))
    assert found["documents"] == len(found["answers"]) == 2
    assert 0 < found["prompts"]["seconds"] <= found["forward"]["seconds"] < found["seconds"]
    assert 0 < found["prompts"]["calls"] < found["forward"]["calls"]
    assert 0 < found["prompts"]["outputs"] < found["forward"]["outputs"]
    assert found["forward"]["pairs"] > found["forward"]["tokens"] > found["prompts"]["tokens"] > 0
    assert found["masks"]["calls"] > 0
    assert 0 < found["first_s"] <= found["seconds"]
    assert 0 < found["resident_bytes"][-1] <= found["peak_bytes"]


@pytest.mark.slow
def test_answers_of_many_are_compared_with_one_at_a_time(tiny_gguf: Path):
    case = replace(RECIPES, count=3, max_tokens=16)
    found = run(Job("agreement", str(tiny_gguf), "", 1024, 1, 3, case))
    assert found["answers"] == found["batched"]
    assert found["margins"] == []


@pytest.mark.slow
def test_the_merged_model_answers_as_base_and_adapter_do(tmp_path: Path):
    base, adapter = gguf_path("smollm2"), shipped_adapter()
    merged = tmp_path / "merged.gguf"
    merge_gguf(base, adapter, merged)
    text = "Rice. Boil 1 cup of rice in 2 cups of water for 15 minutes. Let it rest."
    apart = Extractor(base, adapter=adapter, max_tokens=120).extract(text)
    whole = Extractor(merged, max_tokens=120).extract(text)
    assert whole.data == apart.data
    assert whole.status == "ok"
