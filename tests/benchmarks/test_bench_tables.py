"""Ratios are judged and tables written as they should be.

Run: pytest tests/benchmarks/test_bench_tables.py
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.plan import Part
from benchmarks.report.summary import Row, Verdict, case_row, compare, judge
from benchmarks.report.tables import (
    BEGIN,
    END,
    growth,
    number,
    report,
    table,
    targets,
    write_between,
)

from setaccio.data import load_task
from setaccio.data.errors import UsageError

ROW = Row(
    model="1.5b",
    arm="ours-batched-schema",
    documents=100,
    answer_tokens=50.0,
    per_minute=60.0,
    tokens_per_second=50.0,
    per_document=1.0,
    mask_ms=0.1,
    passes=0.1,
    overhead=0.02,
    first_s=2.0,
    setup_s=3.0,
    peak_mib=1000.0,
    right=1.0,
    valid=1.0,
)
FACTS = {
    "cpu": "a processor",
    "threads": 2,
    "parallel": 16,
    "memory_gib": 8.0,
    "platform": "Linux",
    "python": "3.11",
    "versions": {"outlines": "1.3.3"},
    "compiler": "",
    "llama_features": "AVX2 = 1",
}


def arm(name: str, **changes: float) -> Row:
    return replace(ROW, arm=name, **changes)  # type: ignore[arg-type]


def test_a_target_is_met_on_its_own_side_only():
    assert Verdict("less is better", 0.9, 1.0, True).met
    assert not Verdict("less is better", 1.1, 1.0, True).met
    assert Verdict("more is better", 4.2, 4.0, False).met
    assert not Verdict("more is better", 3.9, 4.0, False).met


def test_ratios_are_taken_between_the_right_arms():
    rows = [
        ROW,
        arm("ours-batched-none", per_document=0.5),
        arm("outlines-outlines_core", tokens_per_second=10.0),
        arm("server", tokens_per_second=50.0),
    ]
    found = {verdict.what: verdict for verdict in judge(rows, [], [])}
    assert [(verdict.value, verdict.met) for verdict in found.values()] == [
        (pytest.approx(2.0), False),
        (pytest.approx(2.0), True),
        (pytest.approx(5.0), True),
        (pytest.approx(1.0), False),
    ]


def test_memory_and_cold_start_are_judged():
    stream = [replace(ROW, documents=n, peak_mib=m) for n, m in ((10, 90), (100, 100), (999, 120))]
    memory, cold = judge([], stream, [1.0, 9.0, 1.2])
    assert (memory.value, memory.met) == (pytest.approx(1.2), False)
    assert (cold.value, cold.met) == (pytest.approx(1.2), True)


def test_medians_are_taken_over_rounds_and_what_is_unknown_stays_so():
    rounds = [arm("server", per_minute=m, passes=None) for m in (10.0, 30.0, 80.0)]
    (row,) = compare(rounds)
    assert (row.per_minute, row.passes) == (30.0, None)


def test_a_measurement_becomes_a_row():
    part = Part("p", "compare", "0.5b", "gbnf", None, 1.0)
    good = '{"title":"a","ingredients":[],"directions":[]}'
    case = {
        "documents": 2,
        "seconds": 4.0,
        "first_s": 1.5,
        "compile_s": 0.5,
        "peak_bytes": 2**20,
        "forward": {"calls": 10, "tokens": 30, "seconds": 3.0},
        "masks": {"calls": 10, "tokens": 0, "seconds": 0.1},
        "answers": {"0": good, "1": "no JSON"},
    }
    row = case_row(part, 1.0, case, load_task("recipe"), lambda _: 5, [good, good])
    assert (row.per_minute, row.tokens_per_second, row.per_document) == (30.0, 2.5, 2.0)
    assert (row.mask_ms, row.passes, row.overhead) == (pytest.approx(10.0), 1.0, 0.25)
    assert (row.right, row.valid, row.setup_s, row.peak_mib) == (0.5, 0.5, 1.5, 1.0)


def test_tables_are_rectangular():
    lines = table(["a", "b"], [["1", "2"], ["3", "4"]]).splitlines()
    assert lines == ["| a | b |", "| --- | ---: |", "| 1 | 2 |", "| 3 | 4 |"]
    grown = {"server": [(10, ROW)], "gbnf": [(10, ROW), (100, ROW)]}
    assert "| – |" in growth("documents", grown, "per_minute")
    assert [number(value) for value in (None, 1234.5, 12.34, 0.125)] == [
        "–",
        "1,234",
        "12.3",
        "0.12",
    ]


def test_a_missed_target_is_said():
    text = targets([Verdict("a", 1.0, 2.0, False), Verdict("b", 2.5, 3.0, True, "%")])
    assert "| a | 1.00 | ≥ 2.00 | **missed** |" in text
    assert "| b | 2.50 % | ≤ 3.00 % | met |" in text


def test_the_report_names_machine_models_and_arms():
    grown = {"documents": {"server": [(10, ROW)]}}
    text = report(FACTS, [ROW], [], grown, "growth.svg", {"gbnf-0": "out of memory"})
    assert "a processor, 2 threads" in text
    assert "outlines 1.3.3" in text
    assert "Qwen 2.5 1.5B shape" in text
    assert "| Setaccio, batched |" in text
    assert "(growth.svg)" in text
    assert "**gbnf-0 failed**: out of memory" in text


def test_tables_go_between_the_markers_and_nowhere_else(tmp_path: Path):
    document = tmp_path / "page.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_between(document, "new")
    assert document.read_text() == f"before\n{BEGIN}\n\nnew\n{END}\nafter\n"


def test_a_document_without_markers_stays_as_it_is(tmp_path: Path):
    document = tmp_path / "page.md"
    document.write_text(f"before\n{BEGIN}\nold\n")
    with pytest.raises(UsageError, match="missing"):
        write_between(document, "new")
    assert document.read_text() == f"before\n{BEGIN}\nold\n"


def test_the_page_has_the_markers(repository: Path):
    text = (repository / "docs" / "benchmarks.md").read_text()
    assert text.index(BEGIN) < text.index(END)
