"""The reference experiment's layout.

Run: pytest tests/eval/studies/test_reference_table.py
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from setaccio.data import Pair, Task
from setaccio.data.errors import DataError, ModelError, UsageError
from setaccio.eval.arms.arms import gguf_parameters
from setaccio.eval.formats import format_parameters
from setaccio.eval.studies.reference_table import (
    ReferenceModel,
    own_parts,
    reference_table,
)

RIGHT = {"title": "Tea", "ingredients": ["water"], "directions": ["Boil the water."]}
THEIRS = {"title": "Tea", "ingredients": ["water"], "steps": ["Boil the water."]}
FIRST = [Pair(f"f{n}", f"For Tea boil {n} cups water.", RIGHT) for n in range(4)]
LAST = [Pair(f"l{n}", one.text, one.gold) for n, one in enumerate([*FIRST, *FIRST[:2]])]
ALIASES = {"steps": "directions"}


def outputs(path: Path, pairs: Iterable[Pair], wrong: int, model: str = "Qwen") -> Path:
    lines = [
        {"id": pair.id, "model": model, "raw": "no" if at < wrong else json.dumps(THEIRS)}
        for at, pair in enumerate(pairs)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return (
        outputs(tmp_path / "base.jsonl", FIRST, 1),
        outputs(tmp_path / "tuned.jsonl", [*FIRST, *LAST], 0),
    )


def test_base_on_the_first_part_tuned_on_both(
    files: tuple[Path, Path], recipe: Task, tmp_path: Path
):
    models = [
        ReferenceModel("Qwen", *files, parameters="1.5 B"),
        ReferenceModel("Llama", files[0], parameters="70 B"),
    ]
    with pytest.raises(DataError, match=r"base\.jsonl: has no outputs of 'Phi'.*Llama, Qwen"):
        both = outputs(tmp_path / "more.jsonl", FIRST, 0, "Llama").read_text()
        files[0].write_text(files[0].read_text() + both)
        reference_table([ReferenceModel("Phi", files[0])], FIRST, LAST, recipe)
    found = reference_table(models, FIRST, LAST, recipe, aliases=ALIASES, out=tmp_path / "out")
    assert found.table() == [
        ["model", "decoding", "params", "L1 base", "L1 tuned", "L2 base", "L2 tuned", "L3 base",
         "L3 tuned"],
        ["Qwen", "-", "1.5 B", "75.0% (3/4)", "100% (10/10)", "75.0% (3/4)", "100% (10/10)",
         "75.0% (3/4)", "100% (10/10)"],
        ["Llama", "-", "70 B", "100% (4/4)", "-", "100% (4/4)", "-", "100% (4/4)", "-"],
    ]  # fmt: skip
    assert any(
        "Qwen, on the first part alone: L3: 75.0% to 100%, +25.0 points" in note
        for note in found.notes()
    )
    assert (tmp_path / "out/reference.md").read_text() == found.markdown()
    assert len(json.loads((tmp_path / "out/reference.json").read_text())["rows"]) == 2
    assert len((tmp_path / "out/base/documents.jsonl").read_text().splitlines()) == 4
    assert len((tmp_path / "out/tuned/documents.jsonl").read_text().splitlines()) == 10


def test_a_gguf_has_a_row_per_decoding_and_is_counted(tiny_gguf: Path, recipe: Task):
    model = ReferenceModel("tiny", tiny_gguf, tiny_gguf)
    found = reference_table([model], FIRST[:1], LAST[:1], recipe, max_tokens=8, threads=1)
    free, schema = found.table()[1:]
    assert (free[:3], schema[:3]) == (["tiny", "free", "4.2 M"], ["tiny", "schema", "4.2 M"])
    assert schema[3:5] == ["100% (1/1)", "100% (2/2)"]


def test_parameters_are_counted_in_the_file(tiny_gguf: Path, tmp_path: Path):
    assert 4.0e6 < gguf_parameters(tiny_gguf) < 4.5e6
    with pytest.raises(ModelError, match=r"none\.gguf"):
        gguf_parameters(tmp_path / "none.gguf")
    assert format_parameters(1_543_714_304) == "1.5 B"
    assert format_parameters(4_198_656) == "4.2 M"
    assert format_parameters(999) == "999"


def test_outputs_that_bring_their_gold_need_no_pairs(recipe: Task, tmp_path: Path):
    rows = [{"id": n, "model": "Qwen", "gold": RIGHT, "raw": json.dumps(THEIRS)} for n in range(9)]
    files = [tmp_path / "base.jsonl", tmp_path / "tuned.jsonl"]
    for file, count in zip(files, (3, 9), strict=True):
        file.write_text("".join(json.dumps(row) + "\n" for row in rows[:count]))
    models = [ReferenceModel("Qwen", *files)]
    first, last = own_parts(models)
    assert ([pair.id for pair in first], len(last)) == (["0", "1", "2"], 6)
    table = reference_table(models, first, last, recipe, aliases=ALIASES).table()
    assert table[1][3:5] == ["100% (3/3)", "100% (9/9)"]
    with pytest.raises(UsageError, match="Tiny: what should it run on"):
        own_parts([ReferenceModel("Tiny", tmp_path / "tiny.gguf")])


def test_a_table_needs_a_model(recipe: Task):
    with pytest.raises(UsageError, match="no model"):
        reference_table([], FIRST, LAST, recipe)
