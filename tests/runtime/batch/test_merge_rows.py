"""Parts without their records, budgets in rows, and many parts.

Run: pytest tests/runtime/batch/test_merge_rows.py
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from test_shards import RUN, documents, expected, rows, work

from setaccio.data.errors import DataError
from setaccio.data.records import Document
from setaccio.runtime.batch.journal import Journal, document_key
from setaccio.runtime.batch.merge_parts import MergedParts, merge_parts


def test_without_records_a_retry_replaces_and_two_texts_of_an_id_are_refused(
    tmp_path: Path,
) -> None:
    items = documents(20)
    (part, *_) = work(tmp_path, items, 1, failing=frozenset({"d4"}))
    row = {"id": "d4", "status": "ok", "data": "Beat 4 eggs."}
    with Journal(part, resume=True) as journal:
        journal.write(document_key(RUN, row["data"]), json.dumps(row))
    out = tmp_path / "all.jsonl"
    assert merge_parts([part], out, items=items) == MergedParts(21, 1, 1)  # the broken line
    assert rows(out) == expected(items)
    assert '"status":"ok"' in out.read_text().splitlines()[4].replace(": ", ":")
    again = [*items, Document("d3", "Beat 3 eggs."), Document("d5", "Another text.")]
    (part, *_) = work(tmp_path, again, 1)
    with pytest.raises(DataError, match=r"part-1\.jsonl: 'd5' has rows of several texts"):
        merge_parts([part], tmp_path / "two.jsonl", items=again)
    merge_parts([part], tmp_path / "two.jsonl")
    assert rows(tmp_path / "two.jsonl") == expected(again)


def test_rows_to_review_are_counted(tmp_path: Path) -> None:
    items = [Document(f"d{i}", f"Beat {i} eggs.") for i in range(4)]
    part = tmp_path / "part-1.jsonl"
    with Journal(part) as journal:
        for item, review in zip(items, (True, False, True, None), strict=True):
            row: dict[str, object] = {"id": item.id, "status": "ok", "data": {"review": True}}
            row |= {} if review is None else {"risk": 0.5, "review": review}
            journal.write(document_key(RUN, item.text), json.dumps(row, separators=(",", ":")))
    merged = merge_parts([part], tmp_path / "all.jsonl", items=items)
    assert (merged.rows, merged.marked, merged.to_review) == (4, 3, 2)


def test_more_parts_than_files_that_may_be_open(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from setaccio.data.errors import UsageError
from setaccio.data.records import Document
from setaccio.runtime.batch.merge_parts import merge_parts
resource.setrlimit(resource.RLIMIT_NOFILE, (40, int(sys.argv[1])))
parts = sorted(Path(".").glob("part-*.jsonl"))
items = [Document(f"d{i}", "") for i in range(100)]
try:
    print(merge_parts(parts, Path("all.jsonl"), items=items).rows)
except UsageError as error:
    print(error)
"""
    for i in range(100):
        row = {"id": f"d{i}", "status": "ok", "key": document_key(RUN, "")}
        (tmp_path / f"part-{i}.jsonl").write_text(json.dumps(row) + "\n")
    said = []
    for hard in ("400", "60"):
        command = [sys.executable, "-c", code, hard]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        said.append(done.stdout)
    assert said[0] == "100\n"
    assert "100 parts are more files than may be open" in said[1]
