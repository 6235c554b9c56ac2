"""Take the pictures of a report that the README shows.

The report of a run folder is made anew and opened in headless Chromium. The top of the page becomes
``docs/images/report.png``, in dark colours ``docs/images/report-dark.png``; with ``--document`` one
document, gold against prediction, becomes ``docs/images/report-document.png``. Each is at most
300 kB. Needs Chromium and ``pip install '.[dev]'``.

    python scripts/report_picture.py runs/eval
    python scripts/report_picture.py runs/eval --document recipe-77-0
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from setaccio.data.errors import SetaccioError, UsageError
from setaccio.eval.report.write import write_report

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = "SETACCIO_TEST_CHROMIUM"
"""Environment variable that names the browser; the tests of the report read it too."""

WIDTH, MARGIN, SCALE = 1344, 8, 2
PATIENCE = 20_000  # milliseconds for a list to be searched on a busy machine
GREATEST = 300_000
"""Bytes of one picture: a README should open at once."""


def main() -> int:
    """Parse, draw, say where the pictures are."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", type=Path, help="a folder that eval --out wrote")
    parser.add_argument("--document", metavar="ID", help="take this document's picture too")
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder of the pictures")
    given = parser.parse_args()
    try:
        for file in report_picture(given.run, given.out, given.document):
            sys.stderr.write(f"{file}: {file.stat().st_size / 1000:.0f} kB\n")
    except SetaccioError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


def report_picture(run: Path, out: Path, document: str | None = None) -> list[Path]:
    """Take a report's pictures.

    Args:
        run: a folder that ``setaccio eval --out`` wrote.
        out: where the pictures go.
        document: id of a document whose picture is taken too.

    Returns:
        The files.

    Raises:
        UsageError: no run, no browser, no such document, or a picture that is too large.
    """
    from playwright.sync_api import Error as PlaywrightError
    from playwright.sync_api import sync_playwright

    page_file = write_report(run).resolve()
    out.mkdir(parents=True, exist_ok=True)
    files = []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": WIDTH, "height": 900}, device_scale_factor=SCALE)
        page.goto(page_file.as_uri())
        page.wait_for_selector("#detail h3")
        for theme, name in (("light", "report.png"), ("dark", "report-dark.png")):
            page.emulate_media(color_scheme=theme)
            files.append(_take(page, "#overview .charts", out / name))
        if document is not None:
            page.emulate_media(color_scheme="light")
            page.fill("#search", document)
            try:
                page.wait_for_function(
                    "id => document.querySelector('#detail h3')?.textContent === id",
                    arg=document,
                    timeout=PATIENCE,
                )
            except PlaywrightError as error:
                raise UsageError(
                    f"{run}: its report finds no document {document!r}. Give an id of the run."
                ) from error
            files.append(_take(page, "#detail", out / "report-document.png", "#detail"))
        browser.close()
    return files


def find_browser() -> str:
    """Where Chromium is.

    Raises:
        UsageError: nowhere.
    """
    found = os.environ.get(CHROMIUM) or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        raise UsageError(f"There is no Chromium here. Install it, or name it in {CHROMIUM}.")
    return found


def _take(page: Any, last: str, file: Path, first: str = "header") -> Path:
    """Photograph the page from one element to the end of another; in few colours if need be."""
    from PIL import Image

    top, end = (page.locator(name).first.bounding_box() for name in (first, last))
    left = max(0, min(top["x"], end["x"]) - MARGIN)
    right = min(WIDTH, max(top["x"] + top["width"], end["x"] + end["width"]) + MARGIN)
    above = max(0, top["y"] - MARGIN) + page.evaluate("scrollY")
    below = end["y"] + end["height"] + MARGIN + page.evaluate("scrollY")
    clip = {"x": left, "y": above, "width": right - left, "height": below - above}
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".picture-") as folder:
        taken = Path(folder) / file.name
        page.screenshot(path=taken, clip=clip, full_page=True)
        with Image.open(taken) as picture:
            whole = picture.convert("RGB")
        whole.save(taken, optimize=True)
        if taken.stat().st_size > GREATEST:
            whole.quantize(256, dither=Image.Dither.NONE).save(taken, optimize=True)
        size = taken.stat().st_size
        if size > GREATEST:
            raise UsageError(f"{file}: {size:,} bytes are more than {GREATEST:,}. Show less.")
        taken.replace(file)
    return file


if __name__ == "__main__":
    sys.exit(main())
