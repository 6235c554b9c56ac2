"""A review in a real browser, without a mouse: accept, correct, skip, and nothing of a text runs.

Run: pytest tests/runtime/server/page/test_page_review.py (needs Chromium)
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from page_parts import CONTRAST, UNNAMED, values, watched
from review_parts import ANSWERS, result_row, review_folder, write_lines
from served import Served, review_cli

pytestmark = pytest.mark.slow
OUT = "corrections.jsonl"
FITS = "document.documentElement.scrollWidth <= innerWidth"


@contextmanager
def _review(
    browser: Any, folder: Path, *expected: str, of_c: dict[str, Any] | None = None, **options: Any
) -> Iterator[tuple[Any, Served]]:
    results, texts = review_folder(folder, **of_c or {})
    with (
        review_cli(results, "--texts", texts, folder=folder) as served,
        watched(browser, served.url, *expected, **options) as page,
    ):
        page.wait_for_selector("#saving:not([hidden])")
        yield page, served


def _lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / OUT).read_text().splitlines()]


def _at(page: Any, name: str) -> None:
    page.wait_for_selector(f"#place:text-matches(', {name}$')")


def test_a_review_by_keyboard_alone(browser: Any, tmp_path: Path) -> None:
    with _review(browser, tmp_path) as (page, served):
        _at(page, "d")
        assert "0 of 4 rows done" in page.inner_text("#progress-words")
        page.keyboard.press("s")
        _at(page, "c")
        assert page.evaluate("document.activeElement.matches('.row')")
        page.keyboard.press("n")
        page.keyboard.press("n")
        page.keyboard.press("n")
        assert page.evaluate("document.activeElement.innerText.includes('pepper')")
        page.keyboard.press("Delete")
        assert page.inner_text("#keep") == "Save correction"
        page.keyboard.press("Control+z")
        assert page.inner_text("#keep") == "Accept"
        page.keyboard.press("a")
        page.keyboard.press("End")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Delete")
        page.keyboard.press("Control+Enter")
        _at(page, "a")
        assert page.inner_text("#said") == "Correction saved."
        assert [line["verdict"] for line in _lines(tmp_path)] == ["corrected"]
        assert _lines(tmp_path)[0]["gold"]["ingredients"] == ["carrots", "salt"]
        page.keyboard.press("y")
        _at(page, "b")
        page.keyboard.press("Control+Enter")
        _at(page, "d")
        assert page.inner_text("#verdict") == "skipped"
        assert "3 of 4 rows done" in page.inner_text("#progress-words")
        page.keyboard.press("y")  # an empty answer is not saved by mistake
        assert "Nothing is written yet" in page.inner_text("#said")
        page.keyboard.press("a")
        page.keyboard.press("Home")
        page.keyboard.press("e")
        page.keyboard.type("Nothing to eat here")
        page.keyboard.press("Control+s")
        page.wait_for_selector("#status:has-text('No other row is left')")
        page.keyboard.press("Tab")
        page.locator("#finish").focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("#status:has-text('has ended')")
        assert served.process.wait(60) == 0
    assert {line["id"]: line["verdict"] for line in _lines(tmp_path)} == {
        "a": "accepted",
        "b": "accepted",
        "c": "corrected",
        "d": "corrected",
    }
    assert _lines(tmp_path)[-1]["gold"] == {
        "title": "Nothing to eat here",
        "ingredients": [],
        "directions": [],
    }


def test_keys_stay_with_the_answer(browser: Any, tmp_path: Path) -> None:
    """Whoever types on must not type commands: `s` skips and `y` accepts."""
    on_row = "document.activeElement.matches('.row')"
    with _review(browser, tmp_path) as (page, _):
        _at(page, "d")
        page.keyboard.press("a")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("+")
        page.keyboard.type("salt")
        page.keyboard.press("Enter")
        page.keyboard.press("Control+z")
        assert page.evaluate(on_row)
        page.keyboard.press("Control+z")
        assert page.evaluate(on_row)
        page.keyboard.press("+")
        page.keyboard.type("yeast")
        page.keyboard.press("Enter")
        page.locator("#undo").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")  # the last one, so that the button goes
        assert page.evaluate(on_row)
        page.keyboard.press("]")
        _at(page, "c")
        assert page.evaluate(on_row)
        page.keyboard.press("e")
        page.keyboard.type("Soups")
        assert page.input_value(".editor textarea").endswith("Soups")
    assert not (tmp_path / OUT).exists()


def test_a_row_can_be_gone_back_to(browser: Any, tmp_path: Path) -> None:
    with _review(browser, tmp_path) as (page, _):
        page.keyboard.press("s")
        _at(page, "c")
        page.keyboard.press("y")
        _at(page, "a")
        page.keyboard.press("[")
        _at(page, "c")
        assert page.inner_text("#verdict") == "accepted"
        page.keyboard.press("a")
        page.keyboard.press("Home")
        page.keyboard.press("e")
        page.keyboard.press("Control+a")
        page.keyboard.type("Soup with carrots")
        page.keyboard.press("Enter")
        page.keyboard.press("]")
        _at(page, "a")
        page.keyboard.press("[")  # what was changed is still there
        _at(page, "c")
        assert values(page)[0] == "Soup with carrots"
        assert page.locator("mark", has_text="Soup with").count() == 1
        page.keyboard.press("Control+Enter")
        _at(page, "a")
        page.reload()
        _at(page, "a")
        page.keyboard.press("[")
        _at(page, "c")
        assert page.inner_text("#verdict") == "corrected"
        assert values(page)[0] == "Soup with carrots"
        page.locator("#finish").click()
        page.wait_for_selector("#status:has-text('has ended')")
    assert [line["gold"]["title"] for line in _lines(tmp_path)][-1:] == ["Soup with carrots"]


def test_what_breaks_the_schema_is_said_and_kept_in_the_page(browser: Any, tmp_path: Path) -> None:
    wrong = {**ANSWERS["c"], "title": 3}
    of_c = {"data": wrong, "spans": {}}
    with _review(browser, tmp_path, "status of 400", of_c=of_c) as (page, _):
        page.keyboard.press("s")
        _at(page, "c")
        page.keyboard.press("y")
        page.wait_for_selector("#error:not([hidden])")
        assert "$.title" in page.inner_text("#error-words")
        assert values(page)[0] == "3"
        assert not (tmp_path / OUT).exists()


def test_nothing_of_a_text_or_an_answer_runs(browser: Any, tmp_path: Path) -> None:
    attack = "<img src=x onerror='window.hit = 1'><script>window.hit = 1</script>"
    bad = dict.fromkeys(("id", "text", "raw", "message", "model"), attack)
    row = {**result_row("d", 0), **bad}
    good = {**row, "status": "ok", "data": {"title": attack, "ingredients": [], "directions": []}}
    results = write_lines(tmp_path / "r.jsonl", [row, {**good, "id": "good"}])
    with (
        review_cli(results, folder=tmp_path) as served,
        watched(browser, served.url) as page,
    ):
        page.wait_for_selector("#saving:not([hidden])")
        page.click("#raw-box summary")
        assert page.inner_text("#raw") == attack
        page.keyboard.press("]")
        page.wait_for_selector("mark")
        assert page.evaluate("document.querySelector('#reader').textContent") == attack
        assert values(page) == [attack]
        page.keyboard.press("y")
        page.wait_for_selector("#said:has-text('Accepted')")
        made = "document.querySelectorAll('body img, body script').length"
        assert page.evaluate(made) == 0
    assert _lines(tmp_path)[0]["gold"]["title"] == attack


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast_names_and_small_screens(browser: Any, tmp_path: Path, theme: str) -> None:
    with _review(browser, tmp_path, color_scheme=theme) as (page, _):
        for _number in range(4):
            assert page.evaluate(CONTRAST) == []
            assert page.evaluate(UNNAMED) == []
            page.keyboard.press("]")
        page.keyboard.press("a")
        page.keyboard.press("e")
        assert page.evaluate(CONTRAST) == []
        page.screenshot(path=tmp_path / f"{theme}.png")
        page.keyboard.press("Escape")
        page.set_viewport_size({"width": 360, "height": 740})
        for _number in range(4):
            assert page.evaluate(FITS)
            page.keyboard.press("[")
        assert page.locator("#keep").bounding_box()["y"] < 740
        page.keyboard.press("?")
        assert page.is_visible("#keys")
        assert page.evaluate(FITS)
        page.screenshot(path=tmp_path / f"{theme}-small.png")
