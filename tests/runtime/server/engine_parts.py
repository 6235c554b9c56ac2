"""What the tests of the engine share: adapters, a request that keeps a slot busy, and near ties.

A pass over many tokens adds up in another order than one over few, so that tokens that are all but
equally likely may change places. Answers that part anywhere else are at fault.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from adapter_parts import write_adapter

from setaccio.data import Task
from setaccio.runtime import Adapter, LoadedModel, load_adapter
from setaccio.runtime.decode.context import BatchContext
from setaccio.runtime.decode.request import Completion, Feed
from setaccio.runtime.decode.sampling import apply_mask
from setaccio.runtime.decode.scheduler import DecodeJob
from setaccio.runtime.grammar.constraint import compile_schema
from setaccio.runtime.prompt.prompts import Prompts
from setaccio.runtime.server.request_types import ChatRequest

ENDLESS = {
    "type": "object",
    "properties": {
        "tags": {"type": "array", "items": {"enum": ["½ egg", "a cup"]}, "minItems": 5000}
    },
    "required": ["tags"],
    "additionalProperties": False,
}
"""No context holds an answer that fits it."""

CITY = Task.from_schema(
    {
        "title": "city",
        "type": "object",
        "properties": {
            "city": {"type": "string", "maxLength": 12},
            "size": {"enum": ["small", "large"]},
        },
        "required": ["city", "size"],
        "additionalProperties": False,
    }
)


def two_adapters(model: LoadedModel, base: Path, folder: Path) -> dict[str, Adapter]:
    """Two adapters of random weights."""
    return {
        name: load_adapter(model, write_adapter(base, folder / f"{name}.gguf", seed))
        for seed, name in enumerate(("one", "two"), 1)
    }


def plug(seconds: float | None = None, stream: bool = False) -> ChatRequest:
    """A request that decodes until the context is full."""
    return ChatRequest(
        messages=[{"role": "user", "content": "Tags."}],
        schema=ENDLESS,
        seconds=seconds,
        stream=stream,
    )


@contextmanager
def noted_answers() -> Iterator[list[tuple[str, list[int]]]]:
    """Meanwhile, a list of each part that is decoded: its document and the tokens generated."""
    noted: list[tuple[str, list[int]]] = []
    take = DecodeJob.take

    def taken(job: DecodeJob, part: int, completion: Completion) -> str:
        tokens = list(completion.tokens[: len(completion.probabilities)])
        noted.append((job.plan.document.id, tokens))
        return take(job, part, completion)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DecodeJob, "take", taken)
        yield noted


def tie_gap(
    model: LoadedModel,
    adapter: Adapter | None,
    task: Task,
    text: str,
    answers: tuple[Sequence[int], Sequence[int]],
) -> float:
    """Logits between the likeliest token where two constrained answers part and what they took."""
    at = next(n for n, pair in enumerate(zip(*answers, strict=False)) if len({*pair}) > 1)
    common = list(answers[0][:at])
    made = Prompts(model, task).make(text)
    matcher = compile_schema(model, task.json_schema).start()
    for token in common:
        matcher.accept(token)
    context = BatchContext(model)
    context.reserve(1, model.context)
    context.use(adapter)
    row = context.decode([Feed(0, 0, [*made.prefix, *made.rest, *common], 1)])[0].copy()
    context.close()
    row = apply_mask(row, matcher.mask())
    return float(row.max() - min(row[answer[at]] for answer in answers))
