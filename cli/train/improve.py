"""``setaccio improve``: corrections in, an adapter out that is no worse than the one before.

    OUT/pairs/       train.jsonl (learned from), held_out.jsonl (never), test.jsonl (the test part),
                     replay.jsonl (old pairs to draw from)
    OUT/run/         the training that went on
    OUT/export/      both adapters as GGUF, proved
    OUT/eval-old/    what the old adapter scores on both parts; OUT/eval-new/ the new one
    OUT/decision.json, OUT/adapter.gguf    what was decided and why, and the adapter to use
    OUT/improve.json which steps are done

Every finished step is recorded, so the same command goes on after whatever ended it.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from setaccio.cli.terminal.console import tell_step, warn
from setaccio.cli.train.options import MaxMinutes, MaxSteps, Settings, given, parse_settings
from setaccio.cli.train.steps import DECISION, RECORD, Steps, read_note
from setaccio.cli.train.verdict import PARTS, decide, evaluate_part

if TYPE_CHECKING:
    from setaccio.cli.train.corrections import Corrected
    from setaccio.data.records import Pair
    from setaccio.data.task.task import Task
    from setaccio.train.config.settings import TrainConfig

EXAMPLE = "setaccio improve --run runs/recipe --corrections corrections.jsonl"
INHERITED = (
    *("method", "backend", "precision", "dropout", "learning_rate", "schedule", "warmup"),
    *("weight_decay", "max_grad_norm", "batch_size", "gradient_accumulation", "packing"),
    *("drop_long", "gradient_checkpointing", "memory_gib", "quantisation_aware", "seed"),
    *("save_steps", "keep_checkpoints", "report_to", "threads"),
)
"""Settings of the old run that say how the new one trains, and not for how long."""


def improve(
    run: Annotated[
        Path,
        typer.Option(metavar="RUN", help="A training run, or the folder of an earlier improve."),
    ],
    corrections: Annotated[
        Path, typer.Option(metavar="FILE", help="Corrected pairs, as serve and review write them.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Default: RUN-improved.")
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The test part; default: what the run held out."),
    ] = None,
    held_out: Annotated[
        float, typer.Option(help="Share of the corrections that are never learned from.")
    ] = 0.2,
    tolerance: Annotated[
        float, typer.Option(min=0, max=1, help="Greatest loss with which the new adapter is kept.")
    ] = 0.02,
    max_minutes: MaxMinutes = None,
    max_steps: MaxSteps = None,
    settings: Settings = None,
    base_gguf: Annotated[
        Path | None,
        typer.Option(metavar="GGUF|NAME", help="The base's GGUF, if it is not where it was."),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave bad corrections out instead of refusing them.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Delete an earlier improvement in --out.")
    ] = False,
) -> None:
    """Train on corrections, and keep the new adapter only where nothing is worse.

    The same command goes on where it was stopped. Ends with 8 where the old adapter stays.
    """
    from setaccio.cli.train.corrections import read_corrections
    from setaccio.data.errors import UsageError

    if not 0 < held_out < 1:
        raise UsageError(f"--held-out {held_out:g}: is a share above 0 and below 1, such as 0.2.")
    folder = out or run.parent / f"{run.name}-improved"
    with closing(Steps(folder, overwrite=overwrite)) as steps:
        old, parent, task = _old_run(run)
        flags = given({"max_minutes": max_minutes, "max_steps": max_steps})
        values = {**parse_settings(settings or []), **flags}
        config = _training(old, folder, values)
        mark, grown = steps.mark_of(corrections)
        inputs = {
            "run": [str(old.absolute()), parent],
            "corrections": mark,
            "pairs": None if pairs is None else str(pairs),
            "held_out": held_out,
            "settings": _what_is_learned(config),
        }
        if not steps.begun:
            test = _test_part(old, pairs)
            found = read_corrections(corrections, task, test, held_out, skip_bad=skip_bad)
            replay = _replay(config, values.get("replay_pairs"), [*found.pairs(), *test])
            steps.begin(inputs)
            steps.note("pairs", _write_pairs(folder, found, test, replay))
        steps.check(inputs)
        if grown:
            _tell_grown(folder, corrections)
        _make_adapters(steps, old, config, base_gguf)
        for part in PARTS:
            evaluate_part(steps, part, tolerance)
        decide(steps, old, config.out)


def _old_run(run: Path) -> tuple[Path, str, Task]:
    """The run to go on from, checked, its adapter's SHA-256, and its task."""
    from setaccio.data.errors import UsageError
    from setaccio.data.task.task import Task
    from setaccio.export.merging.adapter_config import is_plain
    from setaccio.train.inputs.parent import read_parent
    from setaccio.train.inputs.sources import require_extra

    if (run / RECORD).is_file():
        decided = read_note(run / DECISION)
        if "run" not in decided:
            raise UsageError(f"{run}: this improvement is not finished. Call it again first.")
        run = Path(decided["run"])
    if not run.is_dir():
        what = "is a file" if run.is_file() else "no such folder"
        raise UsageError(f"{run}: {what}. --run takes the folder of a training run.")
    require_extra()
    parent = read_parent(run)
    if not is_plain(run / "adapter"):
        raise UsageError(
            f"{run}: its adapter can not stand beside a base (dora or train_embeddings). Go on "
            f"with it by hand: setaccio train --continue-from {run}"
        )
    text = (run / "task.json").read_text(encoding="utf-8")
    return run, parent.sha256, Task.from_metadata(text, source=str(run / "task.json"))


def _training(old: Path, folder: Path, values: dict[str, Any]) -> TrainConfig:
    """The configuration of the training: the old run's, but for its limits and its pairs."""
    from setaccio.data.errors import UsageError
    from setaccio.train.config.config import load_config
    from setaccio.train.inputs.parent import settle

    own = {
        "pairs": folder / "pairs" / "train.jsonl",
        "out": folder / "run",
        "continue_from": old,
        "replay_pairs": folder / "pairs" / "replay.jsonl",
        # The pairs that the old run held out decide at the end; they must not choose weights too.
        "validation_share": 0.0,
    }
    for name in (own.keys() - {"replay_pairs"}) & values.keys():
        raise UsageError(f"--set {name}: improve sets it itself. Leave it out.")
    kept = load_config(old / "config.yaml").model_dump(mode="json", include=set(INHERITED))
    return settle(load_config(None, {**kept, **values, **own}))


def _what_is_learned(config: TrainConfig) -> dict[str, Any]:
    """Settings that must be the same when a training that was stopped goes on."""
    from setaccio.train.config.settings import FREE_ON_RESUME

    return config.model_dump(mode="json", exclude={*FREE_ON_RESUME, "pairs", "out"})


def _test_part(old: Path, given_file: Path | None) -> list[Pair]:
    """The pairs that say whether something that was right is wrong now."""
    from setaccio.data.errors import DataError, UsageError
    from setaccio.data.records import load_pairs
    from setaccio.train.inputs.pairs import run_pairs

    file, found = given_file, []
    if file is None:
        try:
            config, mixed = run_pairs(old)
        except UsageError as error:
            raise UsageError(f"{error}; and name the test part with --pairs FILE.") from error
        beside = config.pairs.with_name("test.jsonl")  # as `data split` divides, and improve
        file = beside if config.pairs.name == "train.jsonl" and beside.is_file() else None
        found = mixed.held_out
    if file is not None:
        found = load_pairs(file)[0]
    if not found:
        raise UsageError(f"{old}: held no pairs out. Name the test part with --pairs FILE.")
    if len({pair.id for pair in found}) < len(found):
        raise DataError(f"{file or old}: ids come twice in the test part. Make them unique.")
    tell_step(f"Test part: {len(found)} pairs {f'of {file}' if file else 'that the run held out'}")
    return found


def _replay(config: TrainConfig, file: str | None, but: list[Pair]) -> list[Pair]:
    """Old pairs to draw from, without the documents that are corrected or measured on."""
    from setaccio.data.errors import DataError
    from setaccio.train.inputs.pairs import old_pairs

    named = None if file is None else Path(str(file))
    found = old_pairs(config.model_copy(update={"replay_pairs": named}), but)
    if config.replay_share and not found:
        raise DataError(
            f"{named or config.continue_from}: no old pair is left to be repeated. Learn from the "
            "corrections alone: --set replay_share=0"
        )
    return found


def _write_pairs(
    folder: Path, found: Corrected, test: list[Pair], replay: list[Pair]
) -> dict[str, int]:
    """Write the parts; corrections with all that their lines say of their origin."""
    from setaccio.data.files.json_text import dump_compact
    from setaccio.data.records import atomic_write, write_pairs

    for note in found.notes:
        warn(note)
    (folder / "pairs").mkdir(exist_ok=True)
    for name, rows in (("train", found.learned), ("held_out", found.held_out)):
        with atomic_write(folder / "pairs" / f"{name}.jsonl") as stream:
            stream.writelines(dump_compact(row) + "\n" for row in rows)
    write_pairs(folder / "pairs" / "test.jsonl", test)
    write_pairs(folder / "pairs" / "replay.jsonl", replay)
    counts = {"train": len(found.learned), "held_out": len(found.held_out), "test": len(test)}
    tell_step(f"{counts['train']} corrections to learn from, {counts['held_out']} held out")
    return counts


def _tell_grown(folder: Path, corrections: Path) -> None:
    from setaccio.data.errors import UsageError

    if (folder / DECISION).is_file():
        raise UsageError(
            f"{folder}: is decided, and {corrections} has grown since. Choose another --out, and "
            f"--run {folder} to go on from there."
        )
    warn(f"{corrections} has grown since {folder} was begun, which goes on with what there was.")


def _make_adapters(steps: Steps, old: Path, config: TrainConfig, base_gguf: Path | None) -> None:
    """Train on, and export both adapters; evaluation then begins in a fresh process."""
    worked = steps.done("train") is None
    if worked:
        from setaccio.train import train

        if config.out.exists() and not (config.out / "config.yaml").is_file():
            shutil.rmtree(config.out)  # killed before it began
        resumed = config.model_copy(update={"resume": config.out.exists()})
        steps.note("train", {"steps": train(resumed).steps})
    for name, run in (("old", old), ("new", config.out)):
        if steps.done(f"export-{name}") is None:
            tell_step(f"Exporting the {name} adapter")
            steps.note(f"export-{name}", _export(steps.out, run, name, base_gguf))
            worked = True
    if worked:
        # Beside torch's threads GCC's OpenMP lets llama.cpp's sleep at every wait, and a small
        # model takes three times as long. All that is done is recorded.
        sys.stdout.flush()
        words = [word for word in sys.argv[1:] if word != "--overwrite"]
        os.execv(sys.executable, [sys.executable, "-m", "setaccio.cli.main", *words])  # noqa: S606


def _export(folder: Path, run: Path, name: str, base_gguf: Path | None) -> dict[str, str]:
    from setaccio.data.records import load_pairs
    from setaccio.export import convert, export_adapter
    from setaccio.export.inputs import find_inputs
    from setaccio.models import gguf_path

    base = None if base_gguf is None else gguf_path(base_gguf)
    inputs, plain = find_inputs(run), None
    if base is None and inputs.base_gguf is None:
        plain = folder / "export" / "base.gguf"
        if not plain.is_file():
            plain.parent.mkdir(parents=True, exist_ok=True)
            tell_step("Converting the base, once")
            convert(inputs.model, plain)
    report = export_adapter(
        run,
        folder / "export" / name,
        base_gguf=base,
        pairs=load_pairs(folder / "pairs" / "test.jsonl")[0],
        plain=plain,
        progress=tell_step,
    )
    proved_on = plain or (report.base_gguf.path if report.base_gguf else None)
    return {"base": str(Path(str(proved_on)).absolute()), "adapter": report.files[0].path.name}
