"""Numbers are judged and tables written as they should be.

Run: pytest tests/benchmarks/test_bench_tables.py
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from benchmarks.cases import Case, Job
from benchmarks.plan import Part
from benchmarks.report.plots import plot_profiles, profiles, saved_rows
from benchmarks.report.summary import SHARES, Column, Row, middle, summarise
from benchmarks.report.tables import BEGIN, END, number, report, table, targets, write_between
from benchmarks.report.targets import TARGETS, Target
from benchmarks.subjects import Work

from setaccio.data.errors import UsageError

ROW = Row(
    arm="ours-batched-schema",
    busy=False,
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
    peak_mb=1000.0,
    valid=1.0,
    agree=1.0,
    reading_rate=35e9,
    decoding_rate=30e9,
    reading=0.2,
    decoding=0.6,
    grammar=0.01,
    python=0.01,
    waiting=0.18,
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
    "level": "AVX2",
    "cpu_level": "AVX-512",
}
WORK = Work(token=10, output=4, pair=1, kind=8, shapes=((2, 2),))
ROOFLINE = {"float32": 90e9, "weights": 50e9, "kind": "Q8_0", "bandwidth": 20e9}


def arm(name: str, **changes: float) -> Row:
    return replace(ROW, arm=name, **changes)  # type: ignore[arg-type]


def column(*rows: Row, **more: Any) -> Column:
    return Column("merged", "recipes", rows={row.arm: row for row in rows}, **more)


def measured(of: Column) -> dict[str, tuple[float, bool]]:
    values = {target: target.value(of) for target in TARGETS}
    return {t.what: (round(v, 3), t.met(v)) for t, v in values.items() if v is not None}


def part(arm_name: str, group: str = "compare", busy: bool = False) -> Part:
    job = Job(arm_name, "m.gguf", "", 512, 2, 4, Case("recipe", "t.jsonl", 2, 8, busy))
    return Part(f"{arm_name}-{busy}", group, "merged", "recipes", arm_name, job, 1.0)


def result(**changes: Any) -> dict[str, Any]:
    return {
        "documents": 2,
        "seconds": 4.0,
        "first_s": 1.5,
        "setup_s": 1.5,
        "peak_bytes": 10**6,
        "resident_bytes": [5, 6],
        "forward": _passes(10, 30, 12, 100, 3.0, 4.0),
        "prompts": _passes(2, 20, 2, 60, 1.0, 2.0),
        "masks": _passes(10, 0, 0, 0, 0.1, 0.1),
        "answers": {"0": '{"a":1}', "1": "no JSON"},
        "valid": [True, False],
        "tokens": 10,
        **changes,
    }


def _passes(*values: float) -> dict[str, float]:
    names = ("calls", "tokens", "outputs", "pairs", "seconds", "computing")
    return dict(zip(names, values, strict=True))


def test_a_target_is_met_on_its_own_side_only():
    less, more = (Target("", wanted, lambda _: 0.0) for wanted in ("≤ 1", "≥ 70 %"))
    assert less.met(0.9)
    assert not less.met(1.1)
    assert more.met(71.0)
    assert not more.met(69.9)


def test_ratios_are_taken_between_the_right_arms():
    found = measured(
        column(
            ROW,
            arm("ours-batched-none", per_document=0.5),
            arm("outlines-outlines_core", tokens_per_second=10.0),
            arm("server", tokens_per_second=50.0),
            arm("ours-serial-schema", first_s=1.0, overhead=0.04, tokens_per_second=25.0),
            busy={ROW.arm: replace(ROW, busy=True, tokens_per_second=20.0)},
            roofline=ROOFLINE,
        )
    )
    assert found == {
        "constrained / free, time, batched": (2.0, False),
        "batched / Outlines as documented": (5.0, True),
        "batched / serial": (2.0, True),
        "batched / llama.cpp's server, as many slots": (1.0, False),
        "masks and Python, serial": (4.0, False),
        "masks and Python, batched": (2.0, True),
        "prompt reading / matrix rate": (70.0, True),
        "batched decoding / matrix rate": (60.0, True),
        "first of a batch / by itself, time": (2.0, False),
        "one core busy, times slower, batched": (2.5, False),
    }


def test_commands_memory_and_agreement_are_judged():
    cold = [{"seconds": s, "peak_bytes": 0.0} for s in (1.0, 9.0, 1.2)]
    found = measured(
        column(
            commands={"cold": cold, "peak": [{"seconds": 9.0, "peak_bytes": 5e8}]},
            endurance={"resident_bytes": [100, 110, 120]},
            agreement={"of": 4, "same": 2, "near": 1, "margin": 0.5},
        )
    )
    assert found == {
        "token-identical to serial without guesses, or near ties": (75.0, False),
        "`setaccio extract note.txt`, cold, s": (1.2, True),
        "`setaccio extract`, peak, MB": (500.0, False),
        "memory, at the end / after a tenth of many documents": (1.2, False),
    }


def test_medians_are_taken_over_rounds_and_what_is_unknown_stays_so():
    row = middle([arm("server", per_minute=m, passes=None) for m in (10.0, 30.0, 80.0)])
    assert (row.per_minute, row.passes, row.busy) == (30.0, None, False)


def test_measurements_become_rows_and_what_fails_says_why():
    parts = [part("ours-serial-schema"), part("gbnf"), part("server"), part("outlines-llguidance")]
    results = {
        parts[0].name: result(),
        parts[1].name: result(answers={"0": '{"a": 1}', "1": "other"}),
        parts[2].name: {"failed": "out of memory"},
        parts[3].name: {"documents": 2},
    }
    (found,) = summarise(parts, results, {"merged": WORK})
    row = found.rows["ours-serial-schema"]
    assert (row.per_minute, row.tokens_per_second, row.per_document) == (30.0, 2.5, 2.0)
    assert (row.mask_ms, row.passes, row.overhead) == (pytest.approx(10.0), 1.0, 0.25)
    assert (row.valid, row.setup_s, row.peak_mb, row.agree) == (0.5, 1.5, 1.0, 1.0)
    assert (row.reading_rate, row.decoding_rate) == (268.0, 90.0)
    shares = [getattr(row, name) for name in SHARES]
    assert shares == [pytest.approx(share) for share in (0.25, 0.25, 0.025, 0.225, 0.25)]
    assert found.rows["gbnf"].agree == 0.5
    assert found.failures["llama.cpp's server, as many slots"] == "out of memory"
    assert set(found.failures) == {"llama.cpp's server, as many slots", "Outlines (llguidance)"}


def test_what_is_no_arm_goes_where_it_belongs():
    parts = [part("roofline", "roofline"), part("agreement", "agreement")]
    parts.append(part("ours-batched-schema", busy=True))
    margins = {"answers": {"0": "", "1": ""}, "margins": [0.02]}
    results = dict(zip((p.name for p in parts), (ROOFLINE, margins, result()), strict=True))
    (found,) = summarise(parts, results, {"merged": WORK})
    assert found.roofline == ROOFLINE
    assert found.agreement == {"of": 2, "same": 1, "near": 1, "margin": 0.02}
    assert list(found.busy) == ["ours-batched-schema"]
    assert not found.rows


def test_tables_are_rectangular():
    lines = table(["a", "b"], [["1", "2"], ["3", "4"]]).splitlines()
    assert lines == ["| a | b |", "| --- | ---: |", "| 1 | 2 |", "| 3 | 4 |"]
    assert [number(value) for value in (None, 1234.5, 12.34, 0.125)] == [
        "–",
        "1,234",
        "12.3",
        "0.12",
    ]


def test_a_missed_target_is_said():
    text = targets([column(ROW, arm("server", tokens_per_second=45.0))])
    assert "| batched / llama.cpp's server, as many slots | ≥ 1.5 | **1.11** | missed |" in text
    assert "| masks and Python, batched | ≤ 3 % | 2.00 % | met |" in text
    assert "| batched / serial | ≥ 2 | – | not measured |" in text


def test_the_report_names_machine_models_and_arms():
    busy = {ROW.arm: replace(ROW, busy=True)}
    of = column(ROW, busy=busy, roofline=ROOFLINE, failures={"server": "out of memory"})
    of.agreement = {"of": 16, "same": 15, "near": 1, "margin": 0.02}
    text = report(FACTS, [of], {"merged": "SmolLM2, merged"}, "profile.svg")
    assert text.startswith("**AVX2** is what llama.cpp was compiled for")
    assert "| merged | 90.0 | Q8_0 | 50.0 |" in text
    assert "outlines 1.3.3" in text
    assert "## SmolLM2, merged: recipes" in text
    assert "| Setaccio, batched, one core busy |" in text
    assert "(profile.svg)" in text
    assert "Of 16 answers" in text
    assert "**server failed**: out of memory" in text


def test_a_run_in_which_everything_failed_is_still_reported(tmp_path: Path):
    (found,) = summarise([part("gbnf")], {}, {"merged": WORK})
    text = report(FACTS, [found], {}, "")
    assert "failed**: was not run" in text
    assert profiles([found], []) == {}


def test_profiles_are_drawn_beside_those_of_an_earlier_run(tmp_path: Path):
    now = [column(ROW, arm("server", decoding=None))]
    bars = profiles(now, saved_rows(now))
    assert [name for name, _ in bars["merged: recipes"]] == [
        "Setaccio, batched",
        "Setaccio, batched, before",
    ]
    plot_profiles(tmp_path / "profile.svg", bars)
    assert (tmp_path / "profile.svg").read_text().startswith("<?xml")


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
