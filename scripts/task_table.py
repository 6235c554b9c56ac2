"""Evaluate the tasks' adapters, and write the tables of docs/tasks.md anew (``just tasks``).

For every task whose adapter and test pairs lie under the folder (docs/tasks.md makes them), four
arms are decoded, or read back where they were decoded before: base and tuned, free and constrained,
on the first test documents, and the tuned ones on all of them.
Beside them, where there is one, stands the specialist on the same rows. The tables stand between
markers in the document; README.md gets a row per task.

    python -m scripts.task_table --folder runs/tasks
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from scripts.task_pairs import ADDRESS_PARTS, EDGES

from setaccio.cli.terminal.console import fail, tell, tell_step
from setaccio.data.errors import SetaccioError
from setaccio.data.files.atomic import atomic_write
from setaccio.data.records import RECIPES_TOLD, Pair, load_pairs
from setaccio.data.task.task import Task, load_task
from setaccio.eval.formats import percent, points
from setaccio.eval.result import score_row
from setaccio.eval.stats.summary import Summary, summarise
from setaccio.eval.table import markdown
from setaccio.models import shipped_adapter
from setaccio.runtime.decode.list_guard import ListGuard, make_times

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "tasks.md"
README = ROOT / "README.md"
TASKS = ("address", "booking", "citation", "command", "receipt", "recipe")
AIMS = {"booking": 0.9, "address": 0.85, "command": 0.85, "citation": 0.6, "receipt": 0.6}
"""Share of exact documents that is aimed at."""
BASE_LIMIT = 50
"""Test documents on which base and tuned are compared: untuned models ramble, and take long."""
HEAD = ("task", "model", "decoding", "L1", "L2", "score", "exact", "s/doc", "docs", "adapter MB")
DIFFERENCES = (
    ("base free", "base schema", "the grammar alone"),
    ("base free", "tuned free", "tuning alone"),
    ("base schema", "tuned schema", "tuning under the grammar"),
    ("tuned free", "tuned schema", "the grammar after tuning"),
)


class Measured(NamedTuple):
    """A task's evaluation.

    Attributes:
        name: of the task.
        folder: of the tuned model's evaluation.
        tuned: its ``comparison.json``: tuned, free and constrained.
        both: the one of base and tuned, on fewer documents.
        adapter: the adapter's file.
        pairs: the test pairs that the tuned model answered.
    """

    name: str
    folder: Path
    tuned: dict[str, Any]
    both: dict[str, Any]
    adapter: Path
    pairs: list[Pair]

    @property
    def arms(self) -> list[dict[str, Any]]:
        """Base free, base constrained, tuned free, tuned constrained."""
        return [*self.both["arms"][:2], *self.tuned["arms"]]


def main() -> int:
    """Evaluate what is there, tabulate, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path("runs/tasks"), help="of the tasks")
    parser.add_argument("--threads", help="threads of llama.cpp")
    given = parser.parse_args()
    try:
        found = [one for name in TASKS if (one := measure(name, given.folder, given.threads))]
        if not found:
            tell(
                f"{given.folder}: no task has an adapter and test pairs; docs/tasks.md makes them."
            )
            return 2
        write_section("table", arms_table(found))
        write_section("fields", fields_table(found))
        write_section("differences", differences_table(found))
        write_section("loops", loops_table(found, given.threads))
        write_section("tasks", readme_table(found), README)
    except SetaccioError as error:
        fail(error)
        return error.exit_code
    tell(f"Wrote {DOCUMENT}")
    return 0


def measure(name: str, folder: Path, threads: str | None) -> Measured | None:
    """Evaluate one task, or read what an earlier run left; None where its files are missing."""
    files = files_of(name, folder)
    if files is None:
        return None
    adapter, test = files
    tell_step(f"{name}: {adapter}")
    words = ["--adapter", str(adapter), "--pairs", str(test), "--task", name]
    words += ["--threads", threads] if threads else []
    out = folder / name / "eval"
    tuned = evaluated(out / "tuned", [*words, "--tuned-only"])
    both = evaluated(out / "both", [*words, "--limit", str(BASE_LIMIT)])
    return Measured(name, out / "tuned", tuned, both, adapter, load_pairs(test)[0])


def evaluated(out: Path, words: list[str]) -> dict[str, Any]:
    """What ``setaccio eval`` keeps of a comparison, which goes on where it was stopped."""
    command = [sys.executable, "-m", "setaccio.cli.main", "eval", "--model", "smollm2", *words]
    done = subprocess.run([*command, "--out", str(out)], check=False, stdout=subprocess.DEVNULL)
    if done.returncode:
        raise SetaccioError(f"{out}: its evaluation ended with exit code {done.returncode}.")
    comparison: dict[str, Any] = json.loads((out / "comparison.json").read_text(encoding="utf-8"))
    return comparison


def files_of(name: str, folder: Path) -> tuple[Path, Path] | None:
    """A task's adapter and its test pairs; None, and a word, where one is missing."""
    adapter: Path | None
    if name == "recipe":
        adapter, test = shipped_adapter(name), RECIPES_TOLD
    else:
        adapter = next((folder / name / "out").glob("*.gguf"), None)
        test = folder / name / "parts" / "test.jsonl"
    if adapter is None or not test.is_file():
        tell(f"{name}: no adapter or no test pairs in {folder / name}; left out.")
        return None
    return adapter, test


def arms_table(found: list[Measured]) -> str:
    """One row per task, model and decoding; then the specialist's."""
    rows = []
    for one in found:
        size = f"{one.adapter.stat().st_size / 1e6:.1f}"
        for arm in one.arms:
            decoding = "schema" if arm["constraint"] == "schema" else "free"
            cells = cells_of(arm["summary"])
            tuned = arm["name"] == "tuned"
            rows.append([one.name, arm["name"], decoding, *cells, size if tuned else ""])
        if special := specialist(one):
            rows.append([one.name, "usaddress", "", *cells_of(special.to_dict()), ""])
    return markdown([HEAD, *rows], 3)


def readme_table(found: list[Measured]) -> str:
    """One row per task: exact documents of each arm, and the adapter's size."""
    head = (
        "exact documents", "base, free", "base, schema", "tuned, free", "tuned, schema",
        "s/doc", "docs", "adapter MB",
    )  # fmt: skip
    rows = []
    for one in found:
        arms = [arm["summary"] for arm in one.arms]
        seconds = arms[-1]["seconds_mean"]
        size = f"{one.adapter.stat().st_size / 1e6:.1f}"
        cells = [percent(arm["exact"]["mean"]) for arm in arms]
        cells += ["" if seconds is None else f"{seconds:.2f}", str(len(one.pairs)), size]
        rows.append([one.name, *cells])
    return markdown([head, *rows])


def cells_of(summary: dict[str, Any]) -> list[str]:
    """The numbers of an arm, with the interval of exact documents."""
    exact = summary["exact"]
    seconds = summary["seconds_mean"]
    return [
        percent(summary["l1"]["mean"]),
        percent(summary["l2"]["mean"]),
        f"{summary['score']['mean']:.3f}",
        f"{percent(exact['mean'])} ({100 * exact['low']:.0f} to {100 * exact['high']:.0f})",
        "" if seconds is None else f"{seconds:.2f}",
        str(summary["documents"]),
    ]


def fields_table(found: list[Measured]) -> str:
    """Each field of the tuned, constrained arm: rate of right values, or micro F1 of a list."""
    rows = []
    for one in found:
        arm = one.arms[-1]["summary"]
        told = [f"{path} {_headline(part)}" for path, part in arm["fields"].items()]
        rows.append([one.name, ", ".join(told)])
    return markdown([("task", "fields, tuned and constrained"), *rows], 2)


def _headline(part: dict[str, Any]) -> str:
    return percent(part["score"]["mean"]) if part["f1"] is None else f"{part['f1']:.3f}"


def differences_table(found: list[Measured]) -> str:
    """Exact documents gained by grammar and tuning, in points, with paired intervals."""
    rows = []
    for one in found:
        known = {
            (each["before"], each["after"]): each
            for each in (*one.both["differences"], *one.tuned["differences"])
            if each["metric"] == "exact"
        }
        cells = [_gain(known.get((before, after))) for before, after, _ in DIFFERENCES]
        aim = AIMS.get(one.name)
        rows.append([one.name, *cells, percent(aim) if aim else ""])
    return markdown([("task", *(title for *_, title in DIFFERENCES), "aim"), *rows])


def loops_table(found: list[Measured], threads: str | None) -> str:
    """Answers with the list guard and without it: exact ones, loops, and what watching costs."""
    head = (
        "task",
        "exact without",
        "exact with",
        "loops without",
        "loops with",
        "closed",
        "µs/token",
    )
    rows = []
    for one in found:
        bare = _extracted(one, one.folder.parent / "unguarded.jsonl", threads)
        kept = _rows(one.folder / "predictions-tuned-constrained.jsonl")
        task = load_task(one.name)
        cells = [one.name]
        for answers in (bare, kept):
            right = [score_row(task, pair, answers[pair.id]).exact for pair in one.pairs]
            cells.append(f"{sum(right)} of {len(right)}")
        for answers in (bare, kept):
            cells.append(str(sum(row["status"] == "repetition" for row in answers.values())))
        closed = sum(bool(row.get("closed_lists")) for row in kept.values())
        rows.append([*cells, str(closed), f"{_guard_cost(one, task, kept):.2f}"])
    return markdown([head, *rows])


def _extracted(one: Measured, out: Path, threads: str | None) -> dict[str, dict[str, Any]]:
    documents = one.folder / "documents.jsonl"
    command = [sys.executable, "-m", "setaccio.cli.main", "extract", str(documents), "--resume"]
    command += ["--model", "smollm2", "--adapter", str(one.adapter), "--task", one.name]
    command += ["--no-list-guard", "--out", str(out), *(["--threads", threads] if threads else [])]
    done = subprocess.run(command, check=False)
    if done.returncode not in (0, 1):
        raise SetaccioError(f"{one.name}: `setaccio extract` ended with {done.returncode}.")
    return _rows(out)


def _rows(path: Path) -> dict[str, dict[str, Any]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {row["id"]: row for row in map(json.loads, lines)}


def _guard_cost(one: Measured, task: Task, answers: dict[str, dict[str, Any]]) -> float:
    """Microseconds a token that the guard takes for the answers as they are."""
    began = time.perf_counter()
    for pair in one.pairs:
        guard = ListGuard(make_times(pair.text, task.json_schema))
        guard.feed(answers[pair.id]["raw"].encode())
    tokens = sum(row["completion_tokens"] for row in answers.values())
    return 1e6 * (time.perf_counter() - began) / max(tokens, 1)


def _gain(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    said = f"{points(found['difference'])} [{points(found['low'])}, {points(found['high'])}]"
    return f"{said} noise" if found["is_noise"] else said


def specialist(one: Measured) -> Summary | None:
    """What usaddress makes of the addresses; None for other tasks or where it is not installed."""
    if one.name != "address":
        return None
    try:
        import usaddress
    except ImportError:
        return None
    task = load_task(one.name)
    scores = []
    for pair in one.pairs:
        words: dict[str, list[str]] = {}
        for word, tag in usaddress.parse(pair.text):
            field = next((to for begin, to in ADDRESS_PARTS.items() if tag.startswith(begin)), None)
            if field:
                words.setdefault(field, []).append(word)
        joined = {name: " ".join(words[name]).strip(EDGES) for name in words}
        data = {name: joined.get(name) or None for name in task.json_schema["properties"]}
        scores.append(score_row(task, pair, {"data": data, "status": "ok"}))
    return summarise(scores)


def write_section(name: str, text: str, document: Path = DOCUMENT) -> None:
    """Replace what stands between a section's markers in the document."""
    whole = document.read_text(encoding="utf-8")
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
    if not pattern.search(whole):
        raise SetaccioError(f"{document}: the markers of {name!r} are missing.")
    with atomic_write(document) as stream:
        stream.write(pattern.sub(lambda match: f"{match[1]}\n{text}\n{match[2]}", whole))


if __name__ == "__main__":
    raise SystemExit(main())
