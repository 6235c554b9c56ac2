"""The page shows what the server says: values as they come, their places, how sure they are.

Run: pytest tests/runtime/server/page (needs Chromium and the playwright package)
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from page_parts import DONE, asked, copied, extract, row, values
from served import Served

from setaccio.data.schema.pointers import leaves

pytestmark = pytest.mark.slow
LIT = "all => all.map((mark) => mark.textContent).join('')"


def _rows(page: Any) -> list[Any]:
    return page.query_selector_all(".row.leaf")


def test_the_answer_is_the_servers(page: Any, served: Served, texts: list[str]):
    for text in texts[:2]:
        extract(page, text)
        found = asked(served.url, text, task="recipe")
        assert json.loads(copied(page)) == found["data"]
        assert "Complete and valid." in page.inner_text("#status")
        shown = dict(zip(leaves(found["data"]), _rows(page), strict=True))
        for (pointer, value), element in shown.items():
            words = element.inner_text()
            assert str(value) in words
            assert f"{int(100 * found['confidence'][pointer] + 1e-9)} %" in words
            assert ("not in the text" in words) == (pointer not in found["spans"])


def test_what_is_not_in_the_text_is_said_in_words(page: Any):
    schema = {
        "type": "object",
        "properties": {"dish": {"const": "soup"}, "drink": {"const": "beer"}},
        "required": ["dish", "drink"],
        "additionalProperties": False,
    }
    extract(page, "We had soup.", schema)
    assert "not in the text" not in row(page, "dish").get_attribute("aria-label")
    assert "not in the text" in row(page, "drink").get_attribute("aria-label")
    assert "1 not in the text" in page.inner_text("#numbers")
    page.click("#review")
    assert page.evaluate("document.activeElement.innerText.startsWith('drink')")


def test_every_value_leads_to_its_place_and_back(page: Any, served: Served, texts: list[str]):
    text = "🍲 שלום 👨‍👩‍👧 \U0001d4b7 " + texts[0]
    extract(page, text)
    found = asked(served.url, text, task="recipe")
    assert len(found["spans"]) > 5
    for (pointer, _), element in zip(leaves(found["data"]), _rows(page), strict=True):
        element.focus()
        lit = page.eval_on_selector_all("mark.lit", LIT)
        span = found["spans"].get(pointer)
        assert lit == (text[span["start"] : span["end"]] if span else "")
        if span:
            page.keyboard.press("Enter")
            assert page.evaluate("document.activeElement.matches('mark.lit')")
            page.keyboard.press("Escape")
    mark = page.locator("mark").first
    mark.hover()
    assert page.locator(".row.lit").count() == 1
    words = page.inner_text(".row.lit .value")
    mark.click()
    assert page.evaluate("document.activeElement.querySelector('.value').innerText") == words
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.matches('.row.leaf')")


def test_the_answer_grows_as_it_is_decoded(page: Any, texts: list[str]):
    page.evaluate("""() => {
        window.seen = [];
        const box = document.querySelector("#values");
        new MutationObserver(() => {
            if (box.querySelector(".writing")) seen.push(box.children.length);
        }).observe(box, { childList: true });
    }""")
    extract(page, texts[2])
    seen = page.evaluate("seen")
    assert len(set(seen)) >= 3
    assert seen == sorted(seen)


def test_a_text_that_was_changed_is_said(page: Any, texts: list[str]):
    extract(page, texts[0])
    page.click("#edit-text")
    assert page.input_value("#text") == texts[0]
    assert page.locator(".stale").count() == 0
    page.keyboard.type("Soup. ")
    assert page.locator(".stale").count() == 1
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".stale", state="detached")
    page.wait_for_selector(DONE)
    assert page.inner_text("#reader").replace("\n", "") != texts[0]


def test_long_lists(page: Any):
    eggs = [{"const": f"egg {number}"} for number in range(1, 201)]
    schema = {
        "type": "object",
        "properties": {"eggs": {"type": "array", "prefixItems": eggs, "items": False}},
        "required": ["eggs"],
        "additionalProperties": False,
    }
    schema["properties"]["eggs"]["minItems"] = 200
    extract(page, "Beat egg 2, egg 7 and egg 199.", schema)
    assert values(page) == [f"egg {number}" for number in range(1, 201)]
    page.keyboard.press("a")
    page.keyboard.press("End")
    last = page.locator(".row").last
    assert last.evaluate("node => node === document.activeElement")
    box, inside = page.locator("#values").bounding_box(), last.bounding_box()
    assert box["y"] <= inside["y"]
    assert inside["y"] + inside["height"] <= box["y"] + box["height"] + 1
    assert page.locator("[role=row][tabindex='0']").count() == 1


def test_a_long_document(page: Any, texts: list[str]):
    said = "This is what we want."
    long = "\n\n".join(texts * 12)
    text = f"{long[:2500]} 🍕 {said} {long[2500:100_000]}"
    schema = {
        "type": "object",
        "properties": {"said": {"const": said}},
        "required": ["said"],
        "additionalProperties": False,
    }
    extract(page, text, schema)
    assert page.evaluate("document.querySelector('#reader').textContent") == text
    assert page.inner_text("mark") == said
    box = page.locator("#reader").bounding_box()
    assert page.locator("mark").bounding_box()["y"] > box["y"] + box["height"]
    row(page, "said").click()
    mark = page.locator("mark").bounding_box()
    assert box["y"] <= mark["y"]
    assert mark["y"] + mark["height"] <= box["y"] + box["height"]


def test_right_to_left(page: Any):
    title = "מרק עדשים"
    schema = {
        "type": "object",
        "properties": {"שם": {"const": title}},
        "required": ["שם"],
        "additionalProperties": False,
    }
    extract(page, f"{title} 🍲. לוקחים 2 כוסות.", schema)
    assert page.inner_text("mark") == title
    for place in ("#reader", ".row .value", ".row .key"):
        style = page.eval_on_selector(place, "node => getComputedStyle(node).direction")
        assert style == "rtl", place


def test_numbers_keep_their_digits(page: Any):
    schema = {
        "type": "object",
        "properties": {"code": {"const": 12345678901234567890}},
        "required": ["code"],
        "additionalProperties": False,
    }
    extract(page, "The code is 12345678901234567890.", schema)
    assert values(page) == ["12345678901234567890"]
    assert json.loads(copied(page)) == {"code": 12345678901234567890}
    assert page.inner_text("mark") == "12345678901234567890"
