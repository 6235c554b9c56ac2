"""A document goes through the rooms of the runtime in one order, and enters each once.

Run: pytest tests/runtime/test_road.py
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType

import pytest

import setaccio.runtime
from setaccio.data import Document, Task
from setaccio.runtime import Extraction, Extractor, LoadedModel, load_model

ROOT = Path(str(setaccio.runtime.__file__)).parent
# Vocabulary and llama.cpp itself (model/) serve all of them.
ROOMS = {
    "planner.py": "plan",
    "prompt": "plan",
    "decode": "decode",
    "grammar": "decode",
    "result": "judge",
    "extraction.py": "write",
}
# What is no work of the room that it is kept in: a plan makes the guards of an answer, a prompt
# knows its size, a span belongs to the extraction that is written.
ELSEWHERE = {"make_judge", "make_times", "fixed_texts", "_texts", "<genexpr>", "size", "to_dict"}
TAGS = {
    "type": "object",
    "properties": {
        "tags": {
            "type": "array",
            "items": {"enum": ["½ egg", "a cup"]},
            "minItems": 200,
            "maxItems": 200,
        }
    },
    "required": ["tags"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def narrow(tiny_gguf: Path) -> Iterator[LoadedModel]:
    model = load_model(tiny_gguf, context=640, threads=1)
    yield model
    model.close()


@functools.cache
def room_of(code: CodeType) -> str:
    """The room that a function belongs to, if any."""
    path = Path(code.co_filename)
    if code.co_name in ELSEWHERE or not path.is_relative_to(ROOT):
        return ""
    return ROOMS.get(path.relative_to(ROOT).parts[0], "")


def rooms_of(extractor: Extractor, text: str) -> tuple[list[str], Extraction]:
    """The rooms that a document enters from its plan on, and what comes out."""
    entered: list[str] = []

    def trace(frame: FrameType, event: str, _: object) -> None:
        room = room_of(frame.f_code) if event == "call" else ""
        if room and entered[-1:] != [room]:
            entered.append(room)

    sys.setprofile(trace)
    try:
        results = extractor.extract_all([Document("one", text)])
        extraction = next(results)
        extraction.to_json()
    finally:
        sys.setprofile(None)
    # Before the plan stands the scheduler, which asks for the document.
    return entered[entered.index("plan") :], extraction


ROAD = ["plan", "decode", "judge", "write"]


def test_each_room_is_entered_once(model: LoadedModel, recipe: Task) -> None:
    rooms, _ = rooms_of(Extractor(model, recipe, max_tokens=12), "Beat 2 eggs.")
    assert rooms == ROAD


def test_chunks_are_planned_before_any_is_decoded(narrow: LoadedModel, recipe: Task) -> None:
    text = "Beat the eggs with ½ cup of crème fraîche. " * 60
    rooms, extraction = rooms_of(Extractor(narrow, recipe, max_tokens=8), text)
    assert rooms == ROAD
    assert extraction.chunks > 1


def test_an_answer_that_does_not_fit_is_not_planned_anew(narrow: LoadedModel) -> None:
    task = Task.from_schema(TAGS, "List them.")
    text = "Beat the eggs with ½ cup of crème fraîche. " * 9
    rooms, extraction = rooms_of(Extractor(narrow, task, stop_repetition=False), text)
    assert rooms == ROAD
    assert extraction.chunks > 1


def test_what_is_refused_is_not_decoded(model: LoadedModel, recipe: Task) -> None:
    rooms, extraction = rooms_of(Extractor(model, recipe, max_tokens=12), " ")
    # The scheduler looks for something to decode and finds nothing.
    assert [room for room in rooms if room != "decode"] == ["plan", "judge", "write"]
    assert extraction.completion_tokens == 0
