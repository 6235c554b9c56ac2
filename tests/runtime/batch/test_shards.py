"""Shares of a job, and the one file that comes of their parts: complete, in order, or refused.

Run: pytest tests/runtime/batch/test_shards.py
"""

from __future__ import annotations

import hashlib
import json
import random
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setaccio.data.errors import DataError, UsageError
from setaccio.data.records import Document, Problem
from setaccio.runtime.batch.journal import Journal, document_key, fingerprint
from setaccio.runtime.batch.merge_parts import MergedParts, merge_parts
from setaccio.runtime.batch.shards import (
    Shard,
    ShareReader,
    parse_shard,
    read_shard_record,
    record_path,
    shard_of,
)
from setaccio.runtime.batch.sources import identify

RUN = fingerprint("model", "task", {"max_tokens": 3})
SETTINGS = {"model": "a.gguf", "max_tokens": 3}
MANY = 100_000
IDS = {
    "numbers": lambda i: str(i),
    "every 16th": lambda i: str(16 * i),
    "every 1,000th": lambda i: str(1000 * i),
    "padded": lambda i: f"doc-{i:06d}",
    "lines": lambda i: f"archive.jsonl:{i + 1}",
    "paths": lambda i: f"notes/{i % 97}/{i}.txt",
    "lines of files": lambda i: f"d/f{i // 250}.txt:{i % 250 + 1}",
}


def work(
    folder: Path,
    items: Sequence[Document | Problem],
    count: int,
    *,
    numbers: Sequence[int] | None = None,
    run: str = RUN,
    failing: frozenset[str] = frozenset(),
    changed: dict[str, object] | None = None,
) -> list[Path]:
    """What shards of `extract` leave behind; rows hold the text in place of an answer."""
    parts = []
    for number in numbers or range(1, count + 1):
        part = folder / f"part-{number}.jsonl"
        reader = ShareReader(Shard(number, count), run, {**SETTINGS, **(changed or {})})
        with Journal(part, resume=True) as journal:
            reader.begin(part)
            for item in reader.take(items):
                name, text = identify(item, False)
                key = document_key(run, text)
                if not journal.take(key, name):
                    status = "ok" if isinstance(item, Document) else "error"
                    status = "error" if name in failing else status
                    journal.write(key, json.dumps({"id": name, "status": status, "data": text}))
        reader.finish(part)
        parts.append(part)
    return parts


def documents(count: int) -> list[Document | Problem]:
    items: list[Document | Problem] = [Document(f"d{i}", f"Beat {i} eggs.") for i in range(count)]
    items.insert(count // 2, Problem("docs.jsonl", 7, "not JSON"))
    return items


def rows(path: Path) -> list[tuple[str, str]]:
    return [(row["id"], row["data"]) for row in map(json.loads, path.read_bytes().splitlines())]


def expected(items: Sequence[Document | Problem]) -> list[tuple[str, str]]:
    return [identify(item, False) for item in items]


@pytest.mark.parametrize("kind", IDS)
def test_shares_are_balanced(kind: str) -> None:
    names = [IDS[kind](i) for i in range(MANY)]
    for count in (2, 4, 8, 16, 48):
        sizes = np.bincount([shard_of(name, count) - 1 for name in names], minlength=count)
        assert len(sizes) == count
        assert abs(sizes * count / MANY - 1).max() < 0.02


def test_shares_of_ids_without_order_are_as_even_as_chance_has_it() -> None:
    names = [hashlib.md5(b"%d" % i).hexdigest() for i in range(MANY)]  # noqa: S324
    sizes = np.bincount([shard_of(name, 16) - 1 for name in names], minlength=16)
    assert abs(sizes * 16 / MANY - 1).max() < 4 * (16 / MANY) ** 0.5  # four standard deviations


def test_shares_are_the_same_in_every_version() -> None:
    known = {"a": 726, "notes/a.txt": 647, "½": 863, "": 827, "\udcff": 174}
    known |= {"doc-000123": 586, "d/f.txt:17": 463, "7": 984, "9" * 5000: 39}
    assert {name: shard_of(name, 1000) for name in known} == known
    assert shard_of("07", 1000) == shard_of("7", 1000)  # two ids, one share
    assert shard_of("a", 1) == 1


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/0", "-1/4", "a/b", "3", "1/4/5", "1.5/2", ""])
def test_a_shard_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--shard"):
        parse_shard(text)


def test_parts_become_one_in_the_inputs_order(tmp_path: Path) -> None:
    items = [*documents(200), Document("d3", "Beat 3 eggs."), Document("d3", "Another text.")]
    parts = work(tmp_path, items, 5, failing=frozenset({"d11"}))
    random.Random(0).shuffle(parts)
    out = tmp_path / "all.jsonl"
    assert merge_parts(parts, out) == MergedParts(203, 2, 0)
    assert rows(out) == expected(items)
    named = [*parts, *map(record_path, parts)]  # what part-*.jsonl* names
    assert merge_parts(named, tmp_path / "again.jsonl").rows == 203
    assert (tmp_path / "again.jsonl").read_bytes() == out.read_bytes()


@given(
    st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("xyz")), max_size=30),
    st.integers(1, 4),
    st.randoms(use_true_random=False),
)
@settings(max_examples=30)
def test_any_input_comes_back_whole(
    tmp_path_factory: pytest.TempPathFactory,
    pairs: list[tuple[str, str]],
    count: int,
    chance: random.Random,
) -> None:
    """Doubled documents and ids with several texts, and rows in any order within a part."""
    folder = tmp_path_factory.mktemp("any")
    items = [Document(*pair) for pair in pairs]
    parts = work(folder, items, count)
    for part in parts:
        lines = part.read_bytes().splitlines(keepends=True)
        chance.shuffle(lines)
        part.write_bytes(b"".join(lines))
    assert merge_parts(parts, folder / "all.jsonl") == MergedParts(len(items), 0, 0)
    assert rows(folder / "all.jsonl") == expected(items)


def test_without_records_the_input_tells_the_order(tmp_path: Path) -> None:
    items = documents(50)
    parts = work(tmp_path, items, 3)
    for part in parts:
        record_path(part).unlink()
    with pytest.raises(DataError, match=r"part-1\.jsonl: its shard is not finished"):
        merge_parts(parts, tmp_path / "all.jsonl")
    assert merge_parts(parts, tmp_path / "all.jsonl", items=items).rows == 51
    assert rows(tmp_path / "all.jsonl") == expected(items)
    with pytest.raises(DataError, match="documents of the input have no row"):
        merge_parts(parts[1:], tmp_path / "less.jsonl", items=items)
    with pytest.raises(DataError, match="has more rows than documents"):
        merge_parts(parts, tmp_path / "more.jsonl", items=items[:-1])
    assert sorted(path.name for path in tmp_path.glob("*l*.jsonl")) == ["all.jsonl"]


def test_a_changed_text_and_a_retry_that_was_killed_leave_no_second_row(tmp_path: Path) -> None:
    before = documents(20)
    work(tmp_path, before, 2, failing=frozenset({"d4"}))
    after = [Document("d5", "Now without eggs.") if i.id == "d5" else i for i in before[:10]]
    parts = work(tmp_path, after, 2)
    row = {"id": "d4", "status": "ok", "data": "Beat 4 eggs."}
    part = parts[shard_of("d4", 2) - 1]
    with Journal(part, resume=True) as journal:
        journal.write(document_key(RUN, row["data"]), json.dumps(row))
    merged = merge_parts(parts, tmp_path / "all.jsonl")
    assert (merged.rows, merged.failed) == (10, 0)
    assert merged.left_out == 21 - 9 + 1
    assert rows(tmp_path / "all.jsonl") == expected(after)


def spoil(folder: Path, how: str, items: list[Document | Problem]) -> list[Path]:
    """Parts of a job with one thing wrong."""
    parts = work(folder, items, 4)
    lines = parts[2].read_bytes().splitlines(keepends=True)
    if how == "missing":
        return [*parts[:1], *parts[2:]]
    if how == "unfinished":
        record_path(parts[2]).unlink()
    elif how == "twice":
        parts[1] = folder / "copy.jsonl"
        parts[1].write_bytes(parts[0].read_bytes())
        record_path(parts[1]).write_bytes(record_path(parts[0]).read_bytes())
    elif how == "row lost":
        parts[2].write_bytes(b"".join(lines[:-1]))
    elif how == "torn":
        parts[2].write_bytes(b"".join(lines)[:-9])
    elif how == "row doubled":
        parts[2].write_bytes(b"".join([*lines, lines[0]]))
    elif how == "other options":
        other = fingerprint("model", "task", {"max_tokens": 4})
        parts[2].unlink()
        work(folder, items, 4, numbers=[3], run=other, changed={"max_tokens": 4})
    elif how == "mixed options":
        work(folder, items, 4, numbers=[3], run=fingerprint("model", "other", {}))
        work(folder, items, 4, numbers=[3])
    elif how == "other division":
        parts = [*parts, *work(folder, items, 5, numbers=[5])]
    elif how == "other input":
        work(folder, [*items, Document("new", "text")], 4, numbers=[3])
    elif how == "another's rows":
        parts[2].write_bytes(parts[1].read_bytes())
    elif how == "no results":
        parts[2].write_text('{"id": "d1", "text": "Beat 1 eggs."}\n')
    elif how == "broken record":
        record_path(parts[2]).write_bytes(record_path(parts[2]).read_bytes()[:-40])
    return parts


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("missing", r"^Shards are missing: 2/4\."),
        ("unfinished", r"part-3\.jsonl: its shard is not finished"),
        ("twice", r"copy\.jsonl and .*part-1\.jsonl: are both shard 1/4"),
        ("row lost", r"part-3\.jsonl: 1 documents have no row"),
        ("torn", r"part-3\.jsonl: 1 documents have no row"),
        ("row doubled", r"part-3\.jsonl: 'd\d+' has more rows"),
        ("other options", r"part-3\.jsonl: was made otherwise than .*\(max_tokens: 4 and 3\)"),
        ("mixed options", r"part-3\.jsonl: holds rows of another model, task or options"),
        ("other division", r"part-5\.jsonl: is shard 5/5, but .*part-1\.jsonl is 1/4"),
        ("other input", r"part-3\.jsonl: was made from another input .*42 and 41 documents"),
        ("another's rows", r"part-3\.jsonl: '.+' belongs to shard 2/4, and this is 3/4"),
        ("no results", r"part-3\.jsonl:1: not a row of results"),
        ("broken record", r"part-3\.jsonl\.shard: is not the record of a shard, or is cut off"),
    ],
)
def test_what_is_not_whole_is_refused_and_nothing_is_written(
    tmp_path: Path, how: str, said: str
) -> None:
    parts = spoil(tmp_path, how, documents(40))
    (tmp_path / "all.jsonl").write_text("what was there")
    with pytest.raises(DataError, match=said):
        merge_parts(parts, tmp_path / "all.jsonl")
    assert (tmp_path / "all.jsonl").read_text() == "what was there"


def test_a_wrong_call_is_refused(tmp_path: Path) -> None:
    parts = work(tmp_path, documents(4), 2)
    out = tmp_path / "all.jsonl"
    with pytest.raises(UsageError, match=r"none\.jsonl: no such file"):
        merge_parts([*parts, tmp_path / "none.jsonl"], out)
    with pytest.raises(UsageError, match="is the same file as"):
        merge_parts([*parts, tmp_path / "." / parts[0].name], out)
    with pytest.raises(UsageError, match="is one of the parts"):
        merge_parts(parts, parts[0])
    with pytest.raises(UsageError, match="No parts are named"):
        merge_parts([], out)
    with pytest.raises(UsageError, match="is a folder"):
        merge_parts(parts, tmp_path)


def test_a_run_that_begins_again_is_not_finished(tmp_path: Path) -> None:
    items = documents(4)
    (part, _) = work(tmp_path, items, 2)
    assert read_shard_record(part).total == 5
    reader = ShareReader(Shard(1, 2), RUN, SETTINGS)
    reader.begin(part)
    with pytest.raises(DataError, match="not finished"):
        read_shard_record(part)


@pytest.mark.parametrize("finished", [True, False])
def test_another_shards_part_is_refused_and_stays(tmp_path: Path, finished: bool) -> None:
    (part, _) = work(tmp_path, documents(8), 2)
    if not finished:
        record_path(part).unlink()
    for shard in (Shard(2, 2), Shard(3, 3)):
        with pytest.raises(UsageError, match=r"part-1\.jsonl: (is|holds a row of) shard \d/\d"):
            ShareReader(shard, RUN, SETTINGS).begin(part)
    assert record_path(part).exists() == finished
    part.write_text("")
    ShareReader(Shard(2, 2), RUN, SETTINGS).begin(part)
    assert not record_path(part).exists()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    items = [Document(f"d{i}", "x" * 2000) for i in range(20_000)]
    parts = work(tmp_path, items, 2)
    size = sum(part.stat().st_size for part in parts)
    tracemalloc.start()
    merge_parts(parts, tmp_path / "all.jsonl")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 40_000_000
    assert peak < 100 * len(items)
