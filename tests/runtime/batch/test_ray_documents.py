"""What a cluster reads: Parquet, URIs, and documents of every kind beside them.

Run: pytest tests/runtime/batch/test_ray_documents.py
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="Ray is not installed: pip install '.[ray]'")
pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[ray]'")

import pyarrow as pa
from pyarrow import parquet

from setaccio.data import load_task
from setaccio.data.documents.extracted import Found, to_row
from setaccio.data.errors import DataError, UsageError
from setaccio.data.records import Document
from setaccio.data.text.places import SourceMap
from setaccio.runtime import Extractor, load_model
from setaccio.runtime.batch.batch import DEFAULT_OPTIONS
from setaccio.runtime.batch.journal import Journal, document_key
from setaccio.runtime.batch.ray import make_spec
from setaccio.runtime.batch.ray.documents import count_items, find_documents, read_items
from setaccio.runtime.batch.ray.folder import ResultFolder
from setaccio.runtime.batch.ray.worker import RayWorker
from setaccio.runtime.batch.sources import read_sources
from setaccio.runtime.result.review import ReviewBudget, RiskFormula

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "enum": [2, 3]}},
    "required": ["n"],
    "additionalProperties": False,
}
BUDGET = ReviewBudget(
    formula=RiskFormula(0.5, {"doubt": 1.0, "ungrounded": 2.0}),
    threshold=0.3,
    max_error=0.01,
    confidence=0.95,
    of="values",
    task={"name": "t", "digest": "d"},
    model={"name": "m.gguf", "sha256": "s"},
    options={"constraint": "schema", "max_tokens": None},
)


def both(
    gguf: Path, folder: Path, budget: ReviewBudget | None = None
) -> tuple[Extractor, RayWorker]:
    """An extractor of this process, and a worker, here too, that does the same."""
    (folder / "schema.json").write_text(json.dumps(SCHEMA))
    task = load_task(folder / "schema.json", as_schema=True)
    extractor = Extractor(load_model(gguf, threads=1), task, parallel=4, **DEFAULT_OPTIONS)
    spec = make_spec(gguf, task, threads=1, parallel=4, budget=budget)
    return extractor, RayWorker(spec)


def test_parquet_and_uris_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "in"
    folder.mkdir()
    parquet.write_table(pa.table({"id": [7, None], "text": ["a", None]}), folder / "a.parquet")
    parquet.write_table(pa.table({"text": ["b"]}), folder / "b.parquet")
    (folder / "c.jsonl").write_text('{"text": "c"}\n\n{broken\n{"id": "x", "text": "d"}')
    (folder / "_skipped.parquet").write_text("no Parquet")
    (tmp_path / "one.txt").write_text("e", encoding="utf-8-sig")
    names = ["in", f"file://{tmp_path}/in/c.jsonl", "one.txt", f"file://{tmp_path}/one.txt"]
    sources = find_documents(names, jsonl=False)
    items = list(read_items(sources, jsonl=False))
    uri = f"file://{tmp_path}/in/c.jsonl"
    assert [(name, text) for name, text, good, _ in items if good] == [
        ("7", "a"),
        ("in/b.parquet:1", "b"),
        ("in/c.jsonl:1", "c"),
        ("x", "d"),
        (f"{uri}:1", "c"),
        ("x", "d"),
        ("one.txt", "e"),
        (f"file://{tmp_path}/one.txt", "e"),
    ]
    bad = [name for name, _, good, _ in items if not good]
    assert bad == ["in/a.parquet:2", "in/c.jsonl:3", f"{uri}:3"]
    assert count_items(sources, jsonl=False) is None
    assert count_items(find_documents(["in/a.parquet", "one.txt"], jsonl=False), jsonl=False) == 3


def test_documents_of_every_kind_keep_their_source_maps(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiny_gguf: Path,
) -> None:
    """Beside a Parquet file, and through a URI, as `extract` reads them."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "in"
    folder.mkdir()
    parquet.write_table(pa.table({"id": ["p"], "text": ["Beat 1 egg."]}), folder / "a.parquet")
    (folder / "b.html").write_text("<html><body><p>Beat <b>2</b> eggs.</p></body></html>")
    (folder / "c.eml").write_text("From: a@example.org\nSubject: Eggs\n\nBeat 3 eggs.\n")
    (folder / "d.pdf").write_text("no PDF")
    whole = [item for name in ("b.html", "c.eml") for item in read_sources([f"in/{name}"], False)]
    assert all(isinstance(item, Document) and item.source_map for item in whole)
    items = list(read_items(find_documents(["in"], jsonl=False), jsonl=False))
    assert [name for name, _, _, _ in items] == ["p", "in/b.html", "in/c.eml", "in/d.pdf"]
    assert [(good, bool(places)) for _, _, good, places in items] == [
        (True, False),
        (True, True),
        (True, True),
        (False, False),
    ]
    uris = [f"file://{folder}/b.html", f"file://{folder}"]
    through = list(read_items(find_documents(uris, jsonl=False), jsonl=False))
    assert [text for _, text, *_ in through] == [
        whole[0].text,
        *(text for _, text, *_ in items[:3]),
        through[-1][1],
    ]
    assert through[0][3] == items[1][3]
    extractor, worker = both(tiny_gguf, tmp_path)
    hand = [[name, text, document_key(worker.spec.run, text), *rest] for name, text, *rest in items]
    (answer,) = worker({"hand": [json.dumps({"documents": hand, "first": 0}).encode()]})["hand"]
    rows = [json.loads(row[4]) for row in json.loads(answer)["rows"]]
    worker.stream.close()
    alone = [extraction.to_dict() for extraction in extractor.extract_all(whole)]
    assert {**rows[1], "seconds": 0, "key": 0} == {**alone[0], "seconds": 0, "key": 0}
    assert rows[2]["spans"] == alone[1]["spans"]


def test_a_map_of_pages_and_its_note_reach_the_row(tiny_gguf: Path, tmp_path: Path) -> None:
    document = Document("a.pdf", "Beat 2 eggs.", SourceMap(note="Page 2 is a picture."))
    document.source_map.add(0, 12, 7, (1.0, 2.0, 3.0, 4.0))
    extractor, worker = both(tiny_gguf, tmp_path)
    hand = [["a.pdf", document.text, "key", True, to_row(Found("", places=document.source_map))]]
    (answer,) = worker({"hand": [json.dumps({"documents": hand, "first": 0}).encode()]})["hand"]
    row = json.loads(json.loads(answer)["rows"][0][4])
    worker.stream.close()
    assert row["message"] == "Page 2 is a picture."
    assert row["spans"]["/n"]["page"] == 7
    assert row["spans"] == extractor.extract(document).to_dict()["spans"]


def test_a_budget_reaches_workers_and_parquet(tiny_gguf: Path, tmp_path: Path) -> None:
    extractor, worker = both(tiny_gguf, tmp_path, BUDGET)
    texts = [["a", "Beat 2 eggs.", "0" * 32, True, None], ["b", "broken", "1" * 32, False, None]]
    (answer,) = worker({"hand": [json.dumps({"documents": texts, "first": 0}).encode()]})["hand"]
    worker.stream.close()
    extractor.budget = BUDGET
    alone = extractor.extract(Document("a", "Beat 2 eggs."))
    made = json.loads(answer)["rows"]
    assert [row[5] for row in made] == [alone.review, True]
    with ResultFolder(
        tmp_path / "out", "0" * 64, {}, "parquet", resume=False, overwrite=False
    ) as folder:
        with Journal(folder.journal) as journal:
            for row in made:
                journal.write(row[3], row[4])
            journal.write("2" * 32, made[0][4].replace(',"risk"', ',"thought":"Two.","risk"'))
        folder.finish()
    table = parquet.read_table(tmp_path / "out").to_pylist()
    assert [row["review"] for row in table] == [alone.review, True, alone.review]
    assert table[0]["risk"] == pytest.approx(alone.risk, abs=1e-4)
    assert [row["thought"] for row in table] == [None, None, "Two."]


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("other.parquet", DataError, r"other\.parquet: no column 'text'\. It has: id, body"),
        ("numbers.parquet", DataError, r"numbers\.parquet: the column 'text' holds int64"),
        ("broken.parquet", DataError, r"broken\.parquet: can not be read as Parquet"),
        ("none.parquet", UsageError, r"none\.parquet: no such file"),
        ("file:///none/at/all.jsonl", UsageError, "no such file or folder"),
        ("nonsense://bucket/a.jsonl", UsageError, "pyarrow can not read this"),
        ("-", UsageError, "can not read standard input"),
    ],
)
def test_what_can_not_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: type[Exception], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    parquet.write_table(pa.table({"id": ["a"], "body": ["b"]}), "other.parquet")
    parquet.write_table(pa.table({"text": [1]}), "numbers.parquet")
    Path("broken.parquet").write_text("PAR1")
    with pytest.raises(error, match=said):
        find_documents([name], jsonl=False)
