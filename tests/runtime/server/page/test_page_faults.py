"""A lost server, a full queue, a wrong schema, a stop: clear words, and the text is kept.

Run: pytest tests/runtime/server/page/test_page_faults.py (needs Chromium)
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from page_parts import DONE, extract, row, values, watched
from served import PATIENCE, Served, serve_cli

pytestmark = pytest.mark.slow


def _until(url: str, good: Callable[[dict[str, Any]], bool]) -> None:
    """Wait for a state of the server."""
    end = time.monotonic() + PATIENCE
    while not good(state := httpx.get(f"{url}/health").json()):
        assert time.monotonic() < end, state
        time.sleep(0.05)


def _start(page: Any, text: str) -> None:
    page.wait_for_selector("#task option", state="attached")
    page.select_option("#task", "recipe")
    page.fill("#text", text)
    page.click("#extract")


def test_a_lost_server_and_its_return(browser: Any, tiny_gguf: Path, texts: list[str]):
    with serve_cli(tiny_gguf) as running, watched(browser, running.url, "ERR_") as page:
        extract(page, texts[0])
        running.end(signal.SIGKILL)
        page.click("#edit-text")
        page.fill("#text", texts[1])
        page.click("#extract")
        page.wait_for_selector("#error:has-text('does not answer')")
        assert page.inner_text("#reader") == texts[1]
        page.click("#edit-text")
        assert page.input_value("#text") == texts[1]
        with serve_cli(tiny_gguf, "--port", running.port):
            page.click("#retry")
            page.wait_for_selector(DONE)
            assert not page.is_visible("#error")
            assert row(page, "title").count() == 1


def test_a_server_that_dies_in_mid_answer(browser: Any, tiny_gguf: Path, texts: list[str]):
    with serve_cli(tiny_gguf) as running, watched(browser, running.url, "ERR_") as page:
        _start(page, "\n\n".join(texts * 3))
        page.wait_for_selector(".writing")
        running.end(signal.SIGKILL)
        page.wait_for_selector("#error:has-text('does not answer')")
        assert "not complete" in page.inner_text("#status")
        assert not page.is_visible("#save")
        assert page.locator(".row").count() > 0


def test_stop_frees_the_slot(page: Any, served: Served, texts: list[str]):
    _start(page, "\n\n".join(texts * 3))
    page.wait_for_selector(".writing")
    page.keyboard.press("Escape")
    page.wait_for_selector("#status:has-text('Stopped by you')")
    assert not page.is_visible("#save")
    _until(served.url, lambda state: state["busy"] == 0)
    extract(page, texts[0])
    assert len(values(page)) > 3


def test_a_full_queue(browser: Any, tiny_gguf: Path, texts: list[str]):
    with (
        serve_cli(tiny_gguf, "--parallel", 1, "--queue", 1) as running,
        watched(browser, running.url, "status of 429") as page,
        watched(browser, running.url) as first,
        watched(browser, running.url) as second,
    ):
        for tab in (first, second):
            _start(tab, "\n\n".join(texts * 6))
        _until(running.url, lambda state: state["queued"] >= 1)
        _start(page, texts[0])
        page.wait_for_selector("#error:has-text('Try again in')")
        for tab in (first, second):
            tab.click("#stop")
        _until(running.url, lambda state: state["busy"] + state["queued"] == 0)
        page.click("#retry")
        page.wait_for_selector(DONE)


def test_a_schema_that_can_not_be_enforced(browser: Any, served: Served):
    with watched(browser, served.url, "status of 400") as page:
        page.wait_for_selector("#task option", state="attached")
        page.select_option("#task", label="JSON Schema of your own")
        page.fill("#text", "Bob is here.")
        page.fill("#schema", '{"type": "object",\n "properties": {"a": }}')
        page.click("#extract")
        assert "line 2" in page.inner_text("#schema-error")
        bad = {"type": "object", "properties": {"a": {"not": {"type": "null"}}}}
        page.fill("#schema", json.dumps(bad))
        assert not page.is_visible("#schema-error")
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("#schema-error:has-text('properties.a.not')")
        assert page.get_attribute("#schema", "aria-invalid") == "true"
        assert page.evaluate("document.activeElement.id") == "schema"
        assert not page.is_visible("#values")


def test_a_text_without_words(page: Any):
    page.wait_for_selector("#task option", state="attached")
    page.fill("#text", " \n ")
    page.click("#extract")
    assert "no text yet" in page.inner_text("#status")
    assert page.evaluate("document.activeElement.id") == "text"
