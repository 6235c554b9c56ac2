"""Six tasks with an adapter each over one base: mixed or apart, the rows are the same, and what a
switch costs is counted in passes.

Run: pytest tests/runtime/server/test_six_adapters.py
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain, pairwise, zip_longest
from pathlib import Path
from typing import Any

import httpx
import pytest
from adapter_parts import write_adapter, write_unquantised
from served import serve_cli

from setaccio.data import Document, load_task
from setaccio.data.records import BOOKINGS_TEST, RECIPES_TOLD, SAMPLE_FOLDER, load_pairs
from setaccio.runtime import Adapter, Extractor, LoadedModel, load_adapter, load_model
from setaccio.runtime.decode.context import BatchContext
from setaccio.runtime.decode.decode_loop import TURN
from setaccio.runtime.decode.decoder import decode
from setaccio.runtime.decode.request import Passes, Request, Start
from setaccio.runtime.decode.slots.prefixes import PrefixStates
from setaccio.runtime.grammar.constraint import compile_schema
from setaccio.runtime.model.load import TASK_KEY
from setaccio.runtime.prompt.prompts import Prompts
from setaccio.runtime.server.engine import Engine
from setaccio.runtime.server.request_types import ExtractRequest

FILES = {
    "address": SAMPLE_FOLDER / "addresses.jsonl",
    "booking": BOOKINGS_TEST,
    "citation": SAMPLE_FOLDER / "citations.jsonl",
    "command": SAMPLE_FOLDER / "commands.jsonl",
    "receipt": SAMPLE_FOLDER / "receipts.jsonl",
    "recipe": RECIPES_TOLD,
}
TOKENS = 32
"""Most of an answer."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Six:
    """A base in full precision, an adapter and some documents for each of six tasks."""

    base: Path
    adapters: dict[str, Path]
    documents: dict[str, list[Document]]


@pytest.fixture(scope="module")
def six(tiny_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Six:
    folder = tmp_path_factory.mktemp("six")
    base = write_unquantised(tiny_gguf, folder / "base.gguf")
    adapters, documents = {}, {}
    for seed, (name, file) in enumerate(FILES.items(), 1):
        carried = {TASK_KEY: load_task(name).to_metadata()}
        adapters[name] = write_adapter(base, folder / f"{name}.gguf", seed, carried)
        pairs = load_pairs(file)[0][:4]
        documents[name] = [Document(f"{name} {n}", pair.text) for n, pair in enumerate(pairs)]
    return Six(base, adapters, documents)


@pytest.fixture(scope="module", params=[1, 2], ids=["one context", "two contexts"])
def model(six: Six, request: pytest.FixtureRequest) -> Iterator[LoadedModel]:
    model = load_model(six.base, threads=request.param)
    yield model
    model.close()


@pytest.fixture
def fresh(model: LoadedModel) -> None:
    """Nothing has been read before."""
    if model.state.contexts is not None:
        model.state.contexts.clear()


@pytest.fixture(scope="module")
def alone(six: Six, model: LoadedModel) -> dict[str, Row]:
    """The rows of six runs, one after the other, each with one adapter."""
    rows = {}
    for name, path in six.adapters.items():
        extractor = Extractor(model, adapter=path, max_tokens=TOKENS)
        for extraction in extractor.extract_all(six.documents[name]):
            rows[extraction.id] = json.loads(extraction.to_json())
    return rows


def shuffled(six: Six, seed: int) -> list[tuple[str, Document]]:
    """All documents with the names of their adapters, mixed."""
    mixed = [(name, document) for name, some in six.documents.items() for document in some]
    random.Random(seed).shuffle(mixed)
    return mixed


def same(found: Row, wanted: Row) -> bool:
    """Whether two rows are the same but for times, and chances in their last digits."""
    for chances in ("confidence", "removed"):
        if found[chances] != pytest.approx(wanted[chances], abs=1e-3):
            return False
    left_out = dict.fromkeys(("seconds", "confidence", "removed"))
    return {**found, **left_out} == {**wanted, **left_out}


def differing(found: Iterable[Row], alone: dict[str, Row]) -> list[str]:
    return [row["id"] for row in found if not same(row, alone[row["id"]])]


def test_each_adapter_has_answers_of_its_own(six: Six, model: LoadedModel) -> None:
    """What follows shows something only because of that: no other adapter gives these rows."""
    answers = set()
    for path in (*six.adapters.values(), None):
        extractor = Extractor(model, load_task("recipe"), adapter=path, max_tokens=TOKENS)
        rows = extractor.extract_all(six.documents["recipe"])
        answers.add(tuple(row.raw for row in rows))
    assert len(answers) == 7


@pytest.mark.parametrize("parallel", [1, 6])
def test_a_mixed_stream_in_one_process_has_the_rows_of_six_runs(
    six: Six, model: LoadedModel, alone: dict[str, Row], parallel: int
) -> None:
    adapters = {name: load_adapter(model, path) for name, path in six.adapters.items()}
    with Engine(model, adapters, parallel=parallel) as engine:
        tickets = [
            engine.submit(ExtractRequest(document=document, adapter=name, max_tokens=TOKENS))
            for name, document in shuffled(six, parallel)
        ]
        rows = [json.loads(ticket.result(300).to_json()) for ticket in tickets]
    assert {row["id"] for row in rows} == alone.keys()
    assert len({row["model"] for row in rows}) == len({row["task"] for row in rows}) == 6
    assert differing(rows, alone) == []


@pytest.mark.parametrize("model", [1], indirect=True)
def test_two_mixed_streams_of_one_server_have_the_rows_of_six_runs(
    six: Six, model: LoadedModel, alone: dict[str, Row]
) -> None:
    """Some lines name the adapter, others the task, which its adapter then answers."""
    lines: list[list[str]] = []
    for seed in (1, 2):
        asked = [
            {"id": document.id, "text": document.text, "options": {"max_tokens": TOKENS}}
            | {("adapter", "task")[n % 2]: name}
            for n, (name, document) in enumerate(shuffled(six, seed))
        ]
        lines.append([json.dumps(line) for line in asked])
    given = [f"--adapter={name}={path}" for name, path in six.adapters.items()]
    with serve_cli(six.base, *given, "--parallel", 6) as served:

        def stream(some: list[str]) -> list[Row]:
            answer = httpx.post(
                f"{served.url}/extract/stream", content="\n".join(some), timeout=300
            )
            return [json.loads(line) for line in answer.text.splitlines()]

        with ThreadPoolExecutor(2) as both:
            answers = list(both.map(stream, lines))
    for asked, rows in zip(lines, answers, strict=True):
        assert [row["id"] for row in rows] == [json.loads(line)["id"] for line in asked]
        assert differing(rows, alone) == []


def spent(extractor: Extractor, document: Document) -> tuple[int, int]:
    """Passes, and tokens evaluated, of one document."""
    counts: list[tuple[int, int]] = []
    row = list(
        extractor.extract_all(
            [document], watch=lambda passes: counts.append((passes.forward, passes.evaluated))
        )
    )
    assert len(row) == 1
    return counts[-1]


@pytest.mark.parametrize("model", [1], indirect=True)
@pytest.mark.parametrize("parallel", [1, 2])
@pytest.mark.usefixtures("fresh")
def test_a_switch_between_extractors_costs_a_pass_or_none_where_both_find_room(
    six: Six, model: LoadedModel, parallel: int
) -> None:
    pair = [
        Extractor(model, adapter=six.adapters[name], guess=False, parallel=parallel, max_tokens=8)
        for name in ("address", "command")
    ]
    documents = six.documents["address"]
    for extractor in pair:  # as many sequences as there is work for
        list(extractor.extract_all(documents))
    stayed = [[spent(extractor, documents[n]) for n in (0, 0)][1] for extractor in pair]
    for _ in range(2):
        for extractor, (passes, tokens) in zip(pair, stayed, strict=True):
            found = spent(extractor, documents[0])
            read = len(extractor._planner.prompts.prefix) if parallel == 1 else 0
            assert found == (passes + (parallel == 1), tokens + read)


def counted(
    model: LoadedModel, requests: Sequence[Request], states: PrefixStates, parallel: int
) -> Passes:
    passes = Passes()
    done = decode(
        model,
        (),
        iter(requests),
        parallel=parallel,
        prompt_lookup=False,  # how much is drafted depends on what passes cost
        contexts=1,
        passes=passes,
        states=states,
    )
    assert len(list(done)) == len(requests)
    return passes


def requests_for(model: LoadedModel, adapter: Adapter, documents: list[Document]) -> list[Request]:
    assert adapter.task is not None
    prompts = Prompts(model, adapter.task)
    grammar = compile_schema(model, adapter.task.json_schema)
    start = Start(adapter, tuple(prompts.prefix))
    return [
        Request(document.id, prompts.make(document.text).rest, 16, grammar=grammar, start=start)
        for document in documents
    ]


@pytest.mark.parametrize("model", [1], indirect=True)
@pytest.mark.parametrize("parallel", [1, 4])
@pytest.mark.usefixtures("fresh")
def test_a_fixed_part_is_read_once_and_then_a_switch_costs_nothing(
    six: Six, model: LoadedModel, parallel: int
) -> None:
    groups = [
        requests_for(model, load_adapter(model, path), six.documents[name])
        for name, path in six.adapters.items()
    ]
    # Neighbours never have the same adapter, and there are more adapters than sequences.
    mixed = list(chain.from_iterable(zip_longest(*groups)))
    states = PrefixStates()
    cold = counted(model, mixed, states, parallel)
    warm = counted(model, mixed, states, parallel)
    fixed = sum(len(group[0].start.prefix) for group in groups if group[0].start)
    assert cold.forward == warm.forward + 6
    assert cold.evaluated - warm.evaluated == fixed
    if parallel == 1:
        apart = [counted(model, group, states, parallel) for group in groups]
        assert warm.forward == sum(passes.forward for passes in apart)
        assert warm.evaluated == sum(passes.evaluated for passes in apart)


@pytest.mark.parametrize("model", [1], indirect=True)
@pytest.mark.usefixtures("fresh")
def test_adapters_take_turns_of_some_passes(
    six: Six, model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[Adapter | None] = []
    use = BatchContext.use

    def noted(context: BatchContext, adapter: Adapter | None) -> None:
        used.append(adapter)
        use(context, adapter)

    monkeypatch.setattr(BatchContext, "use", noted)
    adapters = [load_adapter(model, path) for path in six.adapters.values()]
    requests = [
        requests_for(model, adapter, some[:1])[0]
        for adapter, some in zip(adapters, six.documents.values(), strict=True)
    ]
    passes = counted(model, requests, PrefixStates(), len(requests))
    assert len(used) == passes.forward
    assert sum(one is not other for one, other in pairwise(used)) < len(used) / 2
    for adapter in adapters:
        places = [place for place, each in enumerate(used) if each is adapter]
        # Beside the turns of five others: two passes for each prompt.
        assert max(after - before for before, after in pairwise(places)) <= 5 * TURN + 12 + 1
