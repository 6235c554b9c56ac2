"""The keyboard does everything, small screens and both themes are served, contrast is enough.

Run: pytest tests/runtime/server/page/test_page_access.py (needs Chromium)
"""

from __future__ import annotations

from typing import Any

import pytest
from page_parts import CONTRAST, DONE, UNNAMED, extract, watched
from served import Served

pytestmark = pytest.mark.slow


def _focus(page: Any) -> str:
    return page.evaluate("document.activeElement.id || document.activeElement.tagName")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast_and_names(browser: Any, served: Served, texts: list[str], theme: str):
    with watched(browser, served.url, color_scheme=theme) as page:
        page.wait_for_selector("#task option", state="attached")
        assert page.evaluate(CONTRAST) == []
        extract(page, texts[0])
        page.keyboard.press("a")
        assert page.evaluate(CONTRAST) == []
        assert page.evaluate(UNNAMED) == []
        page.keyboard.press("e")
        assert page.evaluate(CONTRAST) == []
        assert page.evaluate(UNNAMED) == []
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        assert page.evaluate(CONTRAST) == []


def test_without_a_mouse(page: Any, texts: list[str]):
    page.wait_for_selector("#task option", state="attached")
    page.keyboard.press("Tab")
    assert page.inner_text(":focus") == "Skip to the answer"
    page.keyboard.press("Enter")
    assert _focus(page) == "answer-title"
    page.keyboard.press("t")
    assert _focus(page) == "text"
    page.keyboard.insert_text(texts[0])
    page.keyboard.type(" ?")  # in a field it is only a sign
    assert not page.is_visible("#keys")
    page.keyboard.press("Shift+Tab")
    page.evaluate("document.querySelector('#task').focus()")
    page.keyboard.type("recipe")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(DONE)
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("a")
    assert page.evaluate("document.activeElement.matches('.row')")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('.row.active .acts button')")
    page.keyboard.press("?")
    assert page.is_visible("#keys")
    for word in ("extract", "save as pair", "history"):
        assert word in page.inner_text("#key-list")
    page.keyboard.press("Tab")
    page.uncheck("#single-keys")
    page.keyboard.press("Escape")
    assert not page.is_visible("#keys")
    page.keyboard.press("h")
    assert not page.is_visible("#history")


def test_who_hears_it_is_told(page: Any, texts: list[str]):
    page.evaluate("""() => {
        window.told = [];
        const box = document.querySelector("#status");
        new MutationObserver(() => told.push(box.innerText)).observe(box, { childList: true });
    }""")
    extract(page, texts[0])
    assert page.get_attribute("#status", "role") == "status"
    told = page.evaluate("told")
    assert ["Reading" in told[-3], "Writing" in told[-2], "Complete" in told[-1]] == [True] * 3
    label = page.get_attribute(".row.leaf >> nth=1", "aria-label")
    assert label.startswith("ingredients 1: ")
    assert "% sure" in label


def test_small_screens(browser: Any, served: Served, texts: list[str]):
    fits = "document.documentElement.scrollWidth <= innerWidth"
    with watched(browser, served.url, viewport={"width": 360, "height": 740}) as page:
        page.wait_for_selector("#task option", state="attached")
        assert page.evaluate(fits)
        extract(page, texts[0])
        assert page.evaluate(fits)
        page.locator(".row.leaf").last.click()
        text, line = page.locator("#reader").bounding_box(), page.locator(":focus").bounding_box()
        assert text["y"] >= 0
        assert text["y"] + text["height"] <= line["y"]
        assert line["y"] + line["height"] <= 740
        page.click(".row.active .acts button:has-text('Edit')")
        assert page.locator(".editor").bounding_box()["width"] > 250
        assert page.evaluate(fits)
        for dialog in ("keys", "history"):
            page.evaluate("name => document.querySelector(`#open-${name}`).click()", dialog)
            assert page.evaluate(f"{fits} && !document.querySelector('#{dialog}').scrollLeft")
            page.keyboard.press("Escape")


def test_themes(page: Any):
    def paper() -> str:
        found: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return found

    light = paper()
    page.emulate_media(color_scheme="dark")
    dark = paper()
    assert light != dark
    page.click("#theme")
    assert paper() == light
    page.click("#theme")
    page.emulate_media(color_scheme="light")
    assert paper() == dark
    page.reload()
    assert paper() == dark
