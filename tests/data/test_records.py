"""Run with: pytest tests/data/test_records.py."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from setaccio.data import Pair, Problem, load_pairs, write_pairs
from setaccio.data.errors import DataError, UsageError
from setaccio.data.records import Document, atomic_write, read_documents


def test_bad_lines_become_problems_and_the_others_still_come() -> None:
    lines = [
        b'\xef\xbb\xbf{"id": 1, "text": "one"}\n',
        b"\n",
        b"{broken\n",
        b'{"text": "\xff"}\n',
        b'{"text": 3}\n',
        b'{"text": ' + b"9" * 5000 + b"}\n",
        b'{"text": "last"}',
    ]
    items = list(read_documents(io.BytesIO(b"".join(lines)), "notes.jsonl"))
    assert items[0] == Document("1", "one")
    assert items[-1] == Document("notes.jsonl:7", "last")
    problems = [item for item in items if isinstance(item, Problem)]
    assert [problem.line for problem in problems] == [3, 4, 5, 6]
    assert str(problems[0]).startswith("notes.jsonl:3: not JSON")
    assert "not UTF-8" in problems[1].message


def test_pairs_survive_a_round_trip(tmp_path: Path) -> None:
    pairs = [Pair("a", "½ cup\nof é", {"x": ["°", None]}), Pair("b", "t", {})]
    assert write_pairs(tmp_path / "p.jsonl", pairs) == 2
    assert load_pairs(tmp_path / "p.jsonl") == (pairs, [])


def test_bad_pairs_are_refused_or_returned(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text('{"text": "t", "gold": {}}\n{"text": "t", "gold": 1}\n')
    with pytest.raises(DataError, match=r"p\.jsonl:2: no \"gold\" object"):
        load_pairs(path)
    pairs, problems = load_pairs(path, skip_bad=True)
    assert (len(pairs), len(problems)) == (1, 1)


def test_an_empty_or_missing_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    with pytest.raises(DataError, match="no usable pair"):
        load_pairs(tmp_path / "empty.jsonl")
    with pytest.raises(UsageError, match=r"gone\.jsonl"):
        load_pairs(tmp_path / "gone.jsonl")


def test_a_failed_write_leaves_the_former_file(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("before")

    def fail() -> None:
        with atomic_write(path) as stream:
            stream.write("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["out.txt"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (rb'{"text": "t", "gold": {"a": NaN}}', "NaN is no JSON number"),
        (rb'{"text": "t", "gold": {"a": -Infinity}}', "-Infinity is no JSON number"),
        (rb'{"text": "t", "gold": {"a": 1e999}}', "1e999 is no JSON number"),
        (b'{"text": "t", "gold": ' + b"9" * 5000 + b"}", "(5000 characters) has more than 4300"),
        (b'{"text": "t", "gold": {"a": ' + b"9" * 5000 + b".5}}", "is no JSON number"),
        (b'{"text": "t", "gold": {"a":' * 60 + b"1" + b"}" * 120, "more than 100 levels deep"),
        (b"[" * 9000, "nested more than 100 levels deep"),
        (b'{"text": "t", "gold":', "not JSON (Expecting value at character 22)"),
        (b'{"text": "t"} {}', "not JSON (Extra data at character 15)"),
        (b'{"text": " \\n", "gold": {}}', "the text is empty"),
        (rb'{"text": "half \ud800 of it", "gold": {}}', "half of a surrogate pair"),
        (rb'{"id": "\uDFFF", "text": "t", "gold": {}}', "half of a surrogate pair"),
        (rb'{"text": "t", "gold": {"\udc00": 1}}', "half of a surrogate pair"),
    ],
)
def test_what_json_or_unicode_does_not_have_is_a_problem(
    tmp_path: Path, line: bytes, said: str
) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(rb'{"text": "pair \ud83e\udd5a", "gold": {"a": 1.5e3}}' + b"\n" + line)
    pairs, problems = load_pairs(path, skip_bad=True)
    assert pairs == [Pair("1", "pair 🥚", {"a": 1500.0})]
    assert str(problems[0]).startswith(f"{path}:2: ")
    assert said in problems[0].message
    with pytest.raises(DataError, match=r"p\.jsonl:2: "):
        load_pairs(path)


def test_a_link_stays_a_link_and_permissions_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "inner" / "real.txt", tmp_path / "link.txt"
    real.parent.mkdir()
    real.write_text("before")
    real.chmod(0o600)
    link.symlink_to(real)
    with atomic_write(link) as stream:
        stream.write("after")
    assert link.is_symlink()
    assert real.read_text() == "after"
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert [path.name for path in real.parent.iterdir()] == ["real.txt"]


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    with pytest.raises(UsageError, match="notes: is a folder"), atomic_write(tmp_path / "notes"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["notes"]


def test_a_link_in_a_circle_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(UsageError, match="circle"), atomic_write(tmp_path / "a"):
        pass


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with atomic_write(pipe) as stream:
        stream.write("text")
    assert os.read(reader, 100) == b"text"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_standard_output_is_appended_to(tmp_path: Path) -> None:
    code = (
        "from setaccio.data.records import atomic_write\n"
        "with atomic_write('/dev/stdout') as stream: stream.write('second')"
    )
    paths = os.pathsep.join(path for path in sys.path if path)
    with (tmp_path / "out.txt").open("w") as stream:
        stream.write("first ")
        stream.flush()
        subprocess.run(
            [sys.executable, "-c", code],
            stdout=stream,
            env={**os.environ, "PYTHONPATH": paths},
            check=True,
        )
    assert (tmp_path / "out.txt").read_text() == "first second"
    assert Path("/dev/stdout").is_symlink()


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="the system has no /dev/full")
def test_a_full_device_is_named_and_stays_a_device() -> None:
    with pytest.raises(OSError, match="/dev/full"), atomic_write("/dev/full") as stream:
        stream.write("text")
    assert Path("/dev/full").is_char_device()
