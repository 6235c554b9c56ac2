"""``setaccio eval sweep``: one model in several quantisations, the knee marked."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from setaccio.cli.eval.options import (
    Limit,
    MaxTokens,
    OneAdapter,
    Out,
    PairsFile,
    Sample,
    SchemaFile,
    Seed,
    TaskName,
    Thinking,
    Threads,
    load_documents,
    models_option,
)
from setaccio.cli.terminal.console import tell_step, warn_once
from setaccio.cli.terminal.tables import print_rows

if TYPE_CHECKING:
    from setaccio.data.records import Pair
    from setaccio.data.task.task import Task

EXAMPLE = "setaccio eval sweep models/ --pairs test.jsonl --out runs/sweep"
_FLOATS = ("F32", "F16", "BF16")
_NO_MATRIX = frozenset({*_FLOATS, "Q8_0"})
"""Types for which llama.cpp makes no use of an importance matrix."""


def sweep_verb(
    models: Annotated[
        list[Path],
        typer.Argument(metavar="GGUF|NAME|FOLDER...", help="GGUFs, or a folder of them."),
    ],
    make: Annotated[
        str | None,
        models_option(
            metavar="A,B,...",
            help="Types to make from the F16 where they are missing; 'all' makes all six.",
        ),
    ] = None,
    imatrix: Annotated[
        Path | None,
        models_option(
            metavar="FILE",
            help="Make each type with an importance matrix as well: its file, or pairs for one.",
        ),
    ] = None,
    constraint: Annotated[
        Literal["schema", "none"],
        models_option(help="How all of them decode."),
    ] = "schema",
    adapter: OneAdapter = None,
    max_tokens: MaxTokens = None,
    thinking: Thinking = None,
    threads: Threads = None,
    pairs: PairsFile = None,
    limit: Limit = None,
    sample: Sample = None,
    seed: Seed = 0,
    task: TaskName = None,
    schema: SchemaFile = None,
    out: Out = None,
) -> None:
    """Evaluate a model's quantisations: accuracy, size, speed, memory; the knee is marked.

    The knee is the smallest file that loses neither L3 nor score beyond the paired noise.
    """
    from setaccio.cli.choices.tasks import choose_task
    from setaccio.cli.terminal.arm_progress import show_progress
    from setaccio.eval.studies.sweep import sweep as run_sweep

    chosen = choose_task(task, schema)
    found = load_documents(pairs, limit, sample, seed)
    files = _find_files(models)
    with _workshop(out) as workshop:
        if make or imatrix:
            matrix = _matrix(imatrix, files, found, chosen, workshop) if imatrix else None
            files = _make_missing(files, make or "all", matrix, workshop)
        with show_progress() as progress:
            result = run_sweep(
                files,
                found,
                chosen,
                constraint=constraint,
                adapter=adapter,
                out=out,
                max_tokens=max_tokens,
                thinking=thinking,
                threads=threads,
                progress=progress,
                tell=warn_once,
            )
    print_rows(result.table())
    tell_step(result.describe())
    if result.comparison.folder:
        from setaccio.eval.report.write import write_report

        tell_step(f"sweep.md, sweep.json and all outputs: {result.comparison.folder}")
        tell_step(f"Report: {write_report(result.comparison.folder)}")


def _find_files(models: list[Path]) -> list[Path]:
    """The GGUFs that are named, and those in folders that are named."""
    from setaccio.data.errors import UsageError
    from setaccio.models import gguf_path

    files: list[Path] = []
    for path in models:
        inside = sorted(path.glob("*.gguf")) if path.is_dir() else [gguf_path(path)]
        if not inside:
            raise UsageError(f"{path}: holds no .gguf file. Make some with: setaccio export")
        files += inside
    return files


@contextmanager
def _workshop(out: Path | None) -> Iterator[Path]:
    """Where GGUFs are made: kept with the run, or for as long as it takes."""
    if out is not None:
        yield out / "gguf"
        return
    with tempfile.TemporaryDirectory(prefix="setaccio-sweep-") as folder:
        yield Path(folder)


def _float_file(there: dict[str, Path]) -> Path:
    """The file that others are made from."""
    from setaccio.data.errors import UsageError

    found = next((there[kind] for kind in _FLOATS if kind in there), None)
    if found is None:
        raise UsageError(
            f"--make: needs a GGUF in F16, and there is {', '.join(there)}. Export one: "
            "setaccio export RUN --quant f16"
        )
    return found


def _matrix(
    file: Path, files: list[Path], measured: list[Pair], task: Task | None, workshop: Path
) -> Path:
    """The importance matrix: the file as it is, or one of the pairs in it."""
    from setaccio.data.errors import UsageError
    from setaccio.data.records import load_pairs
    from setaccio.eval.studies.sweep import quantisation_of
    from setaccio.export.gguf.imatrix import imatrix_of_pairs

    if not file.is_file():
        raise UsageError(f"--imatrix {file}: no such file.")
    with file.open("rb") as stream:
        if stream.read(4) == b"GGUF":
            return file
    texts = {pair.text for pair in measured}
    pairs = [pair for pair in load_pairs(file)[0] if pair.text not in texts]
    if not pairs:
        raise UsageError(f"--imatrix {file}: holds only pairs that the sweep measures. Use others.")
    source = _float_file({quantisation_of(path): path for path in files})
    out = workshop / "imatrix.gguf"
    if not _is_newer(out, source, file):
        tell_step(f"Computing the importance matrix of {file.name}")
        imatrix_of_pairs(source, pairs, out, task=task)
    return out


def _is_newer(target: Path, *sources: Path) -> bool:
    """Whether a file is there and was made after all it was made from."""
    if not target.is_file():
        return False
    return target.stat().st_mtime >= max(source.stat().st_mtime for source in sources)


def _make_missing(
    files: list[Path], wanted: str, matrix: Path | None, workshop: Path
) -> list[Path]:
    """Quantise the float file into the types that are not there yet."""
    from setaccio.eval.studies.sweep import QUANTISATIONS, quantisation_of
    from setaccio.export.gguf.quantise import canonical_name, quantise

    there = {quantisation_of(path): path for path in files}
    source = _float_file(there)
    kinds = QUANTISATIONS if wanted == "all" else [canonical_name(k) for k in wanted.split(",")]
    made = list(files)
    for kind in kinds:
        for weights in (None, matrix) if matrix and kind not in _NO_MATRIX else (None,):
            if (f"{kind} imatrix" if weights else kind) in there or kind in _FLOATS:
                continue
            stem = source.stem.removesuffix("-f16").removesuffix("-f32").removesuffix("-bf16")
            target = workshop / f"{stem}-{kind.lower()}{'-imatrix' if weights else ''}.gguf"
            if not _is_newer(target, source, *([weights] if weights else [])):
                tell_step(f"Quantising {source.name} to {target.name}")
                quantise(source, target, kind, imatrix=weights)
            made.append(target)
    return made
