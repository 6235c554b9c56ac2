"""What the evaluation's tests share: a task with every kind of field."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from setaccio.data import Task

# A busy machine is no failure: nothing here asserts how long something takes.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.fixture(scope="session")
def reference_outputs(repository: Path) -> Path:
    """Outputs of the reference experiment's untuned models, with people's verdicts.

    They may not be shipped: SETACCIO_REFERENCE_OUTPUTS names the file, or it lies in a folder
    ``shared/data`` beside the repository. Without it the tests that need it are skipped.
    """
    beside = repository.parent / "shared" / "data" / "reference_outputs_base.jsonl"
    file = Path(os.environ.get("SETACCIO_REFERENCE_OUTPUTS") or beside)
    if not file.is_file():
        pytest.skip("the reference experiment's outputs are not here")
    return file


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
