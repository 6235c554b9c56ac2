"""What the tests of the HTTP side share: the application in this process, and a real server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from adapter_parts import write_adapter
from served import Served, serve_cli
from starlette.testclient import TestClient

from setaccio.data import Task
from setaccio.runtime import LoadedModel, load_adapter
from setaccio.runtime.model.load import TASK_KEY
from setaccio.runtime.server.engine import Engine
from setaccio.runtime.server.http.app import create_app
from setaccio.runtime.server.http.catalogue import make_catalogue
from setaccio.runtime.server.http.gate import Gate, RequestLimits

URL = "http://127.0.0.1:8471"
NAME = Task.from_schema(
    {
        "title": "name",
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 12}},
        "required": ["name"],
        "additionalProperties": False,
    }
)
"""What the random adapter carries."""


@pytest.fixture(scope="session")
def adapter_file(tiny_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("adapters") / "names.gguf"
    return write_adapter(tiny_gguf, path, 1, {TASK_KEY: NAME.to_metadata()})


@pytest.fixture(scope="session")
def engine(model: LoadedModel, adapter_file: Path) -> Iterator[Engine]:
    adapters = {"names": load_adapter(model, adapter_file)}
    with Engine(model, adapters, parallel=4) as engine:
        # Its thread sets warnings aside while it warms up, which is for the whole process.
        while not engine.stats().ready:
            time.sleep(0.01)
        yield engine


@pytest.fixture
def corrections(tmp_path: Path) -> Path:
    return tmp_path / "corrections.jsonl"


@pytest.fixture
def app(engine: Engine, corrections: Path) -> Gate:
    limits = RequestLimits(max_body=20_000, timeout=60, corrections=corrections)
    return create_app(engine, make_catalogue(engine, "tiny"), limits)


@pytest.fixture
def client(app: Gate) -> TestClient:
    return TestClient(app, base_url=URL)


@pytest.fixture(scope="session")
def server(tiny_gguf: Path, adapter_file: Path) -> Iterator[Served]:
    """A process that serves the tiny model as `tiny-recipe-q8_0`, and the adapter as `names`."""
    with serve_cli(tiny_gguf, "--adapter", adapter_file, "--max-body", "100kB") as served:
        yield served
