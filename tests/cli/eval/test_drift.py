"""`setaccio drift`: a table, a page, an exit code for cron.

Run with: pytest tests/cli/eval/test_drift.py
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from cli_process import Run
from report_run import ATTACKS
from result_rows import draw_results, other_vendor, write_rows

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = os.environ.get("SETACCIO_TEST_CHROMIUM") or next(
    filter(None, map(shutil.which, NAMES)), None
)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Results from before, and of another vendor's receipts."""
    new = [other_vendor(row) for row in draw_results(100, 2)]
    return (
        write_rows(tmp_path / "old.jsonl", draw_results(100, 1)),
        write_rows(tmp_path / "new.jsonl", new),
    )


def test_no_drift_ends_with_zero(run: Run, tmp_path: Path) -> None:
    for name, seed in (("a.jsonl", 1), ("b.jsonl", 3)):
        write_rows(tmp_path / name, draw_results(100, seed))
    done = run("drift", "a.jsonl", "b.jsonl")
    assert done.returncode == 0
    assert "No drift: 100 new rows against 100" in done.stderr
    assert "Kolmogorov-Smirnov" in done.stdout and "DRIFT" not in done.stdout


def test_a_shift_ends_with_nine_and_is_named(run: Run, files: tuple[Path, Path]) -> None:
    done = run("drift", *files)
    assert done.returncode == 9
    assert re.search(r"error: Drift: .* changed: .*currency: value", done.stderr)
    (line,) = [line for line in done.stdout.splitlines() if "DRIFT" in line]
    assert line.startswith("currency: value")
    assert run("drift", *files, "--alpha", "1e-30").returncode == 0


def test_bad_rows_are_named_and_the_others_compared(run: Run, tmp_path: Path) -> None:
    good = write_rows(tmp_path / "a.jsonl", draw_results(40, 1))
    bad = tmp_path / "b.jsonl"
    huge = '{"status": "ok", "data": {}, "prompt_tokens": 1' + "0" * 400 + "}"
    odd = '{"status": [], "data": {}}'
    broken = ['{"id": "x", "text": "a document"}', "{broken", huge, odd]
    bad.write_text("\n".join([*broken, good.read_text()]))
    done = run("drift", good, bad)
    assert done.returncode == 0
    assert "b.jsonl:1: no row of results" in done.stderr
    assert "b.jsonl:2: not JSON" in done.stderr
    assert "b.jsonl:3: holds a number too large" in done.stderr
    assert "b.jsonl:4: no row of results" in done.stderr
    assert "40 new rows against 40" in done.stderr


@pytest.mark.parametrize(
    ("content", "code", "says"),
    [
        ('{"id": "x", "text": "a document"}\n', 4, "in it (other:1: no row of results). Give"),
        ("", 4, "no row of results in it. Give"),
        ("PK\x03\x04 no text", 4, "no row of results in it"),
        (None, 2, "can not be read"),
    ],
)
def test_what_is_no_file_of_results_is_one_line(run, files, tmp_path, content, code, says) -> None:
    other = tmp_path / "other"
    if content is not None:
        other.write_text(content)
    done = run("drift", files[0], other.name)
    assert done.returncode == code and done.stdout == ""
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_alpha_and_page_are_checked(run: Run, files: tuple[Path, Path]) -> None:
    assert run("drift", *files, "--alpha", "2").returncode == 2
    before = files[1].read_bytes()
    done = run("drift", *files, "--html", files[1])
    assert done.returncode == 2 and "one of the inputs" in done.stderr
    assert files[1].read_bytes() == before


def hostile(tmp_path: Path) -> tuple[Path, Path]:
    """Results whose field names, values and models try to run as script."""
    rows = []
    for seed, names in ((1, ATTACKS[:2]), (2, ATTACKS[1:3])):
        found = draw_results(60, seed)
        for at, row in enumerate(found):
            row["data"] = {ATTACKS[3]: names[at % 2], ATTACKS[1]: None if at % 3 else "x"}
            row["model"] = ATTACKS[0]
            row["task"] = f"{seed}{ATTACKS[1]}"
        rows.append(write_rows(tmp_path / f"{seed}.jsonl", found))
    return rows[0], rows[1]


def test_the_page_is_self_contained_and_escaped(run: Run, tmp_path: Path) -> None:
    done = run("drift", *hostile(tmp_path), "--html", "page.html")
    assert done.returncode == 9
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert (
        "<script" not in page
        and "<img" not in page
        and "onload=window" not in page.replace("&lt;svg onload=window", "")
    )
    assert "default-src 'none'" in page and "http" not in page.replace("http-equiv", "")
    assert "&lt;img src=x" in page
    assert page.count("<svg") == page.count("<figure")


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium: install it or set SETACCIO_TEST_CHROMIUM")
def test_the_page_opens_without_errors_and_requests(run: Run, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    run("drift", *hostile(tmp_path), "--html", "page.html")
    file = tmp_path / "page.html"
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        tab = browser.new_page()
        troubles: list[str] = []
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("console", lambda line: troubles.append(line.text) if line.type == "error" else None)
        tab.on("request", lambda one: troubles.append(one.url) if one.url != file.as_uri() else 0)
        tab.goto(file.as_uri())
        assert tab.inner_text("h1") == "Drift: alarm"
        assert tab.evaluate("window.hit") is None
        style = "getComputedStyle(document.querySelector('.headline')).borderCollapse"
        assert tab.evaluate(style) == "collapse"
        assert troubles == []
        browser.close()
