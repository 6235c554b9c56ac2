"""How many examples does a task need? Adapters of ever more pairs, and the plot of docs/tasks.md.

For each size the first pairs of the training part (an order by hash, so that each set holds the
smaller ones) train an adapter, which is exported and evaluated, constrained, on the same test rows.
What is there already is not made again. Smaller sets are gone through more often, so that every
adapter takes at least :data:`LEAST_STEPS` steps. The last point is the task's own adapter, of all
its training pairs, where it is there.

    python -m scripts.learning_curve booking address --folder runs/tasks
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

from scripts.task_table import evaluated

from setaccio.cli.terminal.console import fail, tell, tell_step
from setaccio.data.errors import SetaccioError
from setaccio.data.files.atomic import atomic_path, atomic_write
from setaccio.data.records import load_pairs, write_pairs

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "images" / "learning-curve.svg"
SIZES = (50, 100, 200, 400, 800)
BATCH = 8
LEAST_STEPS = 75
GREATEST_EPOCHS = 6
LIMIT = 150
"""Test rows that an adapter is measured on."""

COLOURS = ("#1f6f8b", "#b5541c", "#4b7a2b")


class Point(NamedTuple):
    """What an adapter of so many pairs is worth: share of exact documents and its interval."""

    pairs: int
    mean: float
    low: float
    high: float


def main() -> int:
    """Train, export, evaluate what is missing; draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("tasks", nargs="+", help="tasks whose parts lie under the folder")
    parser.add_argument("--folder", type=Path, default=Path("runs/tasks"), help="of the tasks")
    parser.add_argument("--threads", default="2", help="threads of training and decoding")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="numbers of pairs")
    given = parser.parse_args()
    sizes = [int(size) for size in given.sizes.split(",")]
    curves = {}
    try:
        for task in given.tasks:
            folder = given.folder / task
            curves[task] = [measure(task, size, folder, given.threads) for size in sizes]
            curves[task] += whole_part(task, folder, given.threads)
        with atomic_write(given.folder / "learning-curve.json") as stream:
            named = {task: [one._asdict() for one in curves[task]] for task in curves}
            json.dump(named, stream, indent=2)
        draw(curves)
    except SetaccioError as error:
        fail(error)
        return error.exit_code
    tell(f"Wrote {PICTURE}")
    return 0


def epochs_for(pairs: int) -> int:
    """Times that so many pairs are gone through."""
    return min(GREATEST_EPOCHS, max(2, math.ceil(LEAST_STEPS * BATCH / pairs)))


def measure(task: str, size: int, folder: Path, threads: str) -> Point:
    """The point of one size; its steps are made where their results are not there yet."""
    tell_step(f"{task}: {size} pairs")
    work = folder / "curve" / str(size)
    pairs = work / "pairs.jsonl"
    if not pairs.is_file():
        found = load_pairs(folder / "parts" / "train.jsonl")[0]
        if len(found) < size:
            raise SetaccioError(f"{folder}: {len(found)} training pairs, and {size} are asked for.")
        work.mkdir(parents=True, exist_ok=True)
        write_pairs(pairs, found[:size])
    settings: dict[str, Any] = {
        "epochs": epochs_for(size),
        "learning_rate": 1e-3,
        "batch_size": BATCH,
        "validation_share": 0,
        "threads": threads,
    }
    sets = [word for name in settings for word in ("--set", f"{name}={settings[name]}")]
    if not list((work / "out").glob("*.gguf")):
        setaccio(
            "train", "--task", task, "--pairs", pairs, "--out", work / "run", "--resume", *sets
        )
        setaccio("export", work / "run", "--adapter-only", "--out", work / "out", "--overwrite")
    (adapter,) = (work / "out").glob("*.gguf")
    return evaluate(task, size, folder, (adapter, work / "eval"), threads)


def whole_part(task: str, folder: Path, threads: str) -> list[Point]:
    """The point of the task's own adapter, if it is there."""
    adapter = next((folder / "out").glob("*.gguf"), None)
    if adapter is None:
        return []
    tell_step(f"{task}: all pairs")
    size = len(load_pairs(folder / "parts" / "train.jsonl")[0])
    return [evaluate(task, size, folder, (adapter, folder / "curve" / "all" / "eval"), threads)]


def evaluate(task: str, size: int, folder: Path, files: tuple[Path, Path], threads: str) -> Point:
    """The point of an adapter, whose evaluation goes into the folder beside it."""
    adapter, out = files
    test = folder / "parts" / "test.jsonl"
    words = ["--adapter", str(adapter), "--tuned-only", "--task", task, "--pairs", str(test)]
    words += ["--limit", str(LIMIT), "--constraint", "schema", "--threads", threads]
    exact = evaluated(out, words)["arms"][-1]["summary"]["exact"]
    return Point(size, exact["mean"], exact["low"], exact["high"])


def setaccio(*words: object) -> None:
    """Run the command line, which says itself what goes wrong."""
    command = [sys.executable, "-m", "setaccio.cli.main", *map(str, words)]
    done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    if done.returncode:
        raise SetaccioError(f"`setaccio {words[0]}` ended with exit code {done.returncode}.")


def draw(curves: dict[str, list[Point]]) -> None:
    """One line per task with its 95 % intervals, over a logarithmic number of pairs."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot

    mpl.rcParams["svg.hashsalt"] = "learning-curve"
    figure, axes = pyplot.subplots(figsize=(7, 4), layout="constrained")
    for (task, points), colour in zip(curves.items(), COLOURS, strict=False):
        sizes = [one.pairs for one in points]
        means = [100 * one.mean for one in points]
        below = [100 * (one.mean - one.low) for one in points]
        above = [100 * (one.high - one.mean) for one in points]
        axes.errorbar(sizes, means, (below, above), label=task, color=colour, marker="o", capsize=3)
    ticks = sorted({one.pairs for points in curves.values() for one in points})
    axes.set(xscale="log", xlabel="training pairs", ylabel="exact documents, %", ylim=(0, 100))
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    with atomic_path(PICTURE) as path:
        figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)


if __name__ == "__main__":
    raise SystemExit(main())
