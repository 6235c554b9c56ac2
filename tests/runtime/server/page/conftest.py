"""Chromium, a server with the tiny model, and the page that it serves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from adapter_parts import write_adapter
from page_parts import CHROMIUM, watched
from served import Served, serve_cli

from setaccio.data import Task
from setaccio.data.records import Pair
from setaccio.runtime.model.load import TASK_KEY

NAME = Task.from_schema(
    {
        "title": "name",
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 12}},
        "required": ["name"],
        "additionalProperties": False,
    }
)


# Not for the whole session: beside its event loop no other can be started.
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("no Chromium: install it or set SETACCIO_TEST_CHROMIUM")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@pytest.fixture(scope="session")
def pairs_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pairs") / "corrections.jsonl"


@pytest.fixture(scope="session")
def served(
    tiny_gguf: Path, pairs_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    names = tmp_path_factory.mktemp("adapters") / "names.gguf"
    write_adapter(tiny_gguf, names, 1, {TASK_KEY: NAME.to_metadata()})
    with serve_cli(
        tiny_gguf, "--adapter", names, "--corrections", pairs_file, "--parallel", "2"
    ) as running:
        yield running


@pytest.fixture
def page(browser: Any, served: Served) -> Iterator[Any]:
    with watched(browser, served.url) as tab:
        yield tab


@pytest.fixture(scope="session")
def texts(recipe_pairs: list[Pair]) -> list[str]:
    """Texts that the tiny model was not trained on."""
    return [pair.text for pair in recipe_pairs[80:]]
