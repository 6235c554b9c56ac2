"""The server's page in a real browser, watched: what it may not do fails the test."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = os.environ.get("SETACCIO_TEST_CHROMIUM") or next(
    filter(None, map(shutil.which, NAMES)), None
)
_WATCH = """
window.violations = [];
addEventListener("securitypolicyviolation", (one) => violations.push(one.violatedDirective));
"""
DONE = "#values:not([hidden]) ~ #saving:not([hidden])"
PATIENCE = 60_000

CONTRAST = """() => {
    const channel = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const pixel = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const read = (layers) => {
        for (const colour of layers) { pixel.fillStyle = colour; pixel.fillRect(0, 0, 1, 1); }
        const [r, g, b] = pixel.getImageData(0, 0, 1, 1).data;
        return 0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const poor = [];
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !element.checkVisibility({ opacityProperty: true }))
            continue;
        const layers = [];
        for (let node = element; node; node = node.parentElement)
            layers.unshift(getComputedStyle(node).backgroundColor);
        const under = read(layers);
        const over = read([...layers, getComputedStyle(element).color]);
        const ratio = (Math.max(under, over) + 0.05) / (Math.min(under, over) + 0.05);
        if (ratio < 4.5) poor.push(`${walker.currentNode.data.trim()}: ${ratio.toFixed(2)}`);
    }
    return poor;
}"""

UNNAMED = """() => [...document.querySelectorAll("button, input, select, textarea, [role]")]
    .filter((node) => !["status", "alert", "gridcell"].includes(node.role))
    .filter((node) => node.checkVisibility())
    .filter((node) => !(node.ariaLabel || node.textContent.trim() || node.labels?.length
        || node.getAttribute("aria-labelledby") || node.type === "file"))
    .map((node) => node.outerHTML)"""


@contextmanager
def watched(browser: Any, url: str, *expected: str, **options: Any) -> Iterator[Any]:
    """Open the page; afterwards no script failed, nothing was asked of others, nothing popped up.

    Args:
        browser: Chromium.
        url: where the server listens.
        expected: parts of messages that the browser's console may show.
        options: of the browser's context.
    """
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=url)
    context.add_init_script(_WATCH)
    tab = context.new_page()
    troubles: list[str] = []

    def note(line: Any) -> None:
        if line.type == "error" and not any(part in line.text for part in expected):
            troubles.append(line.text)

    def refuse(dialog: Any) -> None:
        troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def see(request: Any) -> None:
        if not request.url.startswith((f"{url}/", f"blob:{url}/")):
            troubles.append(request.url)

    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("console", note)
    tab.on("dialog", refuse)
    tab.on("request", see)
    tab.set_default_timeout(PATIENCE)
    tab.goto(f"{url}/")
    try:
        yield tab
        assert troubles == []
        assert tab.evaluate("violations") == []
        assert tab.evaluate("window.hit") is None
    finally:
        context.close()


def extract(page: Any, text: str, schema: dict[str, Any] | None = None) -> None:
    """Extract from a text, and wait for the whole answer."""
    page.wait_for_selector("#task option", state="attached")
    page.click("#clear")
    if schema is None:
        page.select_option("#task", "recipe")
    else:
        page.select_option("#task", label="JSON Schema of your own")
        page.fill("#schema", json.dumps(schema, ensure_ascii=False))
    page.fill("#text", text)
    page.keyboard.press("Control+Enter")
    page.wait_for_selector(DONE, timeout=5 * PATIENCE)


def asked(url: str, text: str, **what: Any) -> dict[str, Any]:
    """The server's own row of a text."""
    answer = httpx.post(f"{url}/extract", json={"text": text, **what}, timeout=120)
    assert answer.status_code == 200, answer.text
    row: dict[str, Any] = answer.json()
    return row


def copied(page: Any) -> Any:
    """What *Copy JSON* puts on the clipboard."""
    page.click("#copy")
    page.wait_for_selector("#said:has-text('Copied')")
    return page.evaluate("navigator.clipboard.readText()")


def row(page: Any, label: str) -> Any:
    """The row of a value by its name, such as "ingredients 2"."""
    return page.locator(f".row[aria-label^='{label}: ']")


def values(page: Any) -> list[str]:
    """The values that are shown, in order."""
    texts = "all => all.map((one) => one.firstChild.textContent)"
    found: list[str] = page.eval_on_selector_all(".row.leaf .value", texts)
    return found
