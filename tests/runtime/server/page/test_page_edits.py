"""Values are put right by hand, saved as pairs, copied and kept for the sitting.

Run: pytest tests/runtime/server/page/test_page_edits.py (needs Chromium)
"""

from __future__ import annotations

import json
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from document_files import lines_of, make_pdf
from page_parts import DONE, copied, extract, row, values, watched
from served import Served

from setaccio.data import Task
from setaccio.data.records import load_pairs

pytestmark = pytest.mark.slow
FORM = {
    "type": "object",
    "properties": {
        "who": {"type": "string", "enum": ["Ann", "Bob"]},
        "age": {"type": ["integer", "null"], "minimum": 7, "maximum": 9},
        "glad": {"type": "boolean"},
        "word": {"type": "string", "maxLength": 12},
        "list": {"type": "array", "items": {"type": "string", "maxLength": 8}, "maxItems": 3},
        "note": {"type": "string", "maxLength": 8},
    },
    "required": ["who", "age", "glad", "word", "list"],
    "additionalProperties": False,
}
TEXT = "Bob is 8 years old and glad about a 🍕 pizza."


def _edit(page: Any, label: str) -> Any:
    row(page, label).focus()
    page.keyboard.press("e")
    return page.locator(".editor")


def _choose(page: Any, label: str, words: str) -> None:
    _edit(page, label).locator("select").last.select_option(words)
    page.keyboard.press("Enter")


def _write(page: Any, label: str, words: str) -> None:
    _edit(page, label).locator("textarea, input").fill(words)
    page.keyboard.press("Enter")


def test_values_of_every_kind_are_put_right_and_saved(page: Any, pairs_file: Path):
    extract(page, TEXT, FORM)
    _choose(page, "who", "Bob")
    _choose(page, "glad", "true")
    _write(page, "word", "pizza")
    kind = _edit(page, "age").locator("select.kind")
    kind.select_option("null")
    kind.select_option("integer")
    page.locator(".editor input").fill("8.5")
    page.keyboard.press("Enter")
    assert "whole number" in page.inner_text(".editor .trouble")
    page.locator(".editor input").fill("8")
    page.keyboard.press("Enter")
    while page.locator(".row.item").count():
        page.locator(".row.item").first.focus()
        page.keyboard.press("Delete")
    row(page, "list").focus()
    page.keyboard.press("+")
    page.keyboard.type("glad")
    page.keyboard.press("Enter")
    wanted = {"who": "Bob", "age": 8, "glad": True, "word": "pizza", "list": ["glad"]}
    shown = json.loads(copied(page))
    shown.pop("note", None)
    assert shown == wanted
    assert page.eval_on_selector_all("mark", "all => all.map((one) => one.textContent)") == [
        "Bob",
        "8",
        "glad",
        "pizza",
    ]
    page.keyboard.press("Control+s")
    page.wait_for_selector("#saved:has-text('Saved to')")
    assert str(pairs_file) in page.inner_text("#saved")
    found, problems = load_pairs(pairs_file)
    assert not problems
    assert found[-1].text == TEXT
    assert {key: value for key, value in found[-1].gold.items() if key != "note"} == wanted
    assert Task.from_schema(FORM).problems(found[-1].gold) == []


def test_a_pair_that_does_not_fit_is_refused_in_words(
    browser: Any, served: Served, pairs_file: Path
):
    before = pairs_file.read_bytes() if pairs_file.exists() else b""
    with watched(browser, served.url, "status of 400") as page:
        extract(page, TEXT, FORM)
        _write(page, "word", "far too long a word")
        page.click("#save")
        page.wait_for_selector("#saved.bad:has-text('word')")
    assert (pairs_file.read_bytes() if pairs_file.exists() else b"") == before


def test_changes_are_left_and_undone(page: Any):
    extract(page, TEXT, FORM)
    first = json.loads(copied(page))
    _edit(page, "word").locator("textarea").fill("other")
    page.keyboard.press("Escape")
    assert json.loads(copied(page)) == first
    assert page.evaluate("document.activeElement.id") == "copy"
    many = page.locator(".row.item").count()
    row(page, "list").focus()
    page.keyboard.press("Insert")
    if many < 3:
        page.keyboard.press("Escape")  # leaves nothing behind
    assert page.locator(".row.item").count() == many
    _write(page, "word", "one\nline")
    assert "edited" in row(page, "word").get_attribute("aria-label")
    row(page, "word").focus()
    page.keyboard.press("Control+z")
    assert json.loads(copied(page)) == first
    assert not page.is_visible("#undo")


def test_a_field_that_may_be_absent_is_added_in_its_place(page: Any):
    schema = {
        "type": "object",
        "properties": {"a": {"const": "x"}, "b": {"type": "string"}, "c": {"const": "y"}},
        "required": ["a", "c"],
        "additionalProperties": False,
    }
    outer = {
        "type": "object",
        "properties": {"in": schema},
        "required": ["in"],
        "additionalProperties": False,
    }
    extract(page, "x y", outer)
    if row(page, "in b").count():
        row(page, "in b").focus()
        page.keyboard.press("Delete")
    row(page, "in a").focus()
    page.keyboard.press("+")
    page.keyboard.type("new")
    page.keyboard.press("Enter")
    assert "edited" in page.evaluate("document.activeElement.innerText")
    assert list(json.loads(copied(page))["in"].items()) == [("a", "x"), ("b", "new"), ("c", "y")]


def test_documents_of_files_keep_their_answers(page: Any, tmp_path: Path, texts: list[str]):
    lines = [{"id": "first", "text": texts[0]}, {"text": texts[1]}]
    file = tmp_path / "notes.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    page.wait_for_selector("#task option", state="attached")
    page.select_option("#task", "recipe")
    page.set_input_files("#file", file)
    page.wait_for_selector("#place:has-text('first, 1 of 2')")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(DONE)
    one = values(page)
    page.keyboard.press("a")
    page.keyboard.press("]")
    assert page.input_value("#text") == texts[1]
    assert page.inner_text("#place") == "notes.jsonl:2, 2 of 2"
    assert not page.is_visible("#values")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(DONE)
    assert values(page) != one
    page.keyboard.press("[")
    assert values(page) == one
    with page.expect_download() as got:
        page.click("#download")
    assert got.value.suggested_filename == "first.json"
    assert json.loads(Path(got.value.path()).read_text("utf-8")) == json.loads(copied(page))


def test_values_of_a_pdf_name_their_page(page: Any, tmp_path: Path):
    pytest.importorskip("pypdfium2")
    said = ["Sponge cake.", "Beat 2 eggs with 50 g sugar.", "Bake for 25 minutes."]
    (tmp_path / "cake.pdf").write_bytes(make_pdf([lines_of(["Cakes."]), lines_of(said)]))
    page.wait_for_selector("#task option", state="attached")
    page.select_option("#task", "recipe")
    page.set_input_files("#file", tmp_path / "cake.pdf")
    page.wait_for_selector("#extract:focus")
    assert "Sponge cake." in page.input_value("#text")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(DONE)
    assert "page 2" in page.inner_text("#values")
    page.click("#edit-text")
    page.keyboard.type("Soup. ")  # so that nothing stands where it stood
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(".stale", state="detached")
    page.wait_for_selector(DONE)
    assert values(page) and "page" not in page.inner_text("#values")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("paper.pdf", b"%PDF-1.7", "PDF"),
        ("wide.txt", "Bob".encode("utf-16"), "UTF-8"),
        ("latin.txt", "Caf\xe9".encode("latin-1"), "UTF-8"),
        ("rows.jsonl", b'{"text": "a"}\n{"no": 1}', "line 2"),
    ],
)
def test_other_files_are_refused_in_words(
    page: Any, tmp_path: Path, name: str, content: bytes, words: str
):
    file = tmp_path / name
    file.write_bytes(content)
    page.fill("#text", "mine")
    page.set_input_files("#file", file)
    page.wait_for_selector(f"#file-note:has-text('{words}')")
    assert name in page.inner_text("#file-note")
    assert page.input_value("#text") == "mine"


def test_a_mail_and_its_attachment_are_documents(page: Any, tmp_path: Path):
    message = EmailMessage()
    message["Subject"] = "Tea"
    message.set_content("Pour 200 ml water on 1 tea bag.")
    message.add_attachment("Boil 2 eggs.", filename="eggs.txt")
    file = tmp_path / "tea.eml"
    file.write_bytes(message.as_bytes())
    page.set_input_files("#file", file)
    for words in ("tea bag", "2 eggs"):
        for _ in range(600):
            if words in page.input_value("#text"):
                break
            page.wait_for_timeout(50)
        assert words in page.input_value("#text")
        page.keyboard.press("]")


def test_a_file_is_dropped(page: Any):
    page.evaluate("""() => {
        const data = new DataTransfer();
        data.items.add(new File(["Bob is here."], "bob.md", { type: "text/markdown" }));
        const drop = new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true });
        document.querySelector("#text").dispatchEvent(drop);
    }""")
    page.wait_for_function("document.querySelector('#text').value === 'Bob is here.'")


def test_the_history_of_the_sitting(page: Any, texts: list[str]):
    extract(page, texts[0])
    one = values(page)
    extract(page, TEXT, FORM)
    _write(page, "word", "mine")
    page.keyboard.press("h")
    entries = page.locator("#entries button")
    assert entries.count() == 2
    assert "own schema" in entries.first.inner_text()
    assert "edited" in entries.first.inner_text()
    entries.nth(1).click()
    assert values(page) == one
    assert page.inner_text("#reader") == texts[0]
    assert page.input_value("#task") == "recipe"
    page.keyboard.press("h")
    entries.first.click()
    assert "mine" in values(page)
    assert json.loads(page.input_value("#schema")) == FORM
    page.reload()
    page.click("#open-history")
    assert "Nothing yet." in page.inner_text("#entries")
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
