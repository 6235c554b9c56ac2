"""Measure quantisations of a model, and write the tables of docs/export.md anew.

Every type of a training run (or a model folder) is exported with its proof and an importance
matrix; then each file extracts held-out documents, constrained, for L1, L2, L3 and speed.
``--random`` does the same for small models of random weights, one per preset
(``tests/support/random_models.py``). The tables stand between markers in the document.

    python scripts/quantisation_table.py runs/recipe --documents 40
    python scripts/quantisation_table.py --random
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from setaccio.data.errors import SetaccioError
from setaccio.data.recipes.generate import generate_pairs
from setaccio.data.records import Pair, atomic_write
from setaccio.data.task.task import load_task
from setaccio.runtime.model.load import physical_cores

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "export.md"
KINDS = ("f16", "q8_0", "q6_k", "q5_k_m", "q4_k_m", "q3_k_m")
RANDOM_KINDS = ("f16", "q8_0", "q4_k_m")
CALIBRATION_SEED, HELD_OUT_SEED = 41, 42
HEAD = ("type", "MB", "perplexity", "KL", "same token", "ends", "L1", "L2", "L3", "s/doc")
RANDOM_DOCUMENTS = 4  # of random weights only speed and form can be said


def main() -> int:
    """Parse, measure, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", nargs="?", type=Path, help="training run or model folder")
    parser.add_argument("--random", action="store_true", help="random models instead")
    parser.add_argument("--kinds", help="comma-separated types")
    parser.add_argument("--documents", type=int, default=40, help="documents to extract")
    parser.add_argument("--held-out", type=int, default=16, help="pairs to measure on")
    parser.add_argument("--calibration", type=int, default=64, help="pairs for the matrix; 0: none")
    parser.add_argument("--keep", type=Path, help="keep the files in this folder")
    given = parser.parse_args()
    if given.random == (given.run is not None):
        parser.error("give a run, or --random")
    try:
        with tempfile.TemporaryDirectory(prefix="setaccio-table-") as folder:
            work = given.keep or Path(folder)
            table = random_table if given.random else tuned_table
            write_section("random" if given.random else "tiny", table(work, given))
    except SetaccioError as error:
        tell(str(error))
        return error.exit_code
    tell(f"Wrote {DOCUMENT}")
    return 0


def tell(line: str) -> None:
    """Say what happens now, on standard error."""
    sys.stderr.write(line + "\n")


def exported(
    model: Path, folder: Path, kinds: Sequence[str], given: argparse.Namespace, **more: Any
) -> tuple[Any, list[Pair]]:
    """Export a model to types; returns the report and the held-out pairs."""
    from setaccio.export import export

    count = max(given.held_out, given.documents)
    held_out = list(generate_pairs(count, HELD_OUT_SEED, held_out=True))
    report = export(
        model,
        folder,
        quantisations=given.kinds.split(",") if given.kinds else kinds,
        task=load_task("recipe"),
        pairs=held_out,
        calibration=list(generate_pairs(given.calibration, CALIBRATION_SEED)) or None,
        held_out=given.held_out,
        progress=tell,
        **more,
    )
    return report, held_out


def tuned_table(work: Path, given: argparse.Namespace) -> str:
    """Export every type of a run, extract with each, and tabulate."""
    report, held_out = exported(given.run, work / "tuned", KINDS, given)
    rows = extracted_rows(report, held_out[: given.documents])
    said = [f"`{given.run.name}`: {conditions(given, given.documents)}"]
    if model := report.transformers:
        said.append(
            f"In transformers: perplexity {model.perplexity:.4f} on {model.pairs} held-out answers "
            f"({model.positions} tokens)."
        )
    if report.merge and report.merge.losses:
        listed = ", ".join(f"{name} {loss:.4f}" for name, loss in report.merge.losses.items())
        said.append(f"Loss in nats per token: {listed}.")
    return f"{as_markdown(HEAD, rows)}\n\n{' '.join(said)}"


def conditions(given: argparse.Namespace, documents: int) -> str:
    """When, on what and with how much a table was measured."""
    day = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    return (
        f"{day}, {physical_cores()} thread(s); {documents} documents extracted, constrained; "
        f"importance matrix of {given.calibration} other pairs."
    )


def extracted_rows(report: Any, documents: list[Pair]) -> list[list[str]]:
    """Extract documents with each file of an export, constrained, and make its rows."""
    from setaccio.eval.evaluate import evaluate

    rows = []
    for file in json.loads(report.report.read_text(encoding="utf-8"))["files"]:
        tell(f"Extracting with {file['path']}")
        found = evaluate(report.folder / file["path"], documents, constraints=("schema",))
        summary = found.arms[0].summary
        levels = [f"{level.mean:.0%}" for level in (summary.l1, summary.l2, summary.l3)]
        rows += table_rows(file, [*levels, f"{summary.seconds_mean or 0:.2f}"])
    return rows


def table_rows(file: dict[str, Any], more: list[str]) -> list[list[str]]:
    """The row of a file, and one of the way that was not kept."""
    kind = file["quantisation"]
    name = f"{kind} imatrix" if file["imatrix"] else kind
    rows = [[name, f"{file['bytes'] / 1e6:.2f}", *measured(file["parity"]["held_out"]), *more]]
    if file["alternative"]:
        other = kind if file["imatrix"] else f"{kind} imatrix"
        rows.append([f"({other})", "", *measured(file["alternative"]), *["" for _ in more]])
    return rows


def measured(held_out: dict[str, Any]) -> list[str]:
    """Perplexity, divergence from the 16-bit GGUF (of that one from transformers) and ends."""
    found = held_out["divergence"].get("f16", held_out["divergence"]["transformers"])
    kl, same = f"{found['mean_kl']:.6f}", f"{found['top1_agreement']:.1%}"
    return [f"{held_out['perplexity']:.4f}", kl, same, f"{held_out['ends']:.0%}"]


def random_table(work: Path, given: argparse.Namespace) -> str:
    """Export a random model in the likeness of each preset's base, and tabulate."""
    sys.path.insert(0, str(ROOT / "tests" / "support"))
    import random_models

    count = min(given.documents, RANDOM_DOCUMENTS)
    rows, counts = [], []
    for name in random_models.KINDS:
        tell(f"== {name}")
        model = random_models.make_random(name, work / name)
        report, held_out = exported(model, work / f"{name}-gguf", RANDOM_KINDS, given, name=name)
        rows += [[name, *row] for row in extracted_rows(report, held_out[:count])]
        if report.transformers:
            counts.append(f"{name} {report.transformers.pairs}")
    said = (
        f"{conditions(given, count)} Held-out answers that were measured, whose number "
        f"the size of a vocabulary bounds: {', '.join(counts) or 'none'}."
    )
    return f"{as_markdown(('like', *HEAD), rows)}\n\n{said}"


def as_markdown(header: tuple[str, ...], rows: list[list[str]]) -> str:
    """A table with numbers to the right."""
    lines = [header, [":--", *["--:"] * (len(header) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def write_section(name: str, text: str) -> None:
    """Put text between the document's markers of a name."""
    begin, end = f"<!-- table:{name} -->", f"<!-- end:{name} -->"
    document = DOCUMENT.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.DOTALL)
    with atomic_write(DOCUMENT) as stream:
        stream.write(pattern.sub(lambda _: f"{begin}\n{text}\n{end}", document))


if __name__ == "__main__":
    sys.exit(main())
