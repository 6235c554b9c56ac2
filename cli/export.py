"""``setaccio export``: a training run in, proven GGUF files out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from setaccio.cli.terminal.console import output_console, program, tell_step, warn_of
from setaccio.cli.terminal.tables import print_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from setaccio.data.records import Pair
    from setaccio.data.task.task import Task
    from setaccio.export.adapter import Scorer
    from setaccio.export.publish.report import ExportReport

EXAMPLE = "setaccio export runs/recipe --quant q8_0,q4_k_m --out models/"


def export_verb(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="A training run, an adapter or a model folder; with --evaluation, an export; with "
            "--budget, a GGUF.",
        ),
    ],
    quant: Annotated[
        str | None,
        typer.Option("--quant", "-q", metavar="A,B,...", help="Types such as q8_0,q4_k_m,f16."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Default: RUN/gguf.")
    ] = None,
    base: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER|GGUF|NAME", help="The adapter's base, if it has moved."),
    ] = None,
    task: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="The task; default: the run's.")
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Held-out pairs: every file is measured on them."),
    ] = None,
    held_out: Annotated[
        int | None, typer.Option(metavar="COUNT", min=1, help="Greatest number of them. [16]")
    ] = None,
    imatrix: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Pairs to compute an importance matrix from."),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave bad lines of these files out.")
    ] = False,
    merge_into: Annotated[
        str | None, typer.Option(metavar="BASE", help="16-bit (default), or 4-bit: dequantised.")
    ] = None,
    adapter_only: Annotated[
        bool,
        typer.Option("--adapter-only", help="The adapter's own GGUF, to be put on its base."),
    ] = False,
    adapter_type: Annotated[
        Literal["f32", "f16", "bf16", "q8_0"] | None,
        typer.Option(help="Type of its matrices; default: q8_0 where rows allow it."),
    ] = None,
    base_gguf: Annotated[
        Path | None,
        typer.Option(
            metavar="GGUF|NAME", help="Prove it on this GGUF of its base; default: the run's own."
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="First part of the files' names.")] = None,
    source: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="llama-cpp-python's sdist, where there is no network."),
    ] = None,
    keep_merged: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the merged model here.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(metavar="SPDX", help="For the model card, such as apache-2.0.")
    ] = None,
    evaluation: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="A comparison of `setaccio eval`: write RUN's card with it."
        ),
    ] = None,
    budget: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A budget.json of `eval budget`: put it into the GGUF that RUN is.",
        ),
    ] = None,
) -> None:
    """Merge, convert, quantise and prove: GGUF files that carry their task."""
    if budget is not None:
        if quant or pairs or imatrix or adapter_only or merge_into or keep_merged or evaluation:
            from setaccio.data.errors import UsageError

            raise UsageError("--budget goes into a GGUF that is made already: it takes --out only.")
        from setaccio.export.gguf.budget_metadata import carry_budget

        tell_step(f"Wrote {carry_budget(run, budget, out)}")
        return
    if evaluation is not None:
        from setaccio.export.publish.card import write_card

        tell_step(f"Wrote {write_card(run, evaluation=evaluation, licence=licence)}")
        return
    from setaccio.cli.choices.tasks import load_named
    from setaccio.data.errors import UsageError

    common: dict[str, Any] = {
        "base": base,
        "task": load_named(task) if task else None,
        "pairs": _read(pairs, skip_bad=skip_bad),
        "source": source,
        "name": name,
        "progress": tell_step,
    }
    if held_out is not None:
        common["held_out"] = held_out
    folder = out or run / "gguf"
    if adapter_only:
        if quant or imatrix or merge_into or keep_merged:
            raise UsageError(
                "--adapter-only merges and quantises nothing. Leave out --quant, --imatrix, "
                "--merge-into and --keep-merged."
            )
        _export_adapter(run, folder, common, adapter_type, base_gguf)
        return
    if adapter_type or base_gguf:
        raise UsageError("--adapter-type and --base-gguf go with --adapter-only, which is missing.")
    from setaccio.export.pipeline import QUANTISATIONS
    from setaccio.export.pipeline import export as run_export

    if merge_into is not None:
        common["merge_into"] = merge_into
    kinds = [kind.strip() for kind in quant.split(",") if kind.strip()] if quant else None
    report = run_export(
        run,
        folder,
        quantisations=QUANTISATIONS if kinds is None else kinds,
        calibration=_read(imatrix, skip_bad=skip_bad),
        merged_dir=keep_merged,
        licence=licence,
        **common,
    )
    _show(report)
    tell_step(f"Next: {program()} extract notes.txt --model {report.files[0].path}")


def _read(path: Path | None, *, skip_bad: bool) -> list[Pair] | None:
    """Read pairs, bad lines named; None where no file was given."""
    from setaccio.data.records import load_pairs

    if path is None:
        return None
    pairs, problems = load_pairs(path, skip_bad=skip_bad)
    warn_of(problems)
    return pairs


def _make_scorer(pairs: list[Pair], task: Task | None) -> Scorer:
    """What the proof of an adapter asks for L1 to L3: export does not know the evaluation."""

    def score(candidates: Mapping[str, tuple[Path, Path | None]]) -> list[dict[str, Any]]:
        from setaccio.eval.arms.arms import Arm
        from setaccio.eval.compare import CONSTRAINTS, compare
        from setaccio.eval.result import decoding

        arms = [
            Arm(name, model, one, adapter)
            for name, (model, adapter) in candidates.items()
            for one in CONSTRAINTS
        ]
        return [
            {
                "model": arm.name,
                "decoding": decoding(arm.constraint),
                **{level: getattr(arm.summary, level).mean for level in ("l1", "l2", "l3")},
                "documents": arm.summary.documents,
            }
            for arm in compare(arms, pairs, task).arms
        ]

    return score


def _export_adapter(
    run: Path,
    folder: Path,
    common: dict[str, Any],
    adapter_type: str | None,
    base_gguf: Path | None,
) -> None:
    """Export an adapter alone; print its proof, what it scores, how large it is, how to use it."""
    from setaccio.export.adapter import export_adapter
    from setaccio.export.proof.gold_tokens import HELD_OUT_PAIRS
    from setaccio.models import gguf_path

    if adapter_type is not None:
        common["adapter_type"] = adapter_type
    if common["pairs"]:
        chosen = common["pairs"][: common.get("held_out", HELD_OUT_PAIRS)]
        common["scorer"] = _make_scorer(chosen, common["task"])
    if base_gguf is not None:
        common["base_gguf"] = gguf_path(base_gguf)
    report = export_adapter(run, folder, **common)
    _show(report)
    if report.scores:
        rows = [["model", "decoding", "L1", "L2", "L3", "docs"]]
        for found in report.scores:
            levels = [f"{found[level]:.1%}" for level in ("l1", "l2", "l3")]
            rows.append([found["model"], found["decoding"], *levels, str(found["documents"])])
        print_rows(rows, 2)
    made = report.files[0]
    tell_step(f"{made.path.name}: {made.bytes:,} bytes ({made.bytes / 1e6:.1f} MB)")
    base = report.base_gguf.path if report.base_gguf else "BASE.gguf"
    tell_step(f"Next: {program()} extract notes.txt --model {base} --adapter {made.path}")


def _show(report: ExportReport) -> None:
    """Print the proof: the quantisation table, and the losses of the merge."""
    import json

    from rich import box
    from rich.table import Table

    from setaccio.export.publish.report import HEADER, LEGEND, proof, table

    content = json.loads(report.report.read_text(encoding="utf-8"))
    title = f"Exported (task: {report.task or 'none'}); proof in {report.report}"
    shown = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for at, column in enumerate(HEADER):
        shown.add_column(column, overflow="fold", justify="left" if at < 2 else "right")
    for row in table(content["files"]):
        shown.add_row(*row)
    console = output_console()
    console.print(shown)
    console.print(LEGEND, markup=False)
    for line in proof(content):
        console.print(line, markup=False, highlight=False)
    if report.transformers:
        console.print(f"Perplexity in transformers: {report.transformers.perplexity:.4f}")
    for name, loss in (report.merge.losses if report.merge else {}).items():
        console.print(f"Loss, {name}: {loss:.4f} nats per token", markup=False)
    if report.merge and report.merge.losses and "4-bit" not in report.merge.losses:
        console.print(
            "Loss, 4-bit: not measured; that needs bitsandbytes (pip install bitsandbytes)"
        )
