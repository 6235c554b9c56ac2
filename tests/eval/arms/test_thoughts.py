"""Models that think are evaluated as they are run: with thoughts off, or so many tokens of them.

Run: pytest tests/eval/arms/test_thoughts.py
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from endpoint_stub import Reply, completion, failure, serve
from served import serve_cli

from setaccio.data import Document, Pair, Task
from setaccio.data.errors import ModelError, UsageError
from setaccio.eval.arms.arms import Arm
from setaccio.eval.arms.baseline import Endpoint, EndpointArm
from setaccio.eval.compare import CONSTRAINTS, compare
from setaccio.runtime import Extractor

pytest.importorskip("openai")

SWITCH = "chat_template_kwargs"
OFF = {"enable_thinking": False}
CITY = Task.from_schema(
    {
        "title": "city",
        "type": "object",
        "properties": {"city": {"enum": ["Bari", "Rome"]}},
        "required": ["city"],
        "additionalProperties": False,
    }
)
PAIRS = [Pair(f"p{n}", f"Ada number {n} lives in Bari.", {"city": "Bari"}) for n in range(3)]
RIGHT = '{"city":"Bari"}'


def strict(body: dict[str, Any]) -> Reply:
    """An endpoint that knows no fields but those of the protocol."""
    if SWITCH in body:
        return failure(400, f"Unrecognized request argument supplied: {SWITCH}")
    return completion(RIGHT)


def run(
    url: str, folder: Path, model: str = "m", **more: Any
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows of an endpoint, and what the run says about it."""
    arm = EndpointArm("big", Endpoint(url, model, **more), folder / "cache")
    compare([arm], PAIRS, CITY, out=folder / "run")
    (file,) = (folder / "run").glob("predictions-*.jsonl")
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return rows, json.loads((folder / "run/config.json").read_text(encoding="utf-8"))["arms"][0]


def test_an_endpoint_is_told_to_switch_thoughts_off(tmp_path: Path):
    with serve(completion(RIGHT)) as stub:
        _, facts = run(stub.url, tmp_path)
    assert [body[SWITCH] for body in stub.requests] == [OFF] * 3
    assert facts["thoughts_switched_off"] is True


def test_one_that_does_not_know_the_switch_is_asked_without_it(tmp_path: Path):
    with serve(answer=strict) as stub:
        rows, facts = run(stub.url, tmp_path)
        assert [SWITCH in body for body in stub.requests] == [True, False, False, False]
        assert [row["status"] for row in rows] == ["ok"] * 3
        assert facts["thoughts_switched_off"] is False
        shutil.rmtree(tmp_path / "run")
        run(stub.url, tmp_path)  # the answers are kept under the request that was meant
        assert len(stub.requests) == 4


def test_our_own_server_refuses_it_and_answers_without(tiny_gguf: Path, tmp_path: Path):
    with serve_cli(tiny_gguf) as served:
        rows, facts = run(f"{served.url}/v1", tmp_path, tiny_gguf.stem)
    assert [row["status"] for row in rows] == ["ok"] * 3
    assert facts["thoughts_switched_off"] is False


def test_a_document_that_is_refused_is_not_the_switchs_fault(tmp_path: Path):
    replies = (completion(RIGHT), failure(400, "too long"), completion(RIGHT))
    with serve(*replies) as stub:
        rows, facts = run(stub.url, tmp_path)
        assert len(stub.requests) == 3
    assert [row["status"] for row in rows] == ["ok", "error", "ok"]
    assert facts["thoughts_switched_off"] is True


@pytest.mark.parametrize("own", [{"enable_thinking": True}, None])
def test_who_says_otherwise_is_obeyed(own: object, tmp_path: Path):
    with serve(completion(RIGHT)) as stub:
        _, facts = run(stub.url, tmp_path, request={SWITCH: own, "top_k": 1})
    assert [body.get(SWITCH) for body in stub.requests] == [own] * 3
    assert {body["top_k"] for body in stub.requests} == {1}  # which the protocol does not know
    assert "thoughts_switched_off" not in facts
    with serve(answer=strict) as stub, pytest.raises(UsageError, match="Unrecognized"):
        run(stub.url, tmp_path / "b", request={SWITCH: {"enable_thinking": True}})
    assert len(stub.requests) == 1


def test_thoughts_that_come_all_the_same_are_kept_apart(tmp_path: Path):
    apart = json.loads(completion(RIGHT)[2])
    apart["choices"][0]["message"]["reasoning_content"] = "It says {Bari}."
    replies = (
        completion(f"<think>\nIt says {{Bari}}.\n</think>\n\n{RIGHT}"),
        completion(f"It says {{Bari}}.</think>{RIGHT}"),  # the prompt opened it
        (200, {}, json.dumps(apart)),
    )
    with serve(*replies) as stub:
        rows, _ = run(stub.url, tmp_path)
    assert {(row["raw"], row["thought"], row["status"]) for row in rows} == {
        (RIGHT, "It says {Bari}.", "ok")
    }


def test_what_is_asked_can_not_be_taken_out():
    with pytest.raises(UsageError, match="--request messages"):
        Endpoint("http://127.0.0.1/v1", "m", request={"messages": None})


def test_a_gguf_thinks_in_an_evaluation_as_it_does_in_extraction(
    thinking_gguf: Path, tmp_path: Path
):
    arms = [Arm("model", thinking_gguf, constraint) for constraint in CONSTRAINTS]
    limits = {"max_tokens": 20, "threads": 1}
    compare(arms, PAIRS, CITY, out=tmp_path, **limits)
    plain = {file: file.read_text().count("\n") for file in tmp_path.glob("predictions-*")}
    assert set(plain.values()) == {3}
    compare(arms, PAIRS, CITY, out=tmp_path, thinking=8, **limits)
    for file, constraint in zip(sorted(plain), ("schema", "none"), strict=True):
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        assert [row["id"] for row in rows] == [pair.id for pair in PAIRS] * 2  # none is reused
        extractor = Extractor(thinking_gguf, CITY, constraint=constraint, max_tokens=20, thinking=8)
        found = extractor.extract_all(Document(pair.id, pair.text) for pair in PAIRS)
        expected = [(one.id, one.status, one.raw, one.thought) for one in found]
        names = ("id", "status", "raw", "thought")
        assert [tuple(row[name] for name in names) for row in rows[3:]] == expected
        assert all(row["thought"] for row in rows[3:])
        assert not any("thought" in row for row in rows[:3])
    assert json.loads((tmp_path / "config.json").read_text())["thinking"] == 8


def test_a_model_that_knows_no_thoughts_is_named(tiny_gguf: Path):
    with pytest.raises(ModelError, match=rf"{tiny_gguf.name}.*Leave --thinking out"):
        compare([Arm("model", tiny_gguf, "schema")], PAIRS, CITY, thinking=8)
    with pytest.raises(UsageError, match="no arm is one"):
        compare([EndpointArm("big", Endpoint("http://127.0.0.1/v1", "m"))], PAIRS, CITY, thinking=8)
