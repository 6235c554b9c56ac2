"""Take the picture of the server's page that the README shows.

``setaccio serve`` runs with the default base and the shipped adapter on a free port; headless
Chromium pastes a recipe of the samples, extracts, and photographs the page. Needs Chromium, the
base (``setaccio models fetch``) and ``pip install '.[dev]'``.

    python -m scripts.server_picture
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.report_picture import IMAGES, find_browser

from setaccio.data.errors import SetaccioError, UsageError
from setaccio.data.records import RECIPES_TOLD, load_pairs

SAMPLE = "voice-01"
SIZE = {"width": 1180, "height": 660}
SCALE = 2
PATIENCE = 300_000  # milliseconds for an answer on a busy machine
GREATEST = 200_000
"""Bytes of the picture: a README should open at once."""


def main() -> int:
    """Parse, photograph, say where the picture is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sample", default=SAMPLE, help="id of the sample (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=IMAGES / "server-page.png")
    parser.add_argument("--dark", action="store_true", help="in dark colours")
    given = parser.parse_args()
    try:
        server_picture(given.out, given.sample, "dark" if given.dark else "light")
    except SetaccioError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    sys.stderr.write(f"{given.out}: {given.out.stat().st_size / 1000:.0f} kB\n")
    return 0


def server_picture(out: Path, sample: str = SAMPLE, theme: str = "light") -> None:
    """Photograph the page with an answer.

    Args:
        out: the PNG.
        sample: id of one of the recipes that come with the package.
        theme: ``light`` or ``dark``.

    Raises:
        UsageError: no browser, no such sample, no server, or a picture that is too large.
    """
    from PIL import Image
    from playwright.sync_api import sync_playwright

    text = next((pair.text for pair in load_pairs(RECIPES_TOLD)[0] if pair.id == sample), None)
    if text is None:
        raise UsageError(f"--sample {sample}: there is none of that id in {RECIPES_TOLD}.")
    with _server() as url, sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport=SIZE, device_scale_factor=SCALE, color_scheme=theme)
        page.set_default_timeout(PATIENCE)
        page.goto(url)
        page.wait_for_selector("#task option", state="attached")
        page.fill("#text", text)
        page.keyboard.press("Control+Enter")
        page.wait_for_selector("#saving:not([hidden])")
        page.locator(".row.item").nth(1).hover()
        page.screenshot(path=out)
        browser.close()
    with Image.open(out) as taken:
        few = taken.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    few.save(out, optimize=True)
    if out.stat().st_size > GREATEST:
        raise UsageError(f"{out}: more than {GREATEST:,} bytes. Show less.")


@contextmanager
def _server() -> Iterator[str]:
    """Run the server in a folder that is thrown away; its address."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-m", "setaccio.cli.main", "serve", "--port", "0"],
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            said = ""
            for line in process.stderr or ():
                said += line
                if found := re.search(r" at (http://\S+) ", line):
                    yield found[1]
                    return
            raise UsageError(f"The server did not start: {said.strip()}")
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
