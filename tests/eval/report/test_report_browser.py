"""The report in a real browser: it runs nothing but itself, and the keyboard does everything.

Run: pytest tests/eval/report/test_report_browser.py (needs Chromium and the playwright package)
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_run import ATTACKS, HOSTILE, PAIRS, make_run

from setaccio.eval.report.write import write_report

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = os.environ.get("SETACCIO_TEST_CHROMIUM") or next(
    filter(None, map(shutil.which, NAMES)), None
)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not CHROMIUM, reason="no Chromium: install it or set SETACCIO_TEST_CHROMIUM"
    ),
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(make_run(tmp_path_factory.mktemp("browser") / "run"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@pytest.fixture
def page(browser: Any, file: Path) -> Iterator[Any]:
    """The report, opened from disk; fails afterwards on any error, request or script of others."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    tab = context.new_page()
    troubles: list[str] = []
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("console", lambda line: troubles.append(line.text) if line.type == "error" else None)
    tab.on("request", lambda one: troubles.append(one.url) if one.url != file.as_uri() else None)
    tab.set_default_timeout(60_000)
    tab.goto(file.as_uri())
    tab.wait_for_selector("#detail h3")
    yield tab
    assert tab.evaluate("window.hit") is None
    assert troubles == []
    context.close()


def _title(page: Any) -> str:
    return page.inner_text("#detail h3")


def test_hostile_documents_are_text(page):
    for _ in PAIRS:
        page.keyboard.press("j")
        for raw in page.query_selector_all("#detail summary"):
            raw.click()
    assert _title(page) == HOSTILE
    source = page.eval_on_selector(".source", "node => node.textContent")
    assert source == " ".join(ATTACKS)
    page.keyboard.press("2")
    assert ATTACKS[1] in page.inner_text("#detail pre")
    assert page.evaluate("document.querySelectorAll('#detail img, #detail script').length") == 0


def test_the_policy_stops_a_script_that_got_in(browser, file):
    tab = browser.new_page()
    tab.goto(file.as_uri())
    refused = tab.evaluate(
        """() => {
            try {
                document.body.innerHTML = "<img src=x onerror='window.hit = 1'>";
                return "ran";
            } catch (error) { return error.name; }
        }"""
    )
    assert refused == "TypeError"
    assert tab.evaluate("window.hit") is None
    tab.close()


def test_keys_walk_through_documents_and_arms(page):
    assert _title(page) == "good"
    page.keyboard.press("j")
    assert _title(page) == "bad"
    assert page.evaluate("document.activeElement.id") == "list"
    page.keyboard.press("ArrowDown")
    assert _title(page) == "cut"
    page.keyboard.press("k")
    page.keyboard.press("k")
    page.keyboard.press("k")
    assert _title(page) == "good"
    page.keyboard.press("End")
    assert _title(page) == HOSTILE
    active = page.get_attribute("#list", "aria-activedescendant")
    assert page.get_attribute(f"#{active}", "aria-selected") == "true"
    page.keyboard.press("2")
    assert page.input_value("#arm") == "1"
    assert "invalid_json" in page.inner_text("#detail .head")


def test_filters_search_and_sort(page):
    count = page.locator("#count")
    assert count.inner_text() == "4 documents"
    page.check("#errors input[value='3']")
    assert count.inner_text() == "1 of 4 documents"
    assert _title(page) == "bad"
    page.click("#clear")
    page.check("#statuses input[value='truncated_output']")
    assert _title(page) == "cut"
    page.click("#clear")
    page.check("#errors input[value='0']")
    assert _title(page) == "good"
    page.click("#clear")
    page.select_option("#field", "cups")
    assert _title(page) == "cut"
    page.click("#clear")
    page.keyboard.press("/")
    page.keyboard.type("12 SPOONS")
    playwright.expect(count).to_have_text("1 of 4 documents")
    assert _title(page) == "bad"
    page.fill("#search", "nothing has this")
    page.wait_for_selector("#rows .none")
    assert page.inner_text("#detail") == ""
    page.click("#clear")
    page.select_option("#sort", "best")
    page.press("#sort", "Escape")
    page.keyboard.press("Home")
    assert _title(page) == "good"


def test_a_value_leads_to_its_source(page):
    row = page.locator("tr.leaf", has_text="Soup").first
    row.focus()
    page.keyboard.press("Enter")
    assert page.eval_on_selector(".source mark.lit", "node => node.textContent") == "Soup"
    assert page.locator("mark.correct").count() >= 4
    page.keyboard.press("j")
    texts = page.eval_on_selector_all("mark.missing", "all => all.map((one) => one.textContent)")
    assert texts == ["Serve it."]
    assert page.locator("tr.wrong del").inner_text() == "Soup"
    assert page.locator("tr.wrong ins").inner_text() == "Stew"


def test_themes_and_small_screens(page):
    def paper() -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    light = paper()
    page.emulate_media(color_scheme="dark")
    dark = paper()
    assert light != dark
    page.click("#theme")
    assert page.inner_text("#theme") == "Theme: light"
    assert paper() == light
    page.click("#theme")
    page.emulate_media(color_scheme="light")
    assert paper() == dark
    for width in (360, 800, 1280):
        page.set_viewport_size({"width": width, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_on_paper_there_are_no_controls(page):
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for control in ("#tools", "#list", "nav"):
        assert not page.is_visible(control)
    assert page.is_visible(".headline >> nth=0")
    assert page.is_visible(".source")
    assert page.pdf()[:5] == b"%PDF-"


def test_a_link_leads_back_to_its_document(page, file):
    page.keyboard.press("j")
    link = page.evaluate("location.href")
    assert link.startswith(file.as_uri() + "#")
    page.keyboard.press("End")
    page.evaluate("link => { location.href = link; location.reload(); }", link)
    playwright.expect(page.locator("#detail h3")).to_have_text("bad")


def test_many_documents_are_few_rows(browser, file, tmp_path):
    """Rows are made only for what is on the screen, so thousands of documents stay usable."""
    text = file.read_text(encoding="utf-8")
    first = text.index('{"id":"good"')
    last = text.index(',{"id":"bad"')
    many = ",".join(text[first:last].replace('"good"', f'"d{n}"', 1) for n in range(3000))
    large = tmp_path / "large.html"
    large.write_text(text[:first] + many + text[last:], encoding="utf-8")
    tab = browser.new_page()
    tab.set_default_timeout(60_000)
    tab.goto(large.as_uri())
    tab.wait_for_selector("#detail h3")
    assert tab.locator("#count").inner_text() == "3003 documents"
    tab.focus("#list")
    tab.keyboard.press("End")
    assert tab.inner_text("#detail h3") == HOSTILE
    assert tab.locator(".row").count() < 60
    tab.fill("#search", "d2999")
    playwright.expect(tab.locator("#detail h3")).to_have_text("d2999", timeout=60_000)
    tab.close()
