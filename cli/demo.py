"""``setaccio demo``: the whole path on a CPU in minutes.

Recipe pairs are generated, the bundled tiny base is fine-tuned on them, merged, converted and
quantised; sample documents are extracted with the schema enforced; and base and tuned model are
compared, free and constrained, on held-out recipes. Everything stays in a folder of its own.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from setaccio.cli.console import output_console, program, step

if TYPE_CHECKING:
    from setaccio.data.records import Document, Pair

EXAMPLE = "setaccio demo --minutes 4"
FOLDER = Path("runs/demo")
MINUTES = 4.0
TRAINING_PAIRS = 6000
TRAINING_SEED = 1
HELD_OUT_SEED = 2
SAMPLES = 3
QUANTISATION = "q8_0"


def demo(
    minutes: Annotated[
        float, typer.Option(min=0.05, help="Minutes of fine-tuning on the CPU.")
    ] = MINUTES,
    documents: Annotated[int, typer.Option(min=1, help="Held-out recipes in the comparison.")] = 50,
    pairs: Annotated[int, typer.Option(min=50, help="Pairs to learn from.")] = TRAINING_PAIRS,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FOLDER", help=f"Default: {FOLDER}/1, then 2, ..."),
    ] = None,
) -> None:
    """Fine-tune the bundled tiny base on recipes, export, extract samples, compare."""
    folder = _fresh_folder(out)
    step(f"Everything of this demo goes into {folder}")
    held_out = _make_pairs(folder, pairs, documents)
    tuned, base = _make_models(folder, minutes, held_out)
    _extract_samples(folder, tuned)
    _compare(folder, tuned, base, len(held_out))


def _fresh_folder(out: Path | None) -> Path:
    from setaccio.data.errors import UsageError

    if out is not None:
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise UsageError(f"{out}: is not empty. Choose another --out.")
        out.mkdir(parents=True, exist_ok=True)
        return out
    FOLDER.mkdir(parents=True, exist_ok=True)
    numbers = [int(path.name) for path in FOLDER.iterdir() if path.name.isdecimal()]
    folder = FOLDER / str(max(numbers, default=0) + 1)
    folder.mkdir()
    return folder


def _make_pairs(folder: Path, count: int, documents: int) -> list[Pair]:
    from setaccio.cli.meter import Meter
    from setaccio.data.recipes import generate_pairs
    from setaccio.data.records import write_pairs

    step(f"1/5  Generating {count} recipe pairs to learn from, {documents} held out")

    def counted() -> Iterator[Pair]:
        with Meter(count, results_on_terminal=False, noun="pairs") as meter:
            for pair in generate_pairs(count, TRAINING_SEED):
                yield pair
                meter.count(failed=False)

    write_pairs(folder / "pairs.jsonl", counted())
    held_out = list(generate_pairs(documents, HELD_OUT_SEED, held_out=True))
    write_pairs(folder / "held-out.jsonl", held_out)
    return held_out


def _make_models(folder: Path, minutes: float, held_out: list[Pair]) -> tuple[Path, Path]:
    """Fine-tune and export; returns the tuned GGUF and the base's."""
    from setaccio.data.task import load_task
    from setaccio.export import export
    from setaccio.train import load_config, train
    from setaccio.train.models import resolve_base

    step(f"2/5  Fine-tuning the tiny base with LoRA, {minutes:g} minutes")
    settings = {
        "pairs": folder / "pairs.jsonl",
        "out": folder / "run",
        "max_minutes": minutes,
        "eval_steps": 0,
        "save_steps": 0,
    }
    config = load_config("tiny", settings)
    result = train(config)
    step("3/5  Merging, converting, quantising, proving (tuned model and base)")
    models = folder / "gguf"
    kinds = (QUANTISATION,)
    report = export(
        result.run, models, quantisations=kinds, pairs=held_out, name="tuned", progress=step
    )
    base_report = export(
        resolve_base(config.base).folder,
        models / "base",
        quantisations=kinds,
        task=load_task(config.task),
        pairs=held_out,
        name="base",
        progress=step,
    )
    return report.files[0].path, base_report.files[0].path


def sample_documents() -> list[Document]:
    """Public-domain recipes as prose: rows and sentence shapes that no training pair uses."""
    from setaccio.data.prose import write_prose
    from setaccio.data.recipe_source import public_domain_recipes
    from setaccio.data.recipes import MAX_CHARS, MIN_CHARS, SAMPLE_FILE, is_held_out
    from setaccio.data.records import Document

    documents: list[Document] = []
    for recipe in public_domain_recipes(SAMPLE_FILE):
        if len(documents) == SAMPLES:
            break
        if is_held_out(recipe):
            prose = write_prose(recipe, random.Random(f"demo:{recipe.title}"), held_out=True)
            if MIN_CHARS <= len(prose.text) <= MAX_CHARS:
                documents.append(Document(recipe.title, prose.text))
    return documents


def _extract_samples(folder: Path, tuned: Path) -> None:
    from setaccio.data.records import atomic_write
    from setaccio.runtime import Extractor

    documents = sample_documents()
    step(f"4/5  Extracting {len(documents)} sample documents with the schema enforced")
    extractor = Extractor(tuned)
    extractions = [extractor.extract(document) for document in documents]
    extractor.model.close()
    with atomic_write(folder / "samples.jsonl") as stream:
        stream.writelines(extraction.to_json() + "\n" for extraction in extractions)
    console = output_console()
    console.print(documents[0].text, markup=False)
    console.print()
    first = extractions[0]
    shown = json.dumps(first.data, ensure_ascii=False, indent=2) if first.ok else first.raw
    console.print(f"{first.status}: {first.message or shown}", markup=False)
    if first.message:
        console.print(shown, markup=False)


def _compare(folder: Path, tuned: Path, base: Path, documents: int) -> None:
    import subprocess

    step(f"5/5  Comparing base and tuned, free and constrained, on {documents} documents")
    # In a process of its own: beside torch's threads GCC's OpenMP lets llama.cpp's sleep at every
    # wait, and a small model takes three times as long.
    command = [sys.executable, "-m", "setaccio.cli.main", "eval", "--model", str(tuned)]
    command += ["--base", str(base), "--pairs", str(folder / "held-out.jsonl")]
    done = subprocess.run([*command, "--out", str(folder / "comparison")], check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)
    step(f"Try your own text: {program()} extract --model {tuned} notes.txt")
