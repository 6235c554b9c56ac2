"""Progress and the time left, on standard error.

Run: pytest tests/cli/terminal/test_meter.py
"""

from __future__ import annotations

import re
import time

import pytest

from setaccio.cli.terminal import meter
from setaccio.cli.terminal.meter import Meter, duration


def test_time_left_is_that_of_documents_not_yet_done(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    watch = Meter(10, results_on_terminal=False)
    for _ in range(4):
        watch.skip()
    clock[0] += 20
    watch.count(failed=False)
    watch.count(failed=True)
    assert watch.line() == "2 of 6 documents, 40 s left"
    assert (watch.done, watch.failed) == (2, 1)
    endless = Meter(None, results_on_terminal=False)
    clock[0] += 7200
    endless.count(failed=False)
    assert endless.line() == "1 documents done in 2.0 h"


def test_progress_goes_to_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(meter, "PATIENCE", 0.0)
    with Meter(3, results_on_terminal=False) as watch:
        for _ in range(3):
            watch.count(failed=False)
    out, said = capsys.readouterr()
    assert out == ""
    # One plain line: the next would come some seconds later.
    assert re.fullmatch(r".*1 of 3 documents, \d+ s left\n", said)


def test_durations() -> None:
    assert [duration(n) for n in (0, 89.4, 90, 5399, 5400)] == [
        "0 s",
        "89 s",
        "2 min",
        "90 min",
        "1.5 h",
    ]
