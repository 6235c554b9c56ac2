"""The pictures for the README, taken in a real browser.

Run: pytest tests/eval/report/test_report_picture.py (needs Chromium and the playwright package)
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from report_run import make_run

pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pictures = pytest.importorskip("PIL.Image", reason="Pillow comes with the report extra")
pytestmark = pytest.mark.slow


def test_pictures_of_a_run(tmp_path: Path, repository: Path):
    command = [sys.executable, str(repository / "scripts" / "report_picture.py")]
    run = make_run(tmp_path / "run")
    flags = [str(run), "--out", str(tmp_path / "images"), "--document"]
    done = subprocess.run(
        [*command, *flags, "bad"], capture_output=True, text=True, timeout=300, check=False
    )
    if "no Chromium here" in done.stderr:
        pytest.skip("no Chromium: install it or set SETACCIO_TEST_CHROMIUM")
    assert done.returncode == 0, done.stderr
    files = {path.name: path for path in (tmp_path / "images").iterdir()}
    assert set(files) == {"report.png", "report-dark.png", "report-document.png"}
    assert all(path.stat().st_size <= 300_000 for path in files.values())
    with (
        pictures.open(files["report.png"]) as light,
        pictures.open(files["report-dark.png"]) as dark,
    ):
        assert light.size == dark.size
        assert light.width >= 2000
        assert light.convert("L").getpixel((2, 2)) > 200 > dark.convert("L").getpixel((2, 2))
    unknown = subprocess.run(
        [*command, str(tmp_path / "nowhere")],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert unknown.returncode == 2
    assert unknown.stderr.startswith("error: ")
