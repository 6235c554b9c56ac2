"""`setaccio extract` on good and bad input: exit code, one line, and the others still come out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from cli_process import COMMAND, Run, environment

from setaccio.data.records import read_jsonl

TEXT = "Mix two cups of flour with one egg, then fry the pancakes until golden."


def lines(output: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.splitlines()]


def assert_one_line_error(done: subprocess.CompletedProcess[str], code: int, says: str) -> None:
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


def test_one_document_gives_one_line(run: Run, tmp_path: Path, quick: list[str]) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    done = run("extract", "a.txt", *quick)
    (line,) = lines(done.stdout)
    assert line["id"] == "a.txt"
    assert line["task"] == "recipe"
    assert line["constraint"] == "schema"
    assert done.returncode == (0 if line["status"] == "ok" else 1)


def test_a_whole_answer_exits_with_zero(run: Run, tmp_path: Path, gguf: Path) -> None:
    schema = {"type": "object", "properties": {"hot": {"type": "boolean"}}, "required": ["hot"]}
    schema["additionalProperties"] = False
    (tmp_path / "hot.json").write_text(json.dumps(schema))
    done = run("extract", gguf, "-", "--schema", "hot.json", "--threads", "1", stdin=TEXT)
    (line,) = lines(done.stdout)
    assert (done.returncode, line["status"]) == (0, "ok")
    assert isinstance(line["data"]["hot"], bool)


def test_folder_is_read_sorted_with_its_subfolders(
    run: Run, tmp_path: Path, quick: list[str]
) -> None:
    for name in ("in/b.txt", "in/a.md", "in/sub/c.txt", "in/skipped.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(TEXT)
    done = run("extract", "in", *quick)
    assert [line["id"] for line in lines(done.stdout)] == ["in/a.md", "in/b.txt", "in/sub/c.txt"]


def test_standard_input_as_json_lines(run: Run, quick: list[str]) -> None:
    rows = "".join(json.dumps({"id": n, "text": TEXT}) + "\n" for n in range(2))
    done = run("extract", "-", "--jsonl", *quick, stdin=rows)
    assert [line["id"] for line in lines(done.stdout)] == ["0", "1"]


def test_bad_documents_get_a_status_and_the_others_come_out(
    run: Run, tmp_path: Path, quick: list[str]
) -> None:
    (tmp_path / "good.txt").write_text(TEXT)
    (tmp_path / "latin.txt").write_bytes(b"first line\ncaf\xe9")
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "long.txt").write_text(TEXT * 3000)
    rows = [b'{"id": "x", "text": "Boil rice."}', b"{broken", b'{"id": "y"}', b'{"text": "\xe9"}']
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join(rows))
    sources = ["latin.txt", "empty.txt", "long.txt", "rows.jsonl", "good.txt"]
    done = run("extract", *sources, *quick, "--no-chunk")
    found = {line["id"]: line for line in lines(done.stdout)}
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert found["latin.txt"]["status"] == "error"
    assert "latin.txt:2: not UTF-8" in found["latin.txt"]["message"]
    assert found["empty.txt"]["status"] == "error"
    assert "empty" in found["empty.txt"]["message"]
    assert found["long.txt"]["status"] == "truncated_input"
    assert found["long.txt"]["data"] is None
    assert "rows.jsonl:2: not JSON" in found["rows.jsonl:2"]["message"]
    assert "rows.jsonl:3:" in found["rows.jsonl:3"]["message"]
    assert "rows.jsonl:4: not UTF-8" in found["rows.jsonl:4"]["message"]
    assert found["x"]["completion_tokens"] > 0
    assert found["good.txt"]["completion_tokens"] > 0
    assert len(found) == 8


def test_missing_gguf(run: Run) -> None:
    done = run("extract", "-", "--model", "nowhere.gguf", stdin=TEXT)
    assert_one_line_error(done, 5, "nowhere.gguf")


@pytest.mark.parametrize("size", [3, 1000, 100_000])
def test_cut_off_gguf(run: Run, tmp_path: Path, gguf: Path, size: int) -> None:
    (tmp_path / "cut.gguf").write_bytes(gguf.read_bytes()[:size])
    done = run("extract", "-", "--model", "cut.gguf", "--task", "recipe", stdin=TEXT)
    assert_one_line_error(done, 5, "cut.gguf")


def test_file_that_is_no_gguf(run: Run, tmp_path: Path) -> None:
    (tmp_path / "text.gguf").write_text("not a model at all, only words" * 20)
    done = run("extract", "text.gguf", "-", stdin=TEXT)
    assert_one_line_error(done, 5, "text.gguf")


def test_gguf_without_a_task(run: Run, tmp_path: Path, gguf: Path) -> None:
    # The key is renamed in place, so the file stays a valid GGUF that carries no task.
    content = gguf.read_bytes().replace(b"setaccio.task", b"nobody's.task")
    (tmp_path / "bare.gguf").write_bytes(content)
    done = run("extract", "bare.gguf", "-", stdin=TEXT)
    assert_one_line_error(done, 3, "--schema")


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "objec"}, "$.type"),
        ({"type": "object", "if": {}, "properties": {"a": {"uniqueItems": True}}}, "uniqueItems"),
        ({"type": "object", "if": {}, "properties": {"a": {"uniqueItems": True}}}, "$.if"),
        ({"type": "object", "properties": {"a": {"$ref": "#/$defs/none"}}}, "none"),
    ],
)
def test_unusable_schema_is_named(
    run: Run, tmp_path: Path, gguf: Path, schema: object, says: str
) -> None:
    (tmp_path / "bad.json").write_text(json.dumps(schema))
    done = run("extract", "-", "--model", gguf, "--schema", "bad.json", stdin=TEXT)
    assert_one_line_error(done, 3, says)


@pytest.mark.parametrize("content", [b"{", b"[1, 2]", b"\xff\xfe", None])
def test_schema_file_that_is_none(
    run: Run, tmp_path: Path, gguf: Path, content: bytes | None
) -> None:
    if content is not None:
        (tmp_path / "s.json").write_bytes(content)
    done = run("extract", "-", "--model", gguf, "--schema", "s.json", stdin=TEXT)
    assert_one_line_error(done, 3, "s.json")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere.txt"], "nowhere.txt"),
        (["-", "--task", "recipe", "--schema", "x.json"], "exclude"),
        (["-", "--constraint", "some"], "some"),
        (["-", "--max-tokens", "0"], "max-tokens"),
        (["-", "--wrong"], "--wrong"),
        (["."], ".txt"),
    ],
)
def test_wrong_call_is_one_line(run: Run, arguments: list[str], says: str) -> None:
    assert_one_line_error(run("extract", *arguments, stdin=TEXT), 2, says)


def test_unknown_verb_and_context_beyond_the_model(run: Run, gguf: Path) -> None:
    assert_one_line_error(run("extrct"), 2, "extrct")
    done = run("extract", "-", "--model", gguf, "--context", "9999999", stdin=TEXT)
    assert_one_line_error(done, 5, "9999999")


def test_results_never_replace_what_is_read(run: Run, tmp_path: Path, quick: list[str]) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    done = run("extract", "a.txt", *quick, "--out", "a.txt", "--overwrite")
    assert_one_line_error(done, 2, "one of the inputs")
    assert (tmp_path / "a.txt").read_text() == TEXT


def test_results_never_replace_what_is_read_under_another_name(
    run: Run, tmp_path: Path, quick: list[str]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.txt").write_text(TEXT)
    (tmp_path / "task.json").write_text('{"type": "object"}')
    (tmp_path / "hard").hardlink_to(tmp_path / "in/a.txt")
    for arguments in (["in/a.txt", "--out", "hard"], ["in", "--out", "hard"], ["--out", "hard"]):
        with (tmp_path / "hard").open("rb") as stream:
            done = subprocess.run(
                [*COMMAND, "extract", *arguments, *quick, "--overwrite"],
                stdin=stream,
                capture_output=True,
                text=True,
                cwd=tmp_path,
                env=environment(),
                check=False,
            )
        assert_one_line_error(done, 2, "one of the inputs")
    flags = ["--schema", "task.json", "--out", "task.json", "--overwrite"]
    assert_one_line_error(run("extract", "in", *flags), 2, "one of the inputs")
    assert (tmp_path / "hard").read_text() == TEXT


def test_ids_of_names_that_are_not_utf8_can_be_read_back_and_differ(
    run: Run, tmp_path: Path, quick: list[str]
) -> None:
    folder = os.fsencode(tmp_path / "in")
    Path(os.fsdecode(folder)).mkdir()
    for name in (b"bad\xff.txt", b"bad\\xff.txt", b"caf\xc3\xa9.txt", b"back\\slash.txt"):
        Path(os.fsdecode(folder + b"/" + name)).write_text(TEXT)
    Path(os.fsdecode(folder + b"/empty\xff.txt")).write_text("")
    done = run("extract", "in", *quick, "--out", "out.jsonl")
    assert "Traceback" not in done.stderr
    with (tmp_path / "out.jsonl").open("rb") as stream:
        rows = [row[1] for row in read_jsonl(stream, "out.jsonl")]
    assert {row["id"] for row in rows} == {
        "in/bad\\xff.txt",
        "in/bad\\\\xff.txt",
        "in/café.txt",
        "in/back\\slash.txt",
        "in/empty\\xff.txt",
    }
    again = run("extract", "in", *quick, "--out", "out.jsonl", "--resume")
    assert "5 were done before" in again.stderr


def test_out_file_is_written_and_never_replaced_unasked(
    run: Run, tmp_path: Path, quick: list[str]
) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    first = run("extract", "a.txt", *quick, "--out", "new/out.jsonl")
    assert first.stdout == ""
    kept = (tmp_path / "new/out.jsonl").read_text()
    assert [line["id"] for line in lines(kept)] == ["a.txt"]
    assert_one_line_error(run("extract", "a.txt", *quick, "--out", "new/out.jsonl"), 2, "exists")
    assert (tmp_path / "new/out.jsonl").read_text() == kept
    again = run("extract", "a.txt", "a.txt", *quick, "-o", "new/out.jsonl", "--overwrite")
    assert "Traceback" not in again.stderr
    assert len(lines((tmp_path / "new/out.jsonl").read_text())) == 2


def test_closed_pipe_ends_quietly(tmp_path: Path, quick: list[str]) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    with subprocess.Popen(
        [*COMMAND, "extract", *["a.txt"] * 50, *quick],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(),
    ) as process:
        first = process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read().decode()
        code = process.wait(120)
    assert json.loads(first)["id"] == "a.txt"
    assert code == 141
    assert "Traceback" not in said
    assert "BrokenPipe" not in said


def test_ctrl_c_keeps_what_is_done(tmp_path: Path, quick: list[str]) -> None:
    (tmp_path / "a.txt").write_text(TEXT)
    with subprocess.Popen(
        [*COMMAND, "extract", *["a.txt"] * 500, *quick],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(),
    ) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert all(line["id"] == "a.txt" for line in lines(rest.decode()))
    last = said.decode().splitlines()[-1]
    assert "Interrupted:" in last
    assert "documents are done" in last
    assert "Traceback" not in said.decode()
