"""Rows of every file format, with real files and the libraries that write them.

Run: pytest tests/data/readers/test_tabular.py
"""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from setaccio.data import Problem
from setaccio.data.errors import DataError, UsageError
from setaccio.data.readers.slices import Slice, parse_slice, split_source
from setaccio.data.readers.tabular import read_named_rows, read_rows

ROWS = [{"phrase": f"p{n}", "tone": "warm"} for n in range(10)]


def read(path: object, part: str = "", **options) -> list:
    return list(read_rows(str(path), parse_slice(part) if part else None, **options))


@pytest.mark.parametrize("count", [0, 1, 7, 250])
@pytest.mark.parametrize(
    "text", ["train", "train[:3]", "train[3:]", "train[10%:]", "train[:33%]", "train[-2:]"]
)
def test_slices_mean_what_they_mean_to_datasets(text: str, count: int) -> None:
    datasets = pytest.importorskip("datasets")
    if count:
        table = datasets.Dataset.from_dict({"n": list(range(count))})
        instruction = datasets.ReadInstruction.from_spec(text)
        absolute = instruction.to_absolute({"train": count})[0]
        expected = list(range(count))[absolute.from_ : absolute.to]
        assert table.num_rows == count
    else:
        expected = []
    assert list(parse_slice(text).rows(count)) == expected


def test_slices_are_cut_from_sources_and_wrong_ones_refused() -> None:
    assert split_source("a/b[1].jsonl[:10%]") == ("a/b[1].jsonl", Slice("", "", "10%"))
    assert split_source("a/b[1].jsonl") == ("a/b[1].jsonl", Slice())
    for wrong in ("", "train[", "train[:120%]", "train[a:b]", "train[1]"):
        with pytest.raises(UsageError, match="no slice"):
            parse_slice(wrong)


def test_the_same_rows_come_from_every_format(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    lines = "".join(json.dumps(row) + "\n" for row in ROWS)
    (tmp_path / "a.jsonl").write_text(lines)
    (tmp_path / "a.json").write_text(json.dumps(ROWS, indent=2))
    (tmp_path / "a.csv").write_text("phrase,tone\n" + "".join(f"p{n},warm\n" for n in range(10)))
    (tmp_path / "a.tsv").write_text("phrase\ttone\n" + "".join(f"p{n}\twarm\n" for n in range(10)))
    parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "a.parquet")
    for suffix in ("jsonl", "json", "csv", "tsv", "parquet"):
        path = tmp_path / f"a.{suffix}"
        assert [row for _, row in read(path)] == ROWS, suffix
        assert [row for _, row in read(path, "[2:50%]")] == ROWS[2:5], suffix
        assert [row for _, row in read(path, "[-3:]")] == ROWS[-3:], suffix


def test_places_are_lines_of_text_files(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[\n {"a": 1},\n\n {"a":\n 2}, 3]')
    found = read(tmp_path / "a.json")
    assert found[:2] == [(2, {"a": 1}), (4, {"a": 2})]
    assert str(found[2]).endswith("a.json:5: no JSON object with columns")
    (tmp_path / "a.csv").write_text('a,b\n"x\ny",1\n\nz,2\n')
    assert [line for line, _ in read(tmp_path / "a.csv")] == [2, 5]


def test_bad_rows_are_named_and_the_others_come(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(
        b"a,b\n1,2\n1,2,3\n\xff,2\n" + b'3,"x" y\n4,5\n6,"no end\n7,8\n'
    )
    found = read(tmp_path / "a.csv")
    problems = [item for item in found if isinstance(item, Problem)]
    assert [problem.line for problem in problems] == [3, 4, 5, 7]
    assert "3 cells where the header has 2" in problems[0].message
    assert "not UTF-8" in problems[1].message
    assert all("not CSV" in problem.message for problem in problems[2:])
    assert [row["a"] for _, row in (i for i in found if not isinstance(i, Problem))] == list("147")
    (tmp_path / "a.jsonl").write_bytes(b'{"a": 1}\n[1]\n{"a": NaN}\n{"a": "\\ud800"}\n')
    assert [item.line for item in read(tmp_path / "a.jsonl")[1:]] == [2, 3, 4]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.json", '{"a": 1}', "no JSON array"),
        ("a.json", '[{"a": 1}\n{"a": 2}]', r"a\.json:2: not JSON \(a comma or \] is missing"),
        ("a.json", '[\n{"a": 1},\n{"a"]', r"a\.json:3: not JSON"),
        ("a.json", '[{"a": 1}]\n\nx', r"a\.json:3: not JSON \(more text"),
        ("a.json", '[{"a": 1},', r"a\.json:1: not JSON"),
        ("a.csv", "", r"a\.csv:1: the header is missing"),
        ("a.csv", "a,b,a\n1,2,3\n", r"names a column twice \(a\)"),
        ("a.csv", "a;b\n1, 2;3\n", "pass --delimiter ';' .* if not, --delimiter ','"),
        ("a.csv", "a\tb\n1\t2\n", r"pass --delimiter '\\t'"),
        ("a.tsv", "a,b\n1,2\n", "pass --delimiter ','"),
        ("a.csv", '"a,b\n1,2\n', r"a\.csv:1: not CSV \(nothing closes"),
        ("a.parquet", "no", "no readable Parquet file"),
        ("a.xlsx", "no", "of no known kind"),
    ],
)
def test_what_can_not_be_read_at_all_is_refused(
    tmp_path: Path, name: str, content: str, said: str
) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_text(content)
    with pytest.raises((DataError, UsageError), match=said):
        read(tmp_path / name)


def test_a_missing_file_and_a_part_of_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file"):
        read(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_text("a\n1\n")
    with pytest.raises(UsageError, match="a file has no part 'train'"):
        read(tmp_path / "a.csv", "train[:1]")


def test_one_column_may_be_meant(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a;b\nx;y\n")
    assert read(tmp_path / "a.csv", delimiter=",") == [(2, {"a;b": "x;y"})]
    assert read(tmp_path / "a.csv", delimiter=";") == [(2, {"a": "x", "b": "y"})]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_the_encodings_of_spreadsheets_are_known(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.csv").write_bytes("naïve,größe\r\n½ 語,1\r\n".encode(encoding))
    assert read(tmp_path / "a.csv") == [(2, {"naïve": "½ 語", "größe": "1"})]
    (tmp_path / "a.json").write_bytes('[{"ö": "語"}]'.encode(encoding))
    assert read(tmp_path / "a.json") == [(1, {"ö": "語"})]


def test_other_encodings_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("größe,b\n1,2\n".encode("latin-1"))
    with pytest.raises(DataError, match="the header is no UTF-8 text"):
        read(tmp_path / "a.csv")
    (tmp_path / "a.csv").write_bytes("a,b\n1,2\n".encode("utf-16")[:-1])
    with pytest.raises(DataError, match=r"no UTF-16.* text at byte"):
        read(tmp_path / "a.csv")
    (tmp_path / "a.json").write_bytes('[{"a": "ö"}]'.encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        read(tmp_path / "a.json")
    (tmp_path / "a.jsonl").write_bytes('{"a": 1}\n{"a": 2}\n'.encode("utf-16"))
    (problem,) = read(tmp_path / "a.jsonl")
    assert "a.jsonl:1: UTF-16 or UTF-32 text. Save the file as UTF-8" in str(problem)


def test_a_cell_may_hold_a_whole_book(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n" + "x" * 200_000 + "\n")
    assert len(read(tmp_path / "a.csv")[0][1]["a"]) == 200_000


def test_typed_columns_become_json(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = {
        "when": [datetime.date(2024, 3, 1)],
        "price": [float("nan")],
        "tags": [["a", "b"]],
        "raw": [b"\xff"],
        "far": [float("inf")],
    }
    parquet.write_table(pyarrow.table(rows), tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet") == [
        (1, {"when": "2024-03-01", "price": None, "tags": ["a", "b"]})
    ]


HUB_SCRIPT = """
import json, socket, sys
def refuse(*a, **k): raise AssertionError("a connection was opened")
socket.socket.connect = socket.create_connection = refuse
socket.getaddrinfo = refuse
from setaccio.data.errors import SetaccioError
from setaccio.data.readers.tabular import read_rows
from setaccio.data.readers.slices import parse_slice
for source, part in json.loads(sys.argv[1]):
    try:
        print(json.dumps(list(read_rows(source, parse_slice(part) if part else None))))
    except SetaccioError as error:
        print(json.dumps(str(error)))
"""


def run_hub(home: Path, *calls: tuple[str, str]) -> list:
    """In a process of its own, with a cache of its own and every connection refused."""
    done = subprocess.run(
        [sys.executable, "-c", HUB_SCRIPT, json.dumps(calls)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "HF_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_folders_and_the_hub_cache_are_read_without_a_connection(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    parts = {"train": ROWS, "test": ROWS[:2]}
    tables = {name: datasets.Dataset.from_list(rows) for name, rows in parts.items()}
    datasets.DatasetDict(tables).save_to_disk(tmp_path / "saved")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "train.jsonl").write_text("".join(json.dumps(r) + "\n" for r in ROWS))
    # What a download would have left: the prepared table under the name of its owner.
    cache = tmp_path / "home" / "datasets"
    source = str(tmp_path / "files" / "train.jsonl")
    datasets.load_dataset("json", data_files=source, cache_dir=str(cache))
    prepared = next(cache.glob("json/*/*/*/dataset_info.json")).parent
    target = cache / "owner___name" / "default" / "0.0.0" / "0123456789abcdef"
    target.parent.mkdir(parents=True)
    prepared.rename(target)
    for file in target.glob("json-*.arrow"):
        file.rename(target / file.name.replace("json-", "name-"))
    info = json.loads((target / "dataset_info.json").read_text())
    info["dataset_name"] = "name"
    (target / "dataset_info.json").write_text(json.dumps(info))

    whole, sliced, ambiguous, wrong, files, cached, gone = run_hub(
        tmp_path / "home",
        (str(tmp_path / "saved"), "test"),
        (str(tmp_path / "saved"), "train[80%:]"),
        (str(tmp_path / "saved"), ""),
        (str(tmp_path / "saved"), "dev"),
        (str(tmp_path / "files"), "[:2]"),
        ("hub:owner/name", "train[:3]"),
        ("hub:owner/other", ""),
    )
    assert [row for _, row in whole] == ROWS[:2]
    assert sliced == [[9, ROWS[8]], [10, ROWS[9]]]
    assert "has several parts (parts: train, test). Write --split train" in ambiguous
    assert "has no part 'dev'" in wrong
    assert [row for _, row in files] == ROWS[:2]
    assert [row for _, row in cached] == ROWS[:3]
    assert "not in the local cache" in gone
    assert "--allow-download" in gone


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["", "\n", "\n\n", " "])), max_size=9))
def test_rows_of_an_array_have_names_of_their_own(
    tmp_path: Path, rows: list[tuple[bool, str]]
) -> None:
    parts = ('{"a": %d}' % n if good else "%d" % n for n, (good, _) in enumerate(rows))  # noqa: UP031
    text = ",".join(part + gap for part, (_, gap) in zip(parts, rows, strict=True))
    path = tmp_path / "a.json"
    path.write_text(f"[{text}]")
    named = list(read_named_rows(str(path)))
    assert [row.name for row in named] == [str(n + 1) for n in range(len(rows))]
    assert [isinstance(row.item, Problem) for row in named] == [not good for good, _ in rows]
    cut = list(read_named_rows(str(path), parse_slice("[2:]")))
    assert [row.name for row in cut] == [row.name for row in named[2:]]
    for row in named:
        place = row.item.line if isinstance(row.item, Problem) else row.item[0]
        others = [r for r in named if r is not row]
        shared = place in [
            r.item.line if isinstance(r.item, Problem) else r.item[0] for r in others
        ]
        assert row.number == (int(row.name) if shared else 0)
        if isinstance(row.item, Problem):
            assert ("row" in str(row.item).split(": ")[1]) is shared
