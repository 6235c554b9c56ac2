"""What the evaluation's tests share: a task with every kind of field."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from setaccio.data import Task

# A busy machine is no failure: nothing here asserts how long something takes.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


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
