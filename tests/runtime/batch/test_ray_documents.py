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
from setaccio.data.errors import DataError, UsageError
from setaccio.data.records import Document
from setaccio.runtime import Extractor, load_model
from setaccio.runtime.batch.batch import DEFAULT_OPTIONS
from setaccio.runtime.batch.journal import document_key
from setaccio.runtime.batch.ray import make_spec
from setaccio.runtime.batch.ray.documents import count_items, find_documents, read_items
from setaccio.runtime.batch.ray.worker import RayWorker
from setaccio.runtime.batch.sources import read_sources

SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 99}},
    "required": ["n"],
    "additionalProperties": False,
}


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
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    task = load_task(tmp_path / "schema.json", as_schema=True)
    spec = make_spec(tiny_gguf, task, threads=1, parallel=4)
    hand = [[name, text, document_key(spec.run, text), *rest] for name, text, *rest in items]
    worker = RayWorker(spec)
    (answer,) = worker({"hand": [json.dumps({"documents": hand, "first": 0}).encode()]})["hand"]
    rows = [json.loads(row[4]) for row in json.loads(answer)["rows"]]
    worker.stream.close()
    extractor = Extractor(load_model(tiny_gguf, threads=1), task, parallel=4, **DEFAULT_OPTIONS)
    alone = [extraction.to_dict() for extraction in extractor.extract_all(whole)]
    for one, row in zip(alone, rows[1:3], strict=True):
        assert row["spans"] == one["spans"]
        assert row["data"] == one["data"]


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
