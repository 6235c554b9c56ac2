"""Many documents: stopped in every way, started again, and in the end each has exactly one row.

Run: pytest tests/cli/extract/test_extract_batch.py
"""

from __future__ import annotations

import json
import random
import resource
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest
from cli_process import COMMAND, Run, environment

KILLS = 50
SCHEMA = {
    "type": "object",
    "properties": {
        "n": {"type": "integer", "minimum": 0, "maximum": 99},
        "hot": {"type": "boolean"},
    },
    "required": ["n", "hot"],
    "additionalProperties": False,
}


def write_documents(path: Path, count: int) -> list[str]:
    """Documents of which every fifth has the text of another one, and two lines are equal."""
    rows = [{"id": f"d{i}", "text": f"Beat {i - i % 5 // 4} eggs."} for i in range(count)]
    rows.append(rows[-1])
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return [row["id"] for row in rows]


def read_rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture
def batch(tmp_path: Path, gguf: Path) -> list[object]:
    """Arguments of an extraction whose answers are short and always complete."""
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    flags = ["--model", gguf, "--schema", "schema.json", "--threads", "1", "--parallel", "2"]
    return ["extract", "docs.jsonl", *flags]


def test_a_slow_pipe_gives_each_row_as_soon_as_its_document_is_there(
    tmp_path: Path, batch: list[object]
) -> None:
    arguments = ["extract", "-", "--jsonl", *batch[2:]]
    with subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(),
        bufsize=0,
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            for name in ("a", "b", "c"):
                line = json.dumps({"id": name, "text": f"Beat {len(name)} eggs."}) + "\n"
                process.stdin.write(line.encode())
                came, _, _ = select.select([process.stdout], [], [], 120)
                assert came, f"no row for {name} while the pipe is open"
                assert json.loads(process.stdout.readline())["id"] == name
            process.send_signal(signal.SIGINT)  # while it waits for a fourth
            said = process.communicate(timeout=120)[1].decode()
        finally:
            process.kill()
    assert process.returncode == 130, said
    assert "Interrupted: " in said
    assert "Fatal" not in said


def test_a_second_run_with_resume_has_nothing_to_do(
    run: Run, tmp_path: Path, batch: list[object]
) -> None:
    names = write_documents(tmp_path / "docs.jsonl", 6)
    first = run(*batch, "--out", "out.jsonl", "--resume")
    assert first.returncode == 0, first.stderr
    rows = (tmp_path / "out.jsonl").read_bytes()
    assert [row["id"] for row in read_rows(tmp_path / "out.jsonl")] == names
    assert len({row["key"] for row in read_rows(tmp_path / "out.jsonl")}) == 5
    again = run(*batch, "--out", "out.jsonl", "--resume")
    assert again.returncode == 0
    assert "7 were done before" in again.stderr
    assert (tmp_path / "out.jsonl").read_bytes() == rows


def test_a_changed_option_does_documents_again(
    run: Run, tmp_path: Path, batch: list[object]
) -> None:
    write_documents(tmp_path / "docs.jsonl", 2)
    run(*batch, "--out", "out.jsonl")
    other = run(*batch, "--out", "out.jsonl", "--resume", "--max-tokens", "50")
    assert other.returncode == 0
    assert "3 rows were made with another model, task or options" in other.stderr
    assert len(read_rows(tmp_path / "out.jsonl")) == 6
    again = run(*batch, "--out", "out.jsonl", "--resume", "--parallel", "1")
    assert "3 were done before" in again.stderr  # how many at once changes no answer


def test_problems_keep_their_place_and_are_retried(
    run: Run, tmp_path: Path, batch: list[object]
) -> None:
    docs = tmp_path / "docs.jsonl"
    good = [json.dumps({"id": f"d{i}", "text": f"Take {i} eggs."}) for i in range(3)]
    docs.write_text("\n".join(["{broken", good[0], "[]", good[1], good[2], "nothing"]))
    done = run(*batch, "--out", "out.jsonl")
    names = ["docs.jsonl:1", "d0", "docs.jsonl:3", "d1", "d2", "docs.jsonl:6"]
    assert [row["id"] for row in read_rows(tmp_path / "out.jsonl")] == names
    assert done.returncode == 1
    resumed = run(*batch, "--out", "out.jsonl", "--resume")
    assert (resumed.returncode, len(read_rows(tmp_path / "out.jsonl"))) == (1, 6)
    assert "3 documents failed before" in resumed.stderr
    docs.write_text("\n".join(["", *good, json.dumps({"id": "d3", "text": "Take 3 eggs."})]))
    retried = run(*batch, "--out", "out.jsonl", "--retry-failed")
    assert retried.returncode == 0, retried.stderr
    assert [row["id"] for row in read_rows(tmp_path / "out.jsonl")] == ["d0", "d1", "d2", "d3"]


def test_retrying_one_source_leaves_the_rows_of_another_alone(
    run: Run, tmp_path: Path, batch: list[object]
) -> None:
    (tmp_path / "docs.jsonl").write_text('{broken\n{"id": "d", "text": ""}\n')
    (tmp_path / "other.jsonl").write_text('{broken\n{"id": "o", "text": ""}\n')
    assert run(*batch, "other.jsonl", "--out", "out.jsonl").returncode == 1
    (tmp_path / "docs.jsonl").write_text('{"id": "d", "text": "Take 3 eggs."}\n')
    retried = run(*batch, "--out", "out.jsonl", "--retry-failed")
    rows = [(row["id"], row["status"]) for row in read_rows(tmp_path / "out.jsonl")]
    assert rows == [("other.jsonl:1", "error"), ("o", "error"), ("d", "ok")]
    assert "2 documents that failed before are not named here" in retried.stderr


def test_retrying_a_folder_leaves_rows_that_are_not_of_its_texts_alone(
    run: Run, tmp_path: Path, batch: list[object]
) -> None:
    (tmp_path / "docs.jsonl").write_text('{broken\n{"id": "d", "text": ""}\n')
    (tmp_path / "a.txt").write_text("")
    assert run(*batch, "a.txt", "--out", "out.jsonl").returncode == 1
    (tmp_path / "a.txt").write_text("Take 3 eggs.")
    folder = [name if name != "docs.jsonl" else "." for name in batch]
    retried = run(*folder, "--out", "out.jsonl", "--retry-failed")
    rows = [(row["id"], row["status"]) for row in read_rows(tmp_path / "out.jsonl")]
    assert rows == [("docs.jsonl:1", "error"), ("d", "error"), ("a.txt", "ok")]
    assert retried.returncode == 1
    assert "2 documents that failed before are not named here" in retried.stderr


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--resume"], "--out"),
        (["--retry-failed"], "--out"),
        (["--resume", "--overwrite", "--out", "o.jsonl"], "exclude"),
        (["--resume", "--out", "docs.jsonl"], "one of the inputs"),
    ],
)
def test_calls_that_can_not_be_meant(
    run: Run, tmp_path: Path, batch: list[object], flags: list[str], says: str
) -> None:
    write_documents(tmp_path / "docs.jsonl", 1)
    done = run(*batch, *flags)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_file_that_is_no_journal_is_left_alone(
    run: Run, tmp_path: Path, batch: list[object]
) -> None:
    write_documents(tmp_path / "docs.jsonl", 1)
    (tmp_path / "mine.jsonl").write_text('{"id": "mine"}\n')
    done = run(*batch, "--out", "mine.jsonl", "--resume")
    assert done.returncode == 4
    assert "mine.jsonl:1" in done.stderr
    assert (tmp_path / "mine.jsonl").read_text() == '{"id": "mine"}\n'


def test_results_inside_a_folder_that_is_read(run: Run, tmp_path: Path, gguf: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("Beat 2 eggs.")
    done = run("extract", "in", "--model", gguf, "--out", "in/out.txt")
    assert done.returncode == 2
    assert "one of the inputs" in done.stderr
    assert not (tmp_path / "in" / "out.txt").exists()


@pytest.mark.parametrize("where", ["stdout", "--out"])
def test_a_full_disk_is_said(tmp_path: Path, batch: list[object], where: str) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    write_documents(tmp_path / "docs.jsonl", 3)
    extra = [] if where == "stdout" else ["--out", "/dev/full"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *map(str, batch), *extra],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env=environment(),
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "--resume" not in done.stderr  # nothing can be gone on with there
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_a_disk_that_fills_up_keeps_whole_rows(
    run: Run, tmp_path: Path, batch: list[object]
) -> None:
    names = write_documents(tmp_path / "docs.jsonl", 10)
    done = subprocess.run(
        [*COMMAND, *map(str, batch), "--out", "out.jsonl"],
        capture_output=True,
        cwd=tmp_path,
        env=environment(),
        text=True,
        timeout=300,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500)),
    )
    assert done.returncode == 1
    assert "out.jsonl: File too large" in done.stderr
    kept = read_rows(tmp_path / "out.jsonl")
    assert 0 < len(kept) < len(names)
    assert f"{len(kept)} documents are done and kept in out.jsonl" in done.stderr
    assert run(*batch, "--out", "out.jsonl", "--resume").returncode == 0
    assert [row["id"] for row in read_rows(tmp_path / "out.jsonl")] == names


def wait_for_rows(path: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until a file has this many whole lines or the process has ended."""
    for _ in range(30_000):
        if process.poll() is not None or (
            path.exists() and path.read_bytes().count(b"\n") >= count
        ):
            return
        time.sleep(0.005)


def start(tmp_path: Path, batch: list[object]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*COMMAND, *map(str, batch), "--out", "out.jsonl", "--resume"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(),
    )


def test_ctrl_c_keeps_what_is_done_and_resume_does_the_rest(
    run: Run, tmp_path: Path, batch: list[object]
) -> None:
    names = write_documents(tmp_path / "docs.jsonl", 300)
    process = start(tmp_path, batch)
    wait_for_rows(tmp_path / "out.jsonl", 3, process)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=120)[1].decode()
    kept = read_rows(tmp_path / "out.jsonl")
    assert process.returncode == 130, said
    assert f"Interrupted: {len(kept)} documents are done and kept in out.jsonl" in said
    assert "Traceback" not in said
    assert 3 <= len(kept) < len(names)
    assert run(*batch, "--out", "out.jsonl", "--resume").returncode == 0
    assert [row["id"] for row in read_rows(tmp_path / "out.jsonl")] == names


@pytest.mark.slow
def test_killed_at_random_moments_nothing_is_lost_or_doubled(
    run: Run, tmp_path: Path, batch: list[object]
) -> None:
    names = write_documents(tmp_path / "docs.jsonl", 120)
    out = tmp_path / "out.jsonl"
    chance = random.Random(50)
    kills = 0
    for _ in range(KILLS):
        before = out.read_bytes().count(b"\n") if out.exists() else 0
        process = start(tmp_path, batch)
        if before < len(names) - 6 and chance.random() < 0.8:
            wait_for_rows(out, before + chance.randint(1, 3), process)
            time.sleep(chance.random() * 0.02)
        else:  # while it starts, or reads what is there
            time.sleep(chance.random())
        process.send_signal(signal.SIGKILL)
        said = process.communicate(timeout=120)[1].decode()
        kills += process.returncode == -signal.SIGKILL
        assert process.returncode in (0, -signal.SIGKILL), said
        if out.exists() and chance.random() < 0.3:  # as when the machine dies with the process
            content = out.read_bytes()
            out.write_bytes(content[: max(0, len(content) - chance.randint(1, 400))])
    assert kills > KILLS // 2
    last = run(*batch, "--out", "out.jsonl", "--resume")
    assert last.returncode == 0, last.stderr
    rows = read_rows(out)
    assert sorted(str(row["id"]) for row in rows) == sorted(names)
    whole = run(*batch)
    assert whole.returncode == 0
    answers = {row["id"]: row["data"] for row in map(json.loads, whole.stdout.splitlines())}
    assert {row["id"]: row["data"] for row in rows} == answers
