"""``setaccio try``: the shipped recipe adapter on a few texts, without any training.

What a machine sees that only extracts: no torch is needed. Texts and gold were written by hand for
this project and no model was trained on them (``data/samples/recipes_told.jsonl``).
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from setaccio.cli.terminal.console import output_console, program, tell_step, warn_once, write_line

EXAMPLE = "setaccio try"
FOLDER = Path("runs/try")
SAMPLES = 3


def try_out(
    documents: Annotated[int, typer.Option(min=1, max=40, help="Texts in the comparison.")] = 20,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the comparison goes.")
    ] = FOLDER,
) -> None:
    """Extract sample recipes with the shipped adapter, and compare constrained with free."""
    from setaccio.cli.eval.eval import show
    from setaccio.cli.terminal.arm_progress import show_progress
    from setaccio.data.files.sample_files import RECIPES_TOLD
    from setaccio.data.records import Document, load_pairs
    from setaccio.eval.evaluate import evaluate
    from setaccio.models import default_base, model_path, shipped_adapter
    from setaccio.runtime import Extractor

    base, adapter = default_base().name, shipped_adapter("recipe")
    extractor = Extractor(model_path(base), adapter=adapter)
    pairs = load_pairs(RECIPES_TOLD)[0]
    tell_step(f"1/2  Extracting {SAMPLES} recipes with {base} and the shipped adapter")
    chosen = pairs[:SAMPLES]
    console = output_console()
    found = extractor.extract_all([Document(pair.id, pair.text) for pair in chosen])
    for pair, extraction in zip(chosen, found, strict=True):
        console.print(pair.text, style="italic", markup=False, soft_wrap=True)
        console.print(
            json.dumps(extraction.data, ensure_ascii=False, indent=2), markup=False, soft_wrap=True
        )
        console.print(f"{extraction.status} in {extraction.seconds:.1f} s\n", markup=False)
    extractor.model.close()
    tell_step(f"2/2  Constrained against free decoding on {documents} recipes")
    with show_progress() as progress:
        comparison = evaluate(
            base,
            pairs,
            out=out,
            limit=documents,
            adapter=adapter,
            tuned_only=True,
            progress=progress,
            tell=warn_once,
        )
    show(comparison)
    note = out / "note.txt"
    note.write_text(pairs[-1].text + "\n", encoding="utf-8")
    tell_step("Try it on a text of your own; this is the command for the one in the file:")
    write_line(shlex.join([program(), "extract", str(note)]))
