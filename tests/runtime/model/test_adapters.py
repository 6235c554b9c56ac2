"""Adapters that share one base: each request is answered with its own, whatever runs beside it.

Run: pytest tests/runtime/model/test_adapters.py
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from adapter_parts import write_adapter

from setaccio.data import Document, Task
from setaccio.data.errors import ModelError
from setaccio.runtime import Extractor, LoadedModel, load_adapter, load_model

DOCUMENTS = [
    Document(
        "a", "Onion Soup\nChop 2 onions. Melt ½ cup butter and fry the onions. Add 1 l stock."
    ),
    Document("b", "Pancakes need 250 g flour, 2 eggs and 1/2 l milk. Whisk. Fry until brown."),
    Document("c", "Take 12 plums. Stone them. Lay them on the dough."),
]


@pytest.fixture(scope="module")
def model(tiny_gguf: Path) -> Iterator[LoadedModel]:
    model = load_model(tiny_gguf, context=512, threads=1)
    yield model
    model.close()


@pytest.fixture(scope="module")
def extractors(
    model: LoadedModel, tiny_gguf: Path, recipe: Task, tmp_path_factory: pytest.TempPathFactory
) -> list[Extractor]:
    """With one adapter, with another one, and with none, over one base."""
    folder = tmp_path_factory.mktemp("adapters")
    paths = [write_adapter(tiny_gguf, folder / f"{seed}.gguf", seed) for seed in (1, 2)]
    adapters = [*(load_adapter(model, path) for path in paths), None]
    return [
        Extractor(model, recipe, adapter=adapter, max_tokens=32, parallel=2, guess=False)
        for adapter in adapters
    ]


def run(extractor: Extractor) -> list[str]:
    return [extraction.raw for extraction in extractor.extract_all(DOCUMENTS)]


@pytest.fixture(scope="module")
def alone(model: LoadedModel, extractors: list[Extractor]) -> list[list[str]]:
    """The answers of each extractor when nothing else runs, in a context of its own."""
    answers = []
    for extractor in extractors:
        if model.state.contexts is not None:
            model.state.contexts.clear()
        answers.append(run(extractor))
    # What follows shows something only where the adapters do.
    assert len({tuple(answer) for answer in answers}) == len(extractors)
    return answers


def test_one_run_after_the_other(extractors: list[Extractor], alone: list[list[str]]) -> None:
    for _ in range(2):
        assert [run(extractor) for extractor in extractors] == alone


def test_every_call_is_answered_with_its_own_adapter(extractors: list[Extractor]) -> None:
    ordered = [[e.extract(document).raw for document in DOCUMENTS] for e in extractors]
    in_turn = [[e.extract(document).raw for e in extractors] for document in DOCUMENTS]
    assert [list(column) for column in zip(*in_turn, strict=True)] == ordered


def test_runs_with_several_adapters_under_way_at_once(
    extractors: list[Extractor], alone: list[list[str]]
) -> None:
    runs = [extractor.extract_all(DOCUMENTS) for extractor in extractors]
    found = [[extraction.raw for extraction in row] for row in zip(*runs, strict=True)]
    assert [list(column) for column in zip(*found, strict=True)] == alone


def test_adapters_in_several_threads(extractors: list[Extractor], alone: list[list[str]]) -> None:
    found: dict[int, list[str]] = {}

    def work(number: int) -> None:
        found[number] = run(extractors[number])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(len(extractors))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[number] for number in range(len(extractors))] == alone


def test_an_adapter_is_loaded_once_and_others_are_refused(
    model: LoadedModel, tiny_gguf: Path, tmp_path: Path
) -> None:
    path = write_adapter(tiny_gguf, tmp_path / "again.gguf", 3)
    assert load_adapter(model, path) is load_adapter(model, path)
    with pytest.raises(ModelError, match="is not a LoRA adapter"):
        load_adapter(model, tiny_gguf)


def test_another_base_than_the_adapters_is_named_with_both_hashes(
    model: LoadedModel, tiny_gguf: Path, recipe: Task, tmp_path: Path
) -> None:
    values = {"setaccio.base_gguf_sha256": "ab" * 32, "setaccio.base_gguf": "other.gguf"}
    path = write_adapter(tiny_gguf, tmp_path / "elsewhere.gguf", 1, values)
    (warning,) = Extractor(model, recipe, adapter=path).warnings
    assert "elsewhere.gguf was made for other.gguf (SHA-256 abababababab...)" in warning
    assert f"{tiny_gguf.name} is another file (SHA-256 {model.sha256[:12]}...)" in warning
    assert f"--adapter-only --base-gguf {tiny_gguf}" in warning


@pytest.mark.parametrize("key", ["base_gguf_sha256", "proved_gguf_sha256"])
def test_the_base_that_it_was_trained_or_proved_on_needs_no_word(
    model: LoadedModel, tiny_gguf: Path, recipe: Task, tmp_path: Path, key: str
) -> None:
    values = {"setaccio.base_gguf_sha256": "ab" * 32, f"setaccio.{key}": model.sha256}
    path = write_adapter(tiny_gguf, tmp_path / "here.gguf", 1, values)
    assert Extractor(model, recipe, adapter=path).warnings == []


def test_an_adapter_brings_its_task_and_stands_in_the_results(
    model: LoadedModel, tiny_gguf: Path, tmp_path: Path
) -> None:
    task = Task.from_schema({"title": "label", "type": "object", "properties": {"a": {}}})
    values = {"setaccio.task": task.to_metadata()}
    path = write_adapter(tiny_gguf, tmp_path / "labels.gguf", 1, values)
    extractor = Extractor(model, adapter=path, max_tokens=8)
    assert extractor.task.digest == task.digest
    extraction = extractor.extract("Take 12 plums.")
    assert extraction.task == "label" and extraction.model == f"{tiny_gguf.name} + labels.gguf"
