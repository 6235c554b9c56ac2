"""``setaccio demo``: fine-tune a small model on a CPU in minutes, and see what that bought.

The default base learns to take bookings from what callers of a restaurant said, as an adapter of a
few megabytes; the adapter is proved on the base's own file, samples are extracted, and base and
tuned model are compared, free and constrained, on callers that the training never heard. Everything
stays in a folder of its own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from setaccio.cli.terminal.console import output_console, tell_step, tell_try

if TYPE_CHECKING:
    from setaccio.data.records import Pair
    from setaccio.runtime import Extraction

EXAMPLE = "setaccio demo --minutes 6"
FOLDER = Path("runs/demo")
MINUTES = 6.0
TASK = "booking"
PRESET = "demo"
SAMPLES = 4
SEVERAL = 3  # values in a sample
NOTE = "note.txt"
# Longest answer that the comparison waits for: the longest gold answer has 60 tokens. The untuned
# model, left free, would go on to the end of its context.
ANSWER_TOKENS = 120


def demo(
    minutes: Annotated[
        float, typer.Option(min=0.05, help="Minutes of fine-tuning on the CPU.")
    ] = MINUTES,
    documents: Annotated[
        int, typer.Option(min=5, max=150, help="Held-out texts in the comparison.")
    ] = 60,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FOLDER", help=f"Default: {FOLDER}/1, then 2, ..."),
    ] = None,
) -> None:
    """Fine-tune the default base on bookings, prove the adapter, extract samples, compare."""
    from setaccio.data.records import BOOKINGS_TEST, load_pairs
    from setaccio.models import default_base, model_path

    base = default_base().name
    model_path(base)  # says how to fetch it before anything else is done
    folder = _fresh_folder(out)
    held_out = load_pairs(BOOKINGS_TEST)[0]
    tell_step(f"Everything of this demo goes into {folder}")
    adapter = _make_adapter(folder, base, minutes, held_out)
    texts = _choose_samples(held_out[documents:] or held_out)
    _extract_samples(folder, base, adapter, texts)
    _compare(folder, base, adapter, documents)
    tell_try(["extract", "--model", base, "--adapter", str(adapter), str(folder / NOTE)])


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


def _make_adapter(folder: Path, base: str, minutes: float, held_out: list[Pair]) -> Path:
    """Fine-tune and export; returns the adapter's GGUF."""
    from setaccio.data.records import BOOKINGS_TRAIN
    from setaccio.export import export_adapter
    from setaccio.train import load_config, train

    tell_step(f"1/4  Fine-tuning {base} on what callers said, at most {minutes:g} minutes")
    settings: dict[str, Any] = {"base": base, "task": TASK, "pairs": BOOKINGS_TRAIN}
    settings |= {"out": folder / "run", "max_minutes": minutes}
    result = train(load_config(PRESET, settings))
    tell_step("2/4  Exporting the adapter, and proving it on the base's own file")
    report = export_adapter(
        result.run, folder, pairs=held_out, name=TASK, held_out=20, progress=tell_step
    )
    return report.files[0].path


def _choose_samples(pairs: list[Pair]) -> list[Pair]:
    """Short ones in which there are several things to find: what fits a screen."""

    def found(pair: Pair) -> int:
        return sum(value is not None for value in pair.gold.values())

    return sorted(pairs, key=lambda pair: (found(pair) < SEVERAL, len(pair.text)))[:SAMPLES]


def _extract_samples(folder: Path, base: str, adapter: Path, pairs: list[Pair]) -> None:
    from setaccio.data.records import Document, atomic_write
    from setaccio.models import model_path
    from setaccio.runtime import Extractor

    tell_step(f"3/4  Extracting {len(pairs)} held-out texts with the schema enforced")
    extractor = Extractor(model_path(base), adapter=adapter)
    documents = [Document(pair.id, pair.text) for pair in pairs]
    extractions = list(extractor.extract_all(documents))
    extractor.model.close()
    (folder / NOTE).write_text(pairs[0].text + "\n", encoding="utf-8")
    with atomic_write(folder / "samples.jsonl") as stream:
        stream.writelines(extraction.to_json() + "\n" for extraction in extractions)
    for pair, extraction in zip(pairs, extractions, strict=True):
        _show(pair.text, extraction)


def _show(text: str, extraction: Extraction) -> None:
    console = output_console()
    console.print(text, style="italic", markup=False, soft_wrap=True)
    shown = json.dumps(extraction.data, ensure_ascii=False) if extraction.ok else extraction.raw
    console.print(f"  {shown}", markup=False, soft_wrap=True)
    if not extraction.ok:
        console.print(f"  {extraction.status}: {extraction.message}", markup=False, soft_wrap=True)


def _compare(folder: Path, base: str, adapter: Path, documents: int) -> None:
    import subprocess

    from setaccio.data.records import BOOKINGS_TEST

    tell_step(f"4/4  Comparing base and tuned, free and constrained, on {documents} held-out texts")
    # In a process of its own: beside torch's threads GCC's OpenMP lets llama.cpp's sleep at every
    # wait, and a small model takes three times as long.
    command = [sys.executable, "-m", "setaccio.cli.main", "eval", "--model", base]
    command += ["--adapter", str(adapter), "--pairs", str(BOOKINGS_TEST)]
    command += ["--limit", str(documents), "--max-tokens", str(ANSWER_TOKENS)]
    done = subprocess.run([*command, "--out", str(folder / "comparison")], check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)
