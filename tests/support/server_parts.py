"""What the tests of the server's engine share: adapters, and a request that keeps a slot busy."""

from __future__ import annotations

from pathlib import Path

from adapter_parts import write_adapter

from setaccio.data import Task
from setaccio.runtime import Adapter, LoadedModel, load_adapter
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
