"""The models under test: the tests' tiny one, and those that recite, made when first needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.cases import (
    FIXTURES,
    RECIPE,
    Transcript,
    read_transcripts,
    transcripts,
    write_transcripts,
)
from benchmarks.random_models.recite import QWEN_05B, QWEN_15B, SKETCH, Recital, Shape
from benchmarks.random_models.recite_gguf import write_model
from setaccio.data import load_task
from setaccio.export.gguf.llamacpp_source import vocabulary_file
from setaccio.runtime import LoadedModel, load_model
from setaccio.runtime.grammar.constraint import Grammar, compile_schema
from setaccio.runtime.model.tokens import decode_tokens, encode_text
from setaccio.runtime.prompt.prompts import Prompts

TINY_GGUF = FIXTURES / "tiny-recipe-q8_0.gguf"
"""The tiny recipe model; it carries its task."""
VOCABULARY = "qwen2"
CANDIDATES = 200
"""Transcripts that are tried until enough are found that can be told apart."""


@dataclass(frozen=True)
class Subject:
    """A model and how much it is given to do.

    Attributes:
        label: its name in tables.
        shape: of a model that recites; None for the tiny one.
        context: tokens of each document's prompt and answer.
        serial: documents for arms that take one at a time.
        batched: documents for arms that take several.
        serial_s: expected seconds of a serial arm, to tell the time that is left.
        batched_s: likewise of one that takes several.
    """

    label: str
    shape: Shape | None
    context: int
    serial: int
    batched: int
    serial_s: float
    batched_s: float


SUBJECTS = {
    "tiny": Subject("tiny model, Q8_0", None, 2048, 8, 64, 10, 8),
    "0.5b": Subject("Qwen 2.5 0.5B shape, Q8_0", QWEN_05B, 1024, 3, 16, 20, 20),
    "1.5b": Subject("Qwen 2.5 1.5B shape, Q8_0", QWEN_15B, 1024, 2, 16, 35, 50),
}


@dataclass(frozen=True)
class Ready:
    """A model that can be measured.

    Attributes:
        path: the GGUF.
        transcripts: file of the transcripts that it recites; empty for the tiny model.
    """

    path: Path
    transcripts: str = ""


def make_model(name: str, folder: Path, vocabulary: Path | None) -> Ready:
    """Find or make a model.

    Args:
        name: one of :data:`SUBJECTS`.
        folder: where models are made and kept.
        vocabulary: the GGUF with the Qwen 2 vocabulary, or llama-cpp-python's source archive or
            folder; by default what an export would take.

    Raises:
        ExportError: a model has to be made and there is no vocabulary.
    """
    shape = SUBJECTS[name].shape
    if shape is None:
        return Ready(TINY_GGUF)
    folder.mkdir(parents=True, exist_ok=True)
    path, rows = folder / f"{shape.name}.gguf", folder / f"{shape.name}.jsonl"
    if not (path.is_file() and rows.is_file()):
        if vocabulary and vocabulary.suffix == ".gguf" and vocabulary.is_file():
            source = vocabulary
        else:
            source = vocabulary_file(VOCABULARY, vocabulary)
        sketch = folder / f"{SKETCH.name}.gguf"
        if not sketch.is_file():
            write_model(sketch, SKETCH, source, [])
        make_reciting(path, rows, shape, source, load_model(sketch), SUBJECTS[name].batched)
    return Ready(path, str(rows))


def make_reciting(
    path: Path, rows: Path, shape: Shape, vocabulary: Path, sketch: LoadedModel, count: int
) -> None:
    """Write a model that recites, and what it recites.

    Args:
        path: GGUF to write.
        rows: file of transcripts to write.
        shape: of the model.
        vocabulary: a GGUF with the Qwen 2 vocabulary.
        sketch: a loaded model with that vocabulary.
        count: most transcripts.
    """
    task = load_task(RECIPE)
    prompts, grammar = Prompts(sketch, task), compile_schema(sketch, task.json_schema)
    found: list[Transcript] = []

    def recitals() -> Iterator[Recital]:
        for row in transcripts(CANDIDATES):
            prompt = prompts.make(row.text)
            tokens = cut_tokens(sketch, grammar, row.answer)
            found.append(replace(row, tokens=tokens))
            yield Recital([*prompt.prefix, *prompt.rest], tokens)

    known = write_model(path, shape, vocabulary, recitals(), most=count)
    write_transcripts(rows, [found[index] for index in known])


def cut_tokens(model: LoadedModel, grammar: Grammar, text: str) -> list[int]:
    """Cut an answer into tokens as constrained decoding does.

    Where the grammar leaves no choice its own tokens are taken, elsewhere the tokenizer's.

    Args:
        model: whose vocabulary.
        grammar: of the answer.
        text: the answer; valid under the grammar.

    Returns:
        Token ids, without the end token.
    """
    matcher = grammar.start()
    tokens: list[int] = []
    rest = text
    while not matcher.complete:
        step = matcher.forced() or encode_text(model, rest)[:1]
        for token in step:
            matcher.accept(token)
        tokens += step
        rest = text[len(decode_tokens(model, tokens)) :]
    return tokens


def known_transcripts(ready: Ready) -> list[Transcript]:
    """What a model recites; nothing for the tiny one."""
    return read_transcripts(Path(ready.transcripts)) if ready.transcripts else []
