"""Rows survive whatever ends the process, and no document has two.

Run: pytest tests/runtime/batch/test_journal.py
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from setaccio.data.errors import DataError, UsageError
from setaccio.runtime.batch.journal import Journal, document_key, fingerprint
from setaccio.runtime.batch.key_bag import KeyBag

RUN = fingerprint("model", "task", {"max_tokens": 3})


def row(name: str, status: str = "ok") -> str:
    return json.dumps({"id": name, "status": status, "data": "½\u2028\n"}, ensure_ascii=False)


def write(path: Path, names: list[str], status: str = "ok", **how: bool) -> int:
    """Write rows for the documents that have none; how many that were."""
    with Journal(path, **how) as journal:
        for name in names:
            key = document_key(RUN, name)
            if not journal.take(key, name):
                journal.write(key, row(name, status))
        return journal.written


def names_in(path: Path) -> list[str]:
    return [json.loads(line)["id"] for line in path.read_bytes().splitlines()]


def test_key_depends_on_model_task_options_and_text():
    base = ("model", "task", {"a": 1, "b": None})
    keys = {
        document_key(fingerprint(*base), "text"),
        document_key(fingerprint("other", *base[1:]), "text"),
        document_key(fingerprint("model", "other", base[2]), "text"),
        document_key(fingerprint("model", "task", {"a": 2, "b": None}), "text"),
        document_key(fingerprint(*base), "text2"),
        document_key(fingerprint(*base), "\ud800"),
    }
    assert len(keys) == 6
    assert all(len(key) == 32 for key in keys)
    assert fingerprint(*base) == fingerprint("model", "task", {"b": None, "a": 1})


def test_rows_carry_their_key_and_are_on_disk_at_once(tmp_path: Path):
    path = tmp_path / "new" / "out.jsonl"
    with Journal(path) as journal:
        journal.write(document_key(RUN, "a"), row("a"))
        (line,) = path.read_bytes().splitlines()
        assert json.loads(line) == {**json.loads(row("a")), "key": document_key(RUN, "a")}


def test_resuming_does_only_the_rest(tmp_path: Path):
    path = tmp_path / "out.jsonl"
    assert write(path, ["a", "b"], resume=True) == 2
    assert write(path, ["a", "b", "c"], resume=True) == 1
    assert names_in(path) == ["a", "b", "c"]


def test_every_torn_end_is_repaired(tmp_path: Path):
    path = tmp_path / "out.jsonl"
    write(path, ["a", "b", "c"])
    whole = path.read_bytes()
    second = whole.index(b"\n") + 1
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        done = write(path, ["a", "b", "c"], resume=True)
        assert path.read_bytes() == whole
        assert done == 3 - whole[:cut].count(b"\n")
    path.write_bytes(whole[:second] + b"\0" * 100)
    assert write(path, ["a", "b", "c"], resume=True) == 2
    assert path.read_bytes() == whole


def test_equal_documents_have_a_row_each(tmp_path: Path):
    path = tmp_path / "out.jsonl"
    assert write(path, ["a", "a", "b", "a"]) == 4
    assert write(path, ["a", "a", "b", "a"], resume=True) == 0
    assert write(path, ["a", "b", "a", "a", "a"], resume=True) == 1


def test_failed_documents_are_done_once_more(tmp_path: Path):
    path = tmp_path / "out.jsonl"
    write(path, ["a", "b"])
    write(path, ["a", "b", "c", "d"], status="error", resume=True)
    path.chmod(0o640)
    with Journal(path, resume=True) as journal:
        assert (journal.kept, journal.failed, journal.retried) == (4, 2, 0)
    with path.open("ab") as stream:
        stream.write(b'{"id":"e","sta')
    assert write(path, ["a", "b", "c", "d"], retry_failed=True) == 2
    assert names_in(path) == ["a", "b", "c", "d"]
    assert path.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["out.jsonl"]


def test_retrying_some_documents_keeps_the_failed_rows_of_the_others(tmp_path: Path):
    path = tmp_path / "out.jsonl"
    write(path, ["a"])
    write(path, ["a", "b", "c"], status="error", resume=True)
    with Journal(path, retry_failed=True) as journal:
        assert not journal.take(document_key(RUN, "b"), "b")
        journal.write(document_key(RUN, "b"), row("b"))
        assert (journal.retried, journal.failed) == (1, 1)
    assert names_in(path) == ["a", "c", "b"]
    assert write(path, ["a", "b", "c"], retry_failed=True) == 1
    assert names_in(path) == ["a", "b", "c"]


def test_a_failed_row_stays_until_the_one_that_replaces_it_stands(tmp_path: Path):
    path = tmp_path / "out.jsonl"
    write(path, ["a", "b"], status="error")
    with pytest.raises(KeyboardInterrupt), Journal(path, retry_failed=True) as journal:
        for name in ("a", "b"):
            assert not journal.take(document_key(RUN, name), name)
        journal.write(document_key(RUN, "a"), row("a"))
        raise KeyboardInterrupt
    assert names_in(path) == ["b", "a"]
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from setaccio.runtime.batch.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]), retry_failed=True)\n"
        "assert not journal.take(sys.argv[2], 'b')\n"
        "journal.write(sys.argv[2], sys.argv[3])\n"
        "os._exit(9)\n"
    )
    command = [sys.executable, "-c", script, str(path), document_key(RUN, "b"), row("b")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    assert subprocess.run(command, env=environment, check=False).returncode == 9
    assert names_in(path) == ["b", "a", "b"]
    assert write(path, ["a", "b"], retry_failed=True) == 0
    assert names_in(path) == ["a", "b"]
    assert all(json.loads(line)["status"] == "ok" for line in path.read_bytes().splitlines())


def test_equal_ids_of_two_sources_are_told_apart_by_their_texts(tmp_path: Path):
    path = tmp_path / "out.jsonl"
    with Journal(path) as journal:
        for text in ("one", "two"):
            journal.write(document_key(RUN, text), row("1", "error"))
    with Journal(path, retry_failed=True) as journal:
        assert not journal.take(document_key(RUN, "two"), "1")
        journal.write(document_key(RUN, "two"), row("1"))
    kept = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [(one["key"], one["status"]) for one in kept] == [
        (document_key(RUN, "one"), "error"),
        (document_key(RUN, "two"), "ok"),
    ]


def test_rows_of_other_settings_are_kept_and_counted(tmp_path: Path):
    path = tmp_path / "out.jsonl"
    write(path, ["a", "b"])
    other = fingerprint("model", "task", {"max_tokens": 4})
    with Journal(path, resume=True) as journal:
        assert not journal.take(document_key(other, "a"), "a")
        assert journal.runs == {RUN[:8]: 2}


@pytest.mark.parametrize(
    "content",
    [b"just text", b'{"id":"a"}\n', b"[1]\n", b'{"name": "mine"', b'{"id":"a","x":\n{"id":"b"'],
)
def test_a_file_of_something_else_is_not_touched(tmp_path: Path, content: bytes):
    path = tmp_path / "mine.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"mine\.jsonl:1: not a row"):
        Journal(path, resume=True)
    assert path.read_bytes() == content


def test_a_file_that_exists_needs_a_word(tmp_path: Path):
    path = tmp_path / "out.jsonl"
    write(path, ["a"])
    with pytest.raises(UsageError, match="exists"):
        Journal(path)
    write(path, ["b"], overwrite=True)
    assert names_in(path) == ["b"]


def test_two_processes_never_write_one_file(tmp_path: Path):
    path = tmp_path / "out.jsonl"
    with Journal(path) as journal:
        journal.write(document_key(RUN, "a"), row("a"))
        for how in ({"resume": True}, {"overwrite": True}):
            with pytest.raises(UsageError, match="another process"):
                Journal(path, **how)
    assert write(path, ["a"], resume=True) == 0


def test_a_full_device_is_an_error_that_names_it():
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    with Journal(Path("/dev/full")) as journal, pytest.raises(OSError, match="/dev/full") as caught:
        journal.write(document_key(RUN, "a"), row("a"))
    assert caught.value.errno == errno.ENOSPC


LIMITED = """
import resource, sys
from pathlib import Path
from setaccio.runtime.batch.journal import Journal, document_key
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
with Journal(Path(sys.argv[1])) as journal:
    try:
        for number in range(100):
            journal.write(document_key("0" * 64, str(number)), '{"id":"%d","status":"ok"}' % number)
    except OSError as error:
        print(journal.written, error.filename == sys.argv[1])
"""


def test_a_row_that_does_not_fit_leaves_nothing_behind(tmp_path: Path):
    path = tmp_path / "out.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    count, named = done.stdout.split()
    assert named == "True"
    assert 0 < int(count) < 100
    content = path.read_bytes()
    assert content.endswith(b"}\n")
    assert len(content.splitlines()) == int(count)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 5)), st.lists(st.integers(0, 5)))
def test_a_bag_gives_each_digest_as_often_as_it_was_added(added: list[int], taken: list[int]):
    bag, left = KeyBag(), list(added)
    for number in added:
        # The first halves of some digests are equal, as they would be by chance.
        bag.add(bytes(8) + number.to_bytes(8, "little"))
    bag.seal()
    for number in taken:
        assert bag.take(bytes(8) + number.to_bytes(8, "little")) is (number in left)
        if number in left:
            left.remove(number)
    assert len(bag) == len(left)


def test_a_bag_of_many_is_small():
    digests = np.random.default_rng(0).bytes(16 * 100_000)
    bag = KeyBag()
    for at in range(0, len(digests), 16):
        bag.add(digests[at : at + 16])
    bag.seal()
    held = bag._digests.nbytes + bag._left.nbytes
    assert held == 20 * 100_000
    assert all(bag.take(digests[at : at + 16]) for at in range(0, 16 * 1000, 16))


def test_a_retry_that_was_killed_is_settled_without_reading_the_sources(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write(path, ["a", "b"], "error")
    with Journal(path, resume=True) as journal:  # as a retry that was killed leaves it
        journal.write(document_key(RUN, "a"), row("a"))
    with Journal(path, retry_failed=True) as journal:
        assert (journal.kept, journal.failed) == (3, 2)
        journal.settle_retried()
        assert (journal.kept, journal.failed, journal.retried) == (2, 1, 1)
    assert names_in(path) == ["b", "a"]


def test_a_fresh_bag_is_taken_from_separately() -> None:
    bag = KeyBag()
    for digest in (bytes(16), bytes(16), bytes([7] * 16)):
        bag.add(digest)
    bag.seal()
    fresh = bag.fresh()
    assert [fresh.take(bytes(16)) for _ in range(3)] == [True, True, False]
    assert (len(bag), len(fresh)) == (3, 1)
    assert bytes(16) in fresh
    assert bytes([8] * 16) not in fresh
