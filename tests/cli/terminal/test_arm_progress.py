"""How progress reads: a redrawn line on a terminal, a plain one now and then elsewhere.

Run: pytest tests/cli/terminal/test_arm_progress.py
"""

from __future__ import annotations

import io

from rich.console import Console

from setaccio.cli.terminal.arm_progress import LOG_EVERY, show_progress
from setaccio.eval.arms.progress import ArmProgress

BEGUN = ArmProgress("base free", 0, 20)
READING = ArmProgress("base free", 0, 20, running=4, read=1830, seconds=9.0)
WRITING = ArmProgress("base free", 1, 20, running=4, read=3000, written=1250, seconds=100.0)


def test_tokens_are_said_before_a_document_is_finished():
    assert BEGUN.line == "base free: 0 of 20 documents"
    assert READING.line == "base free: 0 of 20 documents, 4 running, 1,830 prompt tokens read"
    assert WRITING.line == (
        "base free: 1 of 20 documents, 4 running, 1,250 tokens written, 12.5 a second"
    )


def test_elsewhere_there_is_a_plain_line_now_and_then():
    now, out = [0.0], io.StringIO()
    with show_progress(Console(file=out, width=300), lambda: now[0]) as tell:
        for second in range(4 * int(LOG_EVERY)):
            now[0] = float(second)
            tell(READING if second < 30 else WRITING)
    assert out.getvalue().splitlines() == [READING.line, WRITING.line, WRITING.line]


def test_a_short_run_says_nothing():
    out = io.StringIO()
    with show_progress(Console(file=out)) as tell:
        tell(BEGUN)
        tell(READING)
    assert out.getvalue() == ""


def test_a_terminal_shows_one_line_for_each_arm():
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=140, color_system=None)
    with show_progress(console) as tell:
        for state in (BEGUN, READING, WRITING, ArmProgress("[tuned]", 20, 20)):
            tell(state)
    shown = out.getvalue().replace("\x1b[2K", "\n").splitlines()
    last = [line.split()[0] for line in shown[-3:] if line.strip() and "\x1b" not in line]
    assert "12.5 a second" in out.getvalue() and "1/20" in out.getvalue()
    assert last[-1] == "[tuned]" and "20/20" in out.getvalue()


def test_nothing_is_shown_without_an_arm():
    out = io.StringIO()
    with show_progress(Console(file=out, force_terminal=True)):
        pass
    assert out.getvalue() == ""
