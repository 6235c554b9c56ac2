"""Extraction on a real cluster: documents, results, and what is said of bad input.

Run: pytest tests/runtime/batch/test_ray_engine.py
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install '.[ray]'")
pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[ray]'")

import pyarrow as pa
import ray
import ray.data
from pyarrow import parquet

from setaccio.data import Task, load_task
from setaccio.data.errors import DataError, UsageError
from setaccio.data.records import Document
from setaccio.runtime import Extractor, load_model
from setaccio.runtime.batch.batch import DEFAULT_OPTIONS, Batch, run_fingerprint
from setaccio.runtime.batch.journal import Journal
from setaccio.runtime.batch.ray import extract_dataset, make_spec
from setaccio.runtime.batch.ray.cluster import Node, connect, plan_workers
from setaccio.runtime.batch.ray.documents import find_documents
from setaccio.runtime.batch.ray.engine import extract_documents
from setaccio.runtime.batch.ray.folder import ResultFolder
from setaccio.runtime.batch.ray.spec import WorkerSpec
from setaccio.runtime.batch.ray.worker import MOST_DEATHS, Deaths, RayWorker, Stream

ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers can not import a test

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 99}},
    "required": ["n"],
    "additionalProperties": False,
}


class PoisonWorker(RayWorker):
    """Dies with one document, as with a text that brings llama.cpp down."""

    def _rows(self, documents: list[list[Any]]) -> list[list[Any]]:
        if any(readable and "poison" in text for _, text, _, readable, _ in documents):
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._rows(documents)


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Task:
    path = tmp_path_factory.mktemp("task") / "schema.json"
    path.write_text(json.dumps(SCHEMA))
    return load_task(path, as_schema=True)


@pytest.fixture(scope="module")
def spec(tiny_gguf: Path, task: Task) -> WorkerSpec:
    return make_spec(tiny_gguf, task, threads=1, parallel=4)


@pytest.fixture(scope="module")
def cluster() -> Iterator[list[Node]]:
    """Ray in this process, on this machine, with CPUs for two workers and a reader."""
    with connect(cpus=3) as nodes:
        yield nodes


def timeless(row: str | bytes) -> dict[str, Any]:
    return {name: value for name, value in json.loads(row).items() if name != "seconds"}


def single(tmp_path: Path, tiny_gguf: Path, task: Task, documents: list[Document]) -> list[Any]:
    """The rows of one process."""
    extractor = Extractor(load_model(tiny_gguf, threads=1), task, parallel=4, **DEFAULT_OPTIONS)
    run, _ = run_fingerprint(extractor, DEFAULT_OPTIONS)
    with Journal(tmp_path / "single.jsonl", overwrite=True) as journal:
        Batch(extractor, journal, run).work(documents)
    return [timeless(line) for line in (tmp_path / "single.jsonl").read_bytes().splitlines()]


def texts(count: int) -> list[Document]:
    return [Document(f"d{i}", f"Beat {i} eggs.") for i in range(count)]


def write_jsonl(path: Path, documents: list[Document]) -> None:
    path.write_text("".join(json.dumps({"id": d.id, "text": d.text}) + "\n" for d in documents))


def test_a_stream_answers_many_threads_in_order(tiny_gguf: Path, task: Task) -> None:
    from concurrent.futures import ThreadPoolExecutor

    stream = Stream(Extractor(load_model(tiny_gguf, threads=1), task, parallel=2))
    documents = texts(24)
    with ThreadPoolExecutor(4) as pool:
        hands = [documents[at : at + 6] for at in range(0, 24, 6)]
        answers = [row for rows in pool.map(stream.extract, hands) for row in rows]
    assert [row.id for row in answers] == [document.id for document in documents]
    assert {row.status for row in answers} == {"ok"}
    stream.close()


def test_a_decoder_that_fails_costs_its_documents_only(tiny_gguf: Path, task: Task) -> None:
    stream = Stream(Extractor(load_model(tiny_gguf, threads=1), task, parallel=1))
    bad = Document("bad", None)  # type: ignore[arg-type]
    (failed,) = stream.extract([bad])
    assert failed.status == "error"
    (good,) = stream.extract(texts(1))
    assert good.status == "ok"
    stream.close()


def test_deaths_are_counted_by_document() -> None:
    deaths = Deaths()
    assert deaths.begin([1, 2]) == 0  # the worker dies
    assert deaths.begin([2, 3]) == 1
    deaths.end([2, 3])
    assert [deaths.begin([n]) for n in (1, 2, 3)] == [1, 1, 0]
    assert deaths.begin([]) == 0


def test_documents_that_came_twice_and_done_ones(
    tmp_path: Path, tiny_gguf: Path, task: Task, spec: WorkerSpec, cluster: list[Node]
) -> None:
    documents = [*texts(30), Document("d3", "Beat 3 eggs."), Document("d3", "Another text.")]
    write_jsonl(tmp_path / "docs.jsonl", documents)
    sources = find_documents([str(tmp_path / "docs.jsonl")], jsonl=False)
    journal_path = tmp_path / "rows.jsonl"
    with Journal(journal_path) as journal:
        assert extract_documents(sources, journal, spec, workers=2) == 0
    lines = journal_path.read_bytes().splitlines(keepends=True)
    expected = single(tmp_path, tiny_gguf, task, documents)
    assert sorted(map(str, map(timeless, lines))) == sorted(map(str, expected))
    twice = [line for line in lines if timeless(line)["key"] == expected[30]["key"]]
    assert len(twice) == 2
    kept = [line for line in lines[4:] if line not in twice] + twice[:1]
    journal_path.write_bytes(b"".join(kept))
    with Journal(journal_path, resume=True) as journal:
        assert extract_documents(sources, journal, spec, workers=1) == len(kept)
        assert journal.written == len(lines) - len(kept)
    after = sorted(map(str, map(timeless, journal_path.read_bytes().splitlines())))
    assert after == sorted(map(str, expected))


def test_a_document_that_kills_its_workers_gets_a_row(
    tmp_path: Path, spec: WorkerSpec, cluster: list[Node]
) -> None:
    documents = texts(20)
    documents[9] = Document("bad", "poison")
    write_jsonl(tmp_path / "docs.jsonl", documents)
    sources = find_documents([str(tmp_path / "docs.jsonl")], jsonl=False)
    seen: dict[str, str] = {}
    with Journal(tmp_path / "rows.jsonl") as journal:
        extract_documents(
            sources,
            journal,
            spec,
            workers=1,
            on_row=lambda name, status, *_: seen.update({name: status}),
            worker=PoisonWorker,
        )
        assert journal.written == 20
    assert seen.pop("bad") == "error"
    assert set(seen.values()) == {"ok"}
    said = (tmp_path / "rows.jsonl").read_text()
    assert said.count(f"{MOST_DEATHS} workers died while they had this document") == 1


def test_a_users_own_data_set(
    tmp_path: Path, tiny_gguf: Path, task: Task, spec: WorkerSpec, cluster: list[Node]
) -> None:
    documents = texts(40)
    table = [{"id": d.id, "text": d.text, "page": n} for n, d in enumerate(documents)]
    table.append({"id": "none", "text": None, "page": 40})
    dataset = ray.data.from_items(table, override_num_blocks=4)
    rows = extract_dataset(dataset, spec, workers=1).take_all()
    assert sorted(row["page"] for row in rows) == list(range(41))
    made = {row["id"]: row for row in rows}
    assert made.pop("none")["status"] == "error"
    expected = single(tmp_path, tiny_gguf, task, documents)
    assert [timeless(made[d.id]["row"]) for d in documents] == expected
    assert [made[d.id]["key"] for d in documents] == [row["key"] for row in expected]
    with pytest.raises(DataError, match="no column 'text'"):
        extract_dataset(ray.data.from_items([{"id": "a"}]), spec, workers=1)


def test_rays_own_checkpoint_serves_a_users_data_set(
    tmp_path: Path, spec: WorkerSpec, cluster: list[Node]
) -> None:
    from ray.data.checkpoint import CheckpointConfig

    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    context = ray.data.DataContext.get_current()
    context.checkpoint_config = CheckpointConfig(
        id_column="id", checkpoint_path=str(tmp_path / "done"), delete_checkpoint_on_success=False
    )
    try:
        for part in range(2):  # the second time the first part is done
            names = [f"d{n}" for n in range(part * 10, part * 10 + 10)]
            table = pa.table({"id": names, "text": [f"Beat {name[1:]} eggs." for name in names]})
            parquet.write_table(table, source / f"{part}.parquet")
            dataset = ray.data.read_parquet(str(source), num_cpus=0.5)
            extract_dataset(dataset, spec, workers=1).write_parquet(str(out))
    finally:
        context.checkpoint_config = None
    rows = parquet.read_table(out).to_pylist()
    assert sorted(row["id"] for row in rows) == sorted(f"d{n}" for n in range(20))
    assert {row["status"] for row in rows} == {"ok"}


def test_workers_have_room() -> None:
    nodes = [Node("a", "10.0.0.1", 8), Node("b", "10.0.0.2", 6)]
    assert plan_workers(nodes, None, None) == (2, 6)
    assert plan_workers(nodes, None, 2) == (7, 2)
    assert plan_workers(nodes, 4, None) == (4, 3)
    with pytest.raises(UsageError, match=r"have room for 7"):
        plan_workers(nodes, 8, 2)
    with pytest.raises(UsageError, match="No workers of 9 threads"):
        plan_workers(nodes, None, 9)


RUN, OTHER = "1" * 64, "2" * 64


def test_a_folder_knows_its_jobs(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def open_folder(run: str, tokens: int, form: Any = "jsonl", **how: bool) -> ResultFolder:
        how = {"resume": False, "overwrite": False, **how}
        return ResultFolder(out, run, {"model": "a.gguf", "max_tokens": tokens}, form, **how)

    def names() -> list[str]:
        return sorted(path.name for path in out.iterdir())

    first = open_folder(RUN, 3)
    first.journal.write_text("")
    for how in ({"resume": True}, {"overwrite": True}):
        with pytest.raises(UsageError, match="out: another process writes there"):
            open_folder(RUN, 3, **how)
    assert first.journal.exists()
    first.close()
    with pytest.raises(UsageError, match="holds results of this job"):
        open_folder(RUN, 3)
    with pytest.raises(UsageError, match=r"another job's parts \(max_tokens: 3, now 4\)"):
        open_folder(OTHER, 4)
    anew = open_folder(OTHER, 4, resume=True)
    anew.journal.write_text("")
    assert "begins anew" in anew.anew
    anew.close()
    assert names() == ["_job.json", "_lock", "_rows-11111111.jsonl", "rows-22222222.jsonl"]
    with open_folder(RUN, 3, "parquet", resume=True) as again:
        assert again.anew == ""
    assert names() == ["_job.json", "_lock", "_rows-11111111.jsonl", "_rows-22222222.jsonl"]
    open_folder(RUN, 3, overwrite=True).close()
    assert names() == ["_job.json", "_lock"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    (tmp_path / "file").write_text("")
    for path, said in ((tmp_path / "mine", "thesis.txt"), (tmp_path / "file", "is no folder")):
        with pytest.raises(UsageError, match=said):
            ResultFolder(path, RUN, {}, "jsonl", resume=True, overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").exists()
