"""Measure review budgets and drift on real tasks, and write the tables of docs/trust.md anew.

For every task whose adapter and test pairs lie under the folder (docs/tasks.md makes them), the
test pairs are decoded, or read back where they were before. Then the budget's tables are made, 200
random halves say how often a promise is exceeded and how often drift is seen where there is
none, and shifted texts say whether drift is seen where there is some. ``--run NAME=RUN`` takes an
evaluation that is there already, without shifts. ``--vendors TASK`` writes only the table of drift
between receipts of many vendors and those of one other, drawn from all parts of the task's pairs.

    python -m scripts.trust_tables --folder runs/tasks --tasks booking,command
    python -m scripts.trust_tables --folder runs/tasks --vendors receipt
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scripts.task_table import ROOT, files_of, write_section
from scripts.trust_shifts import SHIFTS, vendor_files

from setaccio.cli.terminal.console import fail, tell, tell_step
from setaccio.data.errors import SetaccioError, UsageError
from setaccio.data.records import Document, Pair, load_pairs
from setaccio.eval.drift.alarm import DriftReport, compare_profiles
from setaccio.eval.drift.profile import DriftProfile
from setaccio.eval.evaluate import evaluate
from setaccio.eval.formats import percent
from setaccio.eval.report.data import read_run
from setaccio.eval.table import markdown
from setaccio.eval.trust.budget import make_budget
from setaccio.eval.trust.halves import check_halves
from setaccio.eval.trust.ranking import fit_ranking
from setaccio.eval.trust.risk import ErrorUnit, JudgedRow, choose_arm, judged_rows, shuffled_rows
from setaccio.models import model_path

DOCUMENT = ROOT / "docs" / "trust.md"
UNITS: tuple[ErrorUnit, ...] = ("values", "documents")
PROMISES = (0.01, 0.02, 0.05, 0.1)
HALVES_PROMISES = (0.02, 0.05, 0.1)
SPLITS = 200
SHIFTED = 240
"""Documents of the reference and of each shifted file."""
RECEIPTS = 120
"""Receipts of the reference of many vendors."""
MOST_NAMED = 5
"""Changes of an alarm that are named; the others are counted."""
FROM_ELSEWHERE = "another source ({other})"
SHIFTS_HEAD = ("task", "new documents", "rows", "alarm", "what changed")


class Measured(NamedTuple):
    """A task's rows.

    Attributes:
        name: of the task.
        rows: its documents with what went wrong in them.
        adapter: the adapter's file; None where the run was there already.
        pairs: the test pairs.
    """

    name: str
    rows: list[JudgedRow]
    adapter: Path | None
    pairs: list[Pair]


def main() -> int:
    """Decode what is not decoded yet, tabulate, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("runs/tasks"), help="of the tasks")
    parser.add_argument("--tasks", default="booking,command", help="their names, with commas")
    parser.add_argument("--run", action="append", default=[], metavar="NAME=RUN")
    parser.add_argument("--vendors", metavar="TASK", help="only one vendor against others, of TASK")
    parser.add_argument("--out", type=Path, help="where outputs go; default: FOLDER/trust")
    parser.add_argument("--limit", type=int, help="test pairs of a task; default: all")
    parser.add_argument("--splits", type=int, default=SPLITS, help="random halves")
    parser.add_argument("--threads", type=int, help="threads of llama.cpp")
    given = parser.parse_args()
    out = given.out or given.folder / "trust"
    try:
        if given.vendors:
            rows = vendor_rows(given.vendors, given.folder, given.limit, given.threads)
            write_section("vendors", markdown([SHIFTS_HEAD, *rows], 2), DOCUMENT)
            tell(f"Wrote {DOCUMENT}")
            return 0
        found = [_read(*text.split("=", 1)) for text in given.run]
        names = [name for name in given.tasks.split(",") if name]
        found += [
            one
            for name in names
            if (one := measure(name, given.folder, out, given.limit, given.threads))
        ]
        if not found:
            tell(
                f"{given.folder}: no task has an adapter and test pairs; docs/tasks.md makes them."
            )
            return 2
        write_section("budgets", budgets_table(found), DOCUMENT)
        write_section("order", order_table(found), DOCUMENT)
        write_section("halves", halves_table(found, given.splits), DOCUMENT)
        write_section("still", still_table(found, given.splits), DOCUMENT)
        if shifted := list(shift_rows(found, out, given.threads)):
            write_section("shifts", markdown([SHIFTS_HEAD, *shifted], 2), DOCUMENT)
    except SetaccioError as error:
        fail(error)
        return error.exit_code
    tell(f"Wrote {DOCUMENT}")
    return 0


def _read(name: str, run: str) -> Measured:
    read = read_run(run)
    return Measured(name, judged_rows(read, choose_arm(read)), None, [*read.documents.values()])


def measure(
    name: str, folder: Path, out: Path, limit: int | None, threads: int | None
) -> Measured | None:
    """Evaluate one task's adapter on its test pairs; None where its files are missing."""
    files = files_of(name, folder)
    if files is None:
        return None
    adapter, test = files
    tell_step(f"{name}: {adapter}")
    pairs = load_pairs(test)[0][:limit]
    run = out / name
    base = model_path("smollm2")
    evaluate(base, pairs, None, ("schema",), run, adapter=adapter, tuned_only=True, threads=threads)
    return _read(name, str(run))._replace(adapter=adapter, pairs=pairs)


def budgets_table(found: list[Measured]) -> str:
    """What can be promised, and what it costs."""
    head = ("task", "promised", "wrong, nothing sent", "sent to a person", "wrong among the others")
    rows = []
    for one in found:
        for of in UNITS:
            for max_error in PROMISES:
                made = make_budget(one.rows, of=of, max_error=max_error)
                cells = [one.name, f"at most {100 * max_error:g} % wrong {of}"]
                cells.append(percent(made.overall))
                if made.kept:
                    cells += [percent(round(made.sent, 6)), percent(made.error or 0.0)]
                elif made.pairs_needed:
                    cells += [f"not kept: about {made.pairs_needed:,} pairs", "-"]
                else:
                    cells += ["not kept with any number of pairs", "-"]
                rows.append(cells)
    return markdown([head, *rows], 2)


def order_table(found: list[Measured]) -> str:
    """Areas under the risk-coverage curves of the raw confidence and of several signs."""
    head = ("task", "counted", "documents", "area, raw confidence", "area, several signs", "kept")
    rows = []
    for one in found:
        for of in UNITS:
            made = fit_ranking(shuffled_rows(one.rows), of)
            areas = [f"{made.raw_aurc:.4f}", "-" if made.aurc is None else f"{made.aurc:.4f}"]
            kept = "several signs" if made.learned else "confidence"
            rows.append([one.name, of, str(len(one.rows)), *areas, kept])
    return markdown([head, *rows], 2)


def halves_table(found: list[Measured], splits: int) -> str:
    """How often a promise that one half made is exceeded on the other."""
    head = (
        *("task", "promised", "could be proved", "exceeded", "beyond that half's noise"),
        *("sent", "wrong among the others"),
    )
    rows = []
    for one in found:
        for of in UNITS:
            for max_error in HALVES_PROMISES:
                tell_step(f"{one.name}: {splits} halves, {max_error} {of}")
                check = check_halves(one.rows, splits=splits, of=of, max_error=max_error)
                shares = [check.kept, check.exceeded, check.beyond_noise]
                means = [check.sent, check.error] if check.kept else []
                cells = [percent(round(share, 6)) for share in [*shares, *means]]
                cells += ["-"] * (5 - len(cells))
                rows.append([one.name, f"at most {100 * max_error:g} % wrong {of}", *cells])
    return markdown([head, *rows], 2)


def still_table(found: list[Measured], splits: int) -> str:
    """How often drift is seen between random halves of one file."""
    rows = []
    for one in found:
        dice, alarms = np.random.default_rng(0), 0
        for _ in range(splits):
            order = dice.permutation(len(one.rows))
            halves = [[one.rows[int(at)].row for at in part] for part in (order[::2], order[1::2])]
            alarms += compare_rows(*halves).alarm
        rows.append([one.name, str(len(one.rows)), f"{alarms} of {splits}"])
    return markdown([("task", "documents", "alarms"), *rows])


def compare_rows(old: list[Any], new: list[Any]) -> DriftReport:
    """Drift between rows that are in memory."""
    profiles = []
    for rows in (old, new):
        profile = DriftProfile()
        for row in rows:
            profile.add(row)
        profiles.append(profile)
    return compare_profiles(*profiles)


def shift_rows(found: list[Measured], out: Path, threads: int | None) -> Iterator[list[str]]:
    """Whether drift is seen between two random parts of the documents, as they are and shifted."""
    made = [one for one in found if one.adapter]
    for place, one in enumerate(made):
        outputs = {row.id: row.row for row in one.rows}
        # A file may be sorted, by intents for example: its first part is then no fair reference.
        pairs = random.Random(0).sample(one.pairs, len(one.pairs))
        later = pairs[SHIFTED : 2 * SHIFTED]
        old = [outputs[pair.id] for pair in pairs[:SHIFTED]]
        cases: dict[str, list[Document]] = {}
        for name, shift in SHIFTS.items():
            chance = random.Random(1)
            cases[name] = [Document(pair.id, shift(pair.text, chance)) for pair in later]
        other = made[place - 1]
        if other is not one:
            texts = other.pairs[:SHIFTED]
            name = FROM_ELSEWHERE.format(other=other.name)
            cases[name] = [Document(pair.id, pair.text) for pair in texts]
        yield _said(one.name, "as they are", compare_rows(old, [outputs[p.id] for p in later]))
        with _extractor(one.adapter, threads) as extract:
            for name, documents in cases.items():
                tell_step(f"{one.name}: {name}")
                yield _said(one.name, name, compare_rows(old, extract(documents)))


def vendor_rows(
    name: str, folder: Path, limit: int | None, threads: int | None
) -> Iterator[list[str]]:
    """Whether drift is seen between receipts of many vendors and those of one that is new."""
    files = files_of(name, folder)
    if files is None:
        raise UsageError(f"{name}: docs/tasks.md makes its adapter and pairs.")
    adapter, test = files
    parts = sorted(test.parent.glob("*.jsonl"))
    pairs = [pair for part in parts for pair in load_pairs(part)[0]]
    old, cases = vendor_files(pairs, RECEIPTS)
    with _extractor(adapter, threads) as extract:
        tell_step(f"{name}: {len(old)} of many vendors")
        reference = extract(Document(pair.id, pair.text) for pair in old[:limit])
        for case, new in cases.items():
            tell_step(f"{name}: {case}, {len(new)} rows")
            rows = extract(Document(pair.id, pair.text) for pair in new[:limit])
            yield _said(name, case, compare_rows(reference, rows))


@contextmanager
def _extractor(
    adapter: Path | None, threads: int | None
) -> Iterator[Callable[[Iterable[Document]], list[dict[str, Any]]]]:
    from setaccio.runtime import Extractor, load_model

    model = load_model(model_path("smollm2"), threads=threads)
    extractor = Extractor(model, adapter=adapter)
    try:
        yield lambda documents: [row.to_dict() for row in extractor.extract_all(documents)]
    finally:
        model.close()


def _said(task: str, name: str, report: DriftReport) -> list[str]:
    changed = [check.name for check in report.checks if check.alarm]
    alarm = "yes" if report.alarm else "no"
    more = f" and {len(changed) - MOST_NAMED} more" if len(changed) > MOST_NAMED else ""
    told = ", ".join(changed[:MOST_NAMED]) + more
    return [task, name, str(report.rows[1]), alarm, told or "-"]


if __name__ == "__main__":
    raise SystemExit(main())
