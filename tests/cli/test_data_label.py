"""`setaccio data label`: gold from a model behind a real server, or from a GGUF, never paid twice.

Run: pytest tests/cli/test_data_label.py
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest
from cli_process import COMMAND, Run, environment
from endpoint_stub import Reply, completion, failure, serve
from review_parts import ANSWERS, DOCUMENTS, write_lines
from served import review_cli, serve_cli

from setaccio.data import Task
from setaccio.data.readers.convert import load_any
from setaccio.data.records import Pair, load_pairs
from setaccio.data.task.task import dump_compact
from setaccio.eval.arms.endpoint_client import TOKENS_AROUND_MESSAGES

pytest.importorskip("openai")

PRICES = ("--price", "1000,1000")  # of a million tokens: each stub answer costs 0.12
SCHEMA = {
    "title": "meal",
    "type": "object",
    "properties": {
        "kind": {"enum": ["sweet", "salty"]},
        "name": {"type": "string"},
        "note": {"type": ["string", "null"]},
        "items": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["kind", "name", "note", "items"],
    "additionalProperties": False,
}


def _name(body: dict[str, Any]) -> str:
    said = body["messages"][-1]["content"]
    return next(name for name, text in DOCUMENTS.items() if text in said)


def _by_name(body: dict[str, Any]) -> Reply:
    answer = ANSWERS[_name(body)]
    return completion("I am sorry." if answer is None else json.dumps(answer))


def _texts(folder: Path) -> Path:
    texts = [{"id": name, "text": text} for name, text in DOCUMENTS.items()]
    return write_lines(folder / "docs.jsonl", texts)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _flags(url: str, *more: object) -> list[str]:
    flags = ["data", "label", "docs.jsonl", "--task", "recipe", "--endpoint", url]
    named = ["--name", "big", "--cache", "cache", "--out", "pairs.jsonl", *more]
    return [*flags, *map(str, named)]


def test_answers_become_pairs_that_say_who_labelled_them(run: Run, tmp_path: Path) -> None:
    _texts(tmp_path)
    with serve(answer=_by_name) as stub:
        done = run(*_flags(stub.url, "--api-key-env", "MY_KEY"), MY_KEY="sk-secret")
    assert done.returncode == 1, done.stderr
    assert "invalid_json: d: " in done.stderr
    assert stub.keys[0] == "Bearer sk-secret"
    assert stub.requests[0]["response_format"]["type"] == "json_schema"
    pairs = _lines(tmp_path / "pairs.jsonl")
    assert {pair["id"]: pair["gold"] for pair in pairs} == {n: ANSWERS[n] for n in "abc"}
    for pair in pairs:
        assert (pair["labelled_by"], pair["seen_by_person"], pair["status"]) == ("big", False, "ok")
    assert [pair.get("ungrounded") for pair in pairs] == [None, None, ["/ingredients/2"]]
    (failed,) = _lines(tmp_path / "pairs.failed.jsonl")
    assert (failed["id"], failed["status"], failed["raw"]) == ("d", "invalid_json", "I am sorry.")
    found = [Pair(n, DOCUMENTS[n], ANSWERS[n], labelled_by="big") for n in "abc"]
    assert load_pairs(tmp_path / "pairs.jsonl")[0] == found
    assert load_any(str(tmp_path / "pairs.jsonl"))[0] == found  # as train reads them
    assert "3 pairs checked" in run("data", "check", "pairs.jsonl").stdout
    kept = "".join(path.read_text() for path in tmp_path.rglob("*") if path.is_file())
    assert "sk-secret" not in kept


def test_a_kill_loses_nothing_and_nothing_is_asked_twice(tmp_path: Path) -> None:
    _texts(tmp_path)
    held, reached = threading.Event(), threading.Event()

    def slow(body: dict[str, Any]) -> Reply:
        if _name(body) == "c" and not held.is_set():
            reached.set()
            held.wait(60)
        return _by_name(body)

    with serve(answer=slow) as stub:
        command = [*COMMAND, *_flags(stub.url)]
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, cwd=tmp_path, env=environment(), **silent)
        assert reached.wait(60)
        process.kill()
        process.wait()
        held.set()
        assert [pair["id"] for pair in _lines(tmp_path / "pairs.jsonl")] == ["a", "b"]
        with (tmp_path / "pairs.jsonl").open("a") as stream:
            stream.write('{"id":"c","te')
        for _ in range(2):  # the second time nothing is left to ask
            again = subprocess.run(
                [*command, "--resume"], cwd=tmp_path, env=environment(), check=False, **silent
            )
            assert again.returncode == 1
        assert Counter(map(_name, stub.requests)) == {"a": 1, "b": 1, "c": 2, "d": 1}
    assert [pair["id"] for pair in _lines(tmp_path / "pairs.jsonl")] == ["a", "b", "c"]
    assert [row["id"] for row in _lines(tmp_path / "pairs.failed.jsonl")] == ["d"]


def test_the_cap_holds_for_all_runs_together(run: Run, tmp_path: Path) -> None:
    _texts(tmp_path)
    with serve(answer=_by_name) as stub:
        free = _flags(stub.url, "--max-tokens", 100, "--limit", 1)
        run(*[{"cache": "other", "pairs.jsonl": "one.jsonl"}.get(flag, flag) for flag in free])
        body = stub.requests.pop()
        tokens = len(dump_compact(body).encode()) + TOKENS_AROUND_MESSAGES * len(body["messages"])
        cap = f"{(tokens + 100) / 1000 + 0.15:.3f}"  # what one may cost at most, and one more
        capped = _flags(stub.url, *PRICES, "--max-tokens", 100, "--max-cost")
        done = run(*capped, cap)
        first = len(stub.requests)
        assert done.returncode == 1
        (said,) = [line for line in done.stderr.splitlines() if line.startswith("error")]
        assert "go beyond --cost-cap" in said
        assert "--resume" in said
        assert first == 2
        rows = _lines(tmp_path / "pairs.jsonl")
        assert [row["cost"] for row in rows] == [0.12] * first
        again = run(*capped, cap, "--resume")
        assert f"{0.12 * first:.4f} is spent" in again.stderr
        assert len(stub.requests) == first
        refused = run(*capped, "0.1", "--resume")
        assert refused.returncode == 2
        assert "is spent already" in refused.stderr
        done = run(*capped, "9", "--resume")
        assert "3 pairs in pairs.jsonl (of those made now, 1 had values" in done.stderr
        assert ", 1 failed, 0.4800 spent." in done.stderr
        assert Counter(map(_name, stub.requests)) == dict.fromkeys("abcd", 1)


def test_only_grounded_values_where_that_is_asked_for(run: Run, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))
    write_lines(tmp_path / "docs.jsonl", [{"id": n, "text": DOCUMENTS[n]} for n in "ab"])
    made = {
        "a": {"kind": "sweet", "name": "Sponge cake", "note": "Yum", "items": ["2 eggs", "moon"]},
        "b": {"kind": "salty", "name": "Moonshine", "note": None, "items": []},
    }
    flags = ("--schema", "schema.json", "--name", "big", "--cache", "cache")
    with serve(answer=lambda body: completion(json.dumps(made[_name(body)]))) as stub:
        asked = ("data", "label", "docs.jsonl", "--endpoint", stub.url, *flags)
        done = run(*asked, "--grounded", "drop", "--out", "pairs.jsonl")
        marked = run(*asked, "--out", "marked.jsonl")
        assert len(stub.requests) == 2
    assert done.returncode == 1
    assert "b: Values that the schema demands stand nowhere in the text: /name." in done.stderr
    (pair,) = _lines(tmp_path / "pairs.jsonl")
    assert pair["gold"] == {**made["a"], "note": None, "items": ["2 eggs"]}
    assert pair["dropped"] == ["/note", "/items/1"]
    assert marked.returncode == 0
    assert [(pair["gold"], pair["ungrounded"]) for pair in _lines(tmp_path / "marked.jsonl")] == [
        (made["a"], ["/note", "/items/1"]),
        (made["b"], ["/name"]),
    ]
    assert not (tmp_path / "marked.failed.jsonl").exists()


def test_eval_warns_until_a_person_has_seen_the_gold(run: Run, tmp_path: Path) -> None:
    _texts(tmp_path)
    with serve(answer=_by_name) as stub:
        run(*_flags(stub.url))
    pairs = tmp_path / "pairs.jsonl"
    outputs = [{"id": name, "data": ANSWERS[name]} for name in "abc"]
    write_lines(tmp_path / "outputs.jsonl", outputs)
    scored = ("eval", "--predictions", "outputs.jsonl", "--task", "recipe", "--pairs")
    said = run(*scored, pairs).stderr
    assert "The gold of 3 of 3 pairs was written by big and seen by no person" in said
    run("data", "split", pairs, "--out", "parts", "--test", "0.5")
    parts = [line for path in (tmp_path / "parts").iterdir() for line in _lines(path)]
    assert {line["labelled_by"] for line in parts} == {"big"}
    with review_cli(pairs, folder=tmp_path) as served:
        assert httpx.get(f"{served.url}/review").json()["rows"] == 3
        shown = httpx.get(f"{served.url}/rows/0").json()["row"]
        assert shown["id"] == "c"  # one of its values stands nowhere
        for number in range(3):
            gold = httpx.get(f"{served.url}/rows/{number}").json()["row"]["data"]
            httpx.post(f"{served.url}/rows/{number}", json={"gold": gold})
    seen = load_pairs(tmp_path / "corrections.jsonl")[0]
    assert {pair.id: pair.labelled_by for pair in seen} == dict.fromkeys("abc", "")
    assert {line["labelled_by"] for line in _lines(tmp_path / "corrections.jsonl")} == {"big"}
    done = run(*scored, "corrections.jsonl")
    assert done.returncode == 0
    assert "seen by no person" not in done.stderr


@pytest.mark.slow
def test_a_local_model_and_a_server_of_ours_label_alike(
    run: Run, tmp_path: Path, gguf: Path, recipe: Task, recipe_pairs: list[Pair]
) -> None:
    texts = [{"id": pair.id, "text": pair.text} for pair in recipe_pairs[80:83]]
    write_lines(tmp_path / "docs.jsonl", texts)
    flags = ["data", "label", "docs.jsonl", "--task", "recipe"]
    done = run(*flags, "--model", gguf, "--threads", 1, "--out", "local.jsonl")
    assert done.returncode in (0, 1), done.stderr
    local = _lines(tmp_path / "local.jsonl")
    assert local
    with serve_cli(gguf, folder=tmp_path) as served:
        name = httpx.get(f"{served.url}/v1/models").json()["data"][0]["id"]
        asked = ["--endpoint", f"{served.url}/v1", "--name", name, "--cache", "cache"]
        run(*flags, *asked, "--max-tokens", 400, "--out", "served.jsonl")
    for pair in [*local, *_lines(tmp_path / "served.jsonl")]:
        assert recipe.problems(pair["gold"]) == []
    assert {pair["labelled_by"] for pair in local} == {gguf.name}
    before = (tmp_path / "local.jsonl").read_bytes()
    run(*flags, "--model", gguf, "--threads", 1, "--out", "local.jsonl", "--resume")
    assert (tmp_path / "local.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        (["--task", "recipe"], 2, "--endpoint or --model: say what is to label"),
        (["--model", "x.gguf"], 2, "Say what to extract"),
        (["--task", "recipe", "--endpoint", "http://h/v1"], 2, "--endpoint-model"),
        (["--task", "recipe", "--model", "x.gguf", "--endpoint", "http://h", "--name", "x"], 2,
         "exclude each other"),
        (["--task", "recipe", "--endpoint", "http://h", "--name", "x", "--adapter", "a"], 2,
         "--adapter a: goes with --model"),
        (["--task", "recipe", "--endpoint", "http://h", "--name", "x", "--max-cost", "1"], 2,
         "needs prices"),
        (["--task", "recipe", "--model", "gone.gguf"], 5, "gone.gguf"),
        (["--task", "gone", "--model", "x.gguf"], 3, "gone"),
        (["--task", "recipe", "--model", "x.gguf", "--out", "docs.jsonl"], 2, "is one of the"),
        (["--task", "recipe", "--model", "x.gguf", "--resume", "--overwrite"], 2, "exclude each"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(
    run: Run, tmp_path: Path, flags: list[str], code: int, says: str
) -> None:
    _texts(tmp_path)
    out = [] if "--out" in flags else ["--out", "pairs.jsonl"]
    done = run("data", "label", "docs.jsonl", *out, *flags)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["docs.jsonl"]


def test_what_is_there_is_not_lost_and_a_wrong_key_is_said(run: Run, tmp_path: Path) -> None:
    _texts(tmp_path)
    (tmp_path / "pairs.jsonl").write_text("mine\n")
    with serve(failure(401, "bad key")) as stub:
        done = run(*_flags(stub.url))
        assert done.returncode == 2
        assert "pairs.jsonl: exists" in done.stderr
        assert (tmp_path / "pairs.jsonl").read_text() == "mine\n"
        assert not (tmp_path / "pairs.failed.jsonl").exists()
        done = run(*_flags(stub.url, "--overwrite"))
        assert done.returncode == 2
        assert "SETACCIO_API_KEY is not set" in done.stderr


def test_the_file_of_failures_replaces_nothing_unasked(run: Run, tmp_path: Path) -> None:
    texts = _texts(tmp_path).rename(tmp_path / "pairs.failed.jsonl")
    _texts(tmp_path)
    before = texts.read_bytes()
    with serve(answer=_by_name) as stub:
        for source, more, said in (
            (texts.name, (), "pairs.failed.jsonl: is one of the inputs"),
            (texts.name, ("--overwrite",), "pairs.failed.jsonl: is one of the inputs"),
            ("docs.jsonl", (), "pairs.failed.jsonl: exists"),
        ):
            flags = [source if flag == "docs.jsonl" else flag for flag in _flags(stub.url, *more)]
            done = run(*flags)
            assert done.returncode == 2, done.stderr
            assert said in done.stderr
            assert texts.read_bytes() == before
            assert not (tmp_path / "pairs.jsonl").exists()
        assert not stub.requests
        assert run(*_flags(stub.url, "--overwrite")).returncode == 1
    assert [row["id"] for row in _lines(texts)] == ["d"]
