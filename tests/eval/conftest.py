"""What the evaluation's tests share: the bundled task and a real, small, quantised model."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from setaccio.data import Task, load_task
from setaccio.runtime import TINY_GGUF

# A busy machine is no failure: nothing here asserts how long something takes.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session")
def recipe() -> Task:
    return load_task("recipe")


@pytest.fixture(scope="session")
def tiny_gguf() -> Path:
    """The bundled GGUF, or the one that SETACCIO_TEST_GGUF names where there is none yet."""
    path = TINY_GGUF if TINY_GGUF.is_file() else Path(os.environ.get("SETACCIO_TEST_GGUF", ""))
    if not path.is_file():
        pytest.fail(f"{TINY_GGUF} is missing and SETACCIO_TEST_GGUF names no file")
    return path


@pytest.fixture(scope="session")
def order() -> Task:
    """A task with every kind of field: nested, optional, numeric, dated, lists of objects."""
    return Task.from_schema(
        {
            "title": "order",
            "type": "object",
            "properties": {
                "number": {"type": "integer"},
                "total": {"anyOf": [{"type": "number"}, {"type": "null"}]},
                "paid": {"type": "boolean"},
                "state": {"enum": ["open", "sent"]},
                "due": {"type": "string", "format": "date"},
                "customer": {"$ref": "#/$defs/Customer"},
                "tags": {"type": "array", "items": {"type": "string"}},
                "items": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"name": {"type": "string"}, "price": {"type": "number"}},
                    },
                },
            },
            "$defs": {
                "Customer": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string"},
                        "mail": {"type": ["string", "null"]},
                    },
                }
            },
        }
    )
