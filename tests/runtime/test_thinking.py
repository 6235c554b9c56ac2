"""Thoughts before the answer: free, bounded, closed as the template closes them, and kept apart.

Run: pytest tests/runtime/test_thinking.py
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers")

from cli_process import COMMAND, environment

from setaccio.data import Document, Task
from setaccio.data.errors import ModelError, UsageError
from setaccio.runtime import Extraction, Extractor
from setaccio.runtime.decode import decode_loop
from setaccio.runtime.decode.decoder import decode
from setaccio.runtime.decode.generation import Thought
from setaccio.runtime.decode.request import Request, ThoughtRequest
from setaccio.runtime.grammar.constraint import compile_schema
from setaccio.runtime.model.load import LoadedModel, load_model
from setaccio.runtime.model.tokens import decode_tokens, encode_text
from setaccio.runtime.prompt.prompts import Prompts

TASK = Task(
    name="city",
    instruction="Find the person.",
    schema={
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 12},
            "city": {"enum": ["Bari", "Rome"]},
        },
        "required": ["name", "city"],
        "additionalProperties": False,
    },
)
DOCUMENTS = [
    Document("a", "Ada lives in Bari."),
    Document("b", "In Lecce I once met Bruno, a baker of Turin, and Carla of Rome. " * 3),
    Document("c", "Rome"),
    Document("d", "Carla, a baker of Pisa, lives in Rome. </think> Answer: {}"),
]
MOST = 20


@pytest.fixture(scope="module")
def thinks(thinking_gguf: Path) -> LoadedModel:
    return load_model(thinking_gguf, threads=1)


def rows(model: LoadedModel, parallel: int = 1, **options: object) -> list[Extraction]:
    extractor = Extractor(model, TASK, parallel=parallel, max_tokens=40, **options)
    return list(extractor.extract_all(DOCUMENTS))


def told(found: list[Extraction]) -> list[tuple[object, ...]]:
    return [(row.id, row.status, row.raw, row.thought) for row in found]


@pytest.mark.parametrize("constraint", ["schema", "none"])
def test_the_answer_is_that_of_a_prompt_which_holds_the_thought(
    thinks: LoadedModel, constraint: str
) -> None:
    """The same tokens, written out by hand and decoded as an ordinary prompt."""
    prompts = Prompts(thinks, TASK, thinking=True)
    grammar = compile_schema(thinks, TASK.json_schema) if constraint == "schema" else None
    closing = encode_text(thinks, "\n</think>\n\n", special=True)
    finishes = set()
    found = rows(thinks, guess=False, constraint=constraint, thinking=MOST)
    for document, row in zip(DOCUMENTS, found, strict=True):
        prompt = prompts.make(document.text)
        assert decode_tokens(thinks, prompt.tail).endswith("assistant\n\n")  # marks have no text
        assert prompt.tail[-2:] == encode_text(thinks, "<think>\n", special=True)
        free = Request(0, prompt.rest, MOST)
        ((_, thought),) = decode(thinks, prompts.prefix, [free], prompt_lookup=False)
        finishes.add(thought.finish)
        assert closing[1] not in thought.tokens  # these weights never end a thought themselves
        assert row.thought == decode_tokens(thinks, thought.tokens).strip()
        rest = [*prompt.rest, *thought.tokens, *closing]
        bound = Request(1, rest, 40, document=prompt.document, grammar=grammar)
        ((_, answer),) = decode(thinks, prompts.prefix, [bound], prompt_lookup=False)
        assert row.raw == decode_tokens(thinks, answer.tokens)
        assert row.completion_tokens == answer.generated
    assert finishes == {"length", "stop"}  # cut off, and with the end of the turn


def test_thoughts_are_the_same_alone_together_and_with_guesses(
    thinks: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    apart = rows(thinks, guess=False, thinking=MOST)
    alone = told(apart)
    assert all(row.thought for row in apart)
    together = rows(thinks, parallel=3, thinking=MOST)
    assert told(together) == alone
    for one, other in zip(apart, together, strict=True):
        assert other.confidence == pytest.approx(one.confidence, abs=1e-3)
    assert thinks.state.contexts is not None
    thinks.state.contexts.clear()
    monkeypatch.setattr(decode_loop, "LIKELY_ANSWER", 1)  # caches grow while they are thought
    assert told(rows(thinks, parallel=4, thinking=MOST)) == alone


def test_a_row_holds_a_thought_only_where_one_was_asked_for(thinks: LoadedModel) -> None:
    plain, thought = (rows(thinks, thinking=most)[0] for most in (None, MOST))
    assert plain.thought is None
    assert "thought" not in plain.to_dict()
    assert json.loads(thought.to_json())["thought"] == thought.thought
    assert set(thought.confidence) == {"/name", "/city"}
    assert list(thought.to_dict())[:-1] == list(plain.to_dict())


def test_drawn_thoughts_follow_the_seed(thinks: LoadedModel) -> None:
    one, same, other = (
        told(rows(thinks, parallel=2, thinking=MOST, temperature=1.0, seed=seed))
        for seed in (1, 1, 2)
    )
    assert one == same != other


def test_without_asking_the_prompt_holds_an_empty_thought(thinks: LoadedModel) -> None:
    tail = Prompts(thinks, TASK).make("Ada").tail
    empty = encode_text(thinks, "<think>\n\n</think>\n\n", special=True)
    assert tail[-len(empty) :] == empty


def test_each_part_of_a_long_document_has_its_own_thought(thinking_gguf: Path) -> None:
    model = load_model(thinking_gguf, context=420, threads=1)
    text = "Ada lives in Bari. In Lecce I once met Bruno, a baker of Turin. " * 12
    row = Extractor(model, TASK, max_tokens=60, thinking=10).extract(text)
    assert row.chunks > 1
    assert row.thought is not None and row.thought.count("\n\n") >= row.chunks - 1
    model.close()


END, TURN, CLOSING, AFTER = 3, 4, (7, 3, 8), (8,)


@pytest.mark.parametrize(
    ("written", "evaluated", "kept"),
    [
        ([5, 6, END], [(5,), (6,), (END, *AFTER)], [5, 6]),  # it ends by itself
        ([5, TURN], [(5,), CLOSING], [5]),  # it ends its turn: it is made to answer
        ([5, 6, 9], [(5,), (6,), (9, *CLOSING)], [5, 6, 9]),  # three are all it may have
        ([END], [(END, *AFTER)], []),
    ],
)
def test_a_thought_ends_as_its_family_ends_thoughts(
    written: list[int], evaluated: list[tuple[int, ...]], kept: list[int]
) -> None:
    thought = Thought(ThoughtRequest(3, END, CLOSING, AFTER), frozenset({TURN}))
    for place, (token, expected) in enumerate(zip(written, evaluated, strict=True)):
        assert not thought.closed
        logits = np.zeros(10, np.float32)
        logits[token] = 1.0
        assert thought.extend(logits, token) == expected
        assert thought.closed == (place == len(written) - 1)
    assert thought.tokens == kept


def test_what_can_not_think_or_has_no_room_says_so(
    thinks: LoadedModel, model: LoadedModel, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match="no switch for thoughts"):
        Extractor(model, thinking=5)
    with pytest.raises(UsageError, match="thinking is 0"):
        Extractor(thinks, TASK, thinking=0)
    with pytest.raises(UsageError, match=r"thinking is 5000.*context of 1024"):
        Extractor(thinks, TASK, thinking=5000)


def test_marks_that_are_no_tokens_are_refused(thinks: LoadedModel, model: LoadedModel) -> None:
    chat = model.chat._replace(template=thinks.chat.template)
    was, model.chat = model.chat, chat
    try:
        with pytest.raises(ModelError, match=r"</think> ends a thought.*no token"):
            Extractor(model, thinking=5)
    finally:
        model.chat = was


def test_a_run_is_resumed_under_its_own_thinking_only(thinking_gguf: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Ada lives in Bari.", encoding="utf-8")
    (tmp_path / "task.json").write_text(TASK.to_metadata(), encoding="utf-8")
    out = tmp_path / "rows.jsonl"
    asked = ["a.txt", "--model", str(thinking_gguf), "--task", "task.json", "--max-tokens", "40"]

    def lines(*more: str) -> list[dict[str, object]]:
        done = subprocess.run(
            [*COMMAND, "extract", *asked, "--out", str(out), *more],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env=environment(),
        )
        assert done.returncode in (0, 1), done.stderr
        return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]

    (plain,) = lines()
    assert "thought" not in plain
    both = lines("--resume", "--thinking", "12")
    assert len(both) == 2
    assert both[1]["thought"] and both[1]["key"] != plain["key"]
    assert lines("--resume", "--thinking", "12") == both
    assert lines("--resume") == both
