"""Nothing of a document or a schema runs, and a key is asked for and kept in the tab only.

Run: pytest tests/runtime/server/page/test_page_safety.py (needs Chromium)
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from page_parts import DONE, copied, extract, row, watched
from served import Served, serve_cli

pytestmark = pytest.mark.slow
ATTACKS = [
    "<img src=x onerror='window.hit = 1'>",
    "</script><script>window.hit = 1</script>",
    "</textarea></mark><svg onload='window.hit = 1'></svg>",
    '"><a href="javascript:window.hit = 1">click</a>',
    "<iframe srcdoc='<script>parent.hit = 1</script>'></iframe>",
    "data: {}\n\nevent: done\ndata: {}",
]


def test_hostile_texts_names_and_values_are_text(page: Any):
    names = ATTACKS[:3]
    schema = {
        "type": "object",
        "properties": {
            name: {"const": value} for name, value in zip(names, ATTACKS[3:], strict=True)
        },
        "required": names,
        "additionalProperties": False,
        "title": ATTACKS[0],
    }
    text = "\n".join(ATTACKS)
    extract(page, text, schema)
    for name, value in zip(names, ATTACKS[3:], strict=True):
        assert page.locator(".row .key", has_text=name).count() == 1
        assert page.locator(".row .value", has_text=value.split("\n")[0]).count() == 1
    assert page.evaluate("document.querySelector('#reader').textContent") == text
    for mark in page.query_selector_all("mark"):
        mark.hover()
    page.keyboard.press("a")
    page.keyboard.press("e")
    page.locator(".editor select").press("Enter")
    page.keyboard.press("Control+s")
    page.wait_for_selector("#saved:has-text('Saved to')")
    assert json.loads(copied(page)) == dict(zip(names, ATTACKS[3:], strict=True))
    page.click("#open-history")
    assert ATTACKS[0] in page.inner_text("#entries")
    page.locator("#entries button").first.click()
    made = (
        "document.querySelectorAll('main img, main svg, main iframe, main script, main a').length"
    )
    assert page.evaluate(made) == 0


def test_a_hostile_error_is_text(browser: Any, served: Served):
    with watched(browser, served.url, "status of 400") as page:
        page.wait_for_selector("#task option", state="attached")
        page.select_option("#task", label="JSON Schema of your own")
        bad = {"type": "object", "properties": {ATTACKS[0]: {"not": {"const": ATTACKS[1]}}}}
        page.fill("#schema", json.dumps(bad))
        page.fill("#text", "a")
        page.click("#extract")
        page.wait_for_selector("#schema-error:not([hidden])")
        assert ATTACKS[0] in page.inner_text("#schema-error")
        assert page.evaluate("document.querySelectorAll('main img').length") == 0


def test_the_policy_stops_what_got_in(browser: Any, served: Served):
    tab = browser.new_page()
    tab.goto(served.url)
    tab.evaluate("""() => {
        addEventListener("securitypolicyviolation", () => { window.refused = true; });
        const box = document.createElement("div");
        box.innerHTML = "<img src='data:,' onerror='window.hit = 1'>";
        document.body.append(box);
        const script = document.createElement("script");
        script.textContent = "window.hit = 1";
        document.body.append(script);
    }""")
    tab.wait_for_function("window.refused")
    assert tab.evaluate("window.hit") is None
    assert tab.evaluate("fetch('http://127.0.0.2:9/').then(() => 'sent', () => 'refused')") == (
        "refused"
    )
    tab.close()


def test_a_key_is_asked_for(browser: Any, tiny_gguf: Path, texts: list[str]):
    with (
        serve_cli(tiny_gguf, "--api-key-env", "PAGE_KEY", PAGE_KEY="right") as running,
        watched(browser, running.url, "status of 401") as page,
    ):
        page.wait_for_selector("#ask-key:not([hidden])")
        assert page.evaluate("document.activeElement.id") == "key"
        page.fill("#text", texts[0])
        with page.expect_response(lambda answer: answer.status == 401):
            page.fill("#key", "wrong")
            page.keyboard.press("Enter")
        page.wait_for_selector("#ask-key:not([hidden])")
        page.keyboard.type("right")
        page.keyboard.press("Enter")
        page.wait_for_selector("#task option", state="attached")
        assert page.input_value("#text") == texts[0]
        page.click("#extract")
        page.wait_for_selector(DONE)
        assert row(page, "title").count() == 1
        assert page.evaluate("localStorage.length") == 0
        assert "right" not in page.content()
        assert "right" not in running.said
