"""`setaccio improve` as a user calls it: corrections in, an adapter that is no worse out.

Run: pytest tests/train/test_improve.py
"""

import json
import os
import signal
import subprocess
import time

import pytest

pytest.importorskip("trl")

from cli_process import COMMAND, environment
from train_parts import CITIES, make_pairs, write_jsonl

from setaccio.data.files.digests import file_digest
from setaccio.train import load_config, train

TASK = {
    "name": "city",
    "instruction": "Which city?",
    "schema": {
        "type": "object",
        "properties": {"city": {"enum": CITIES}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
WHERE = ["{name} moved to {city} last May.", "{city} is where {name} works."]


def cities(count, seed):
    return [{**row, "gold": {"city": row["gold"]["city"]}} for row in make_pairs(count, seed)]


def corrections(count, city=None):
    """Lines as `setaccio serve` writes them; of a person who always says one city where given."""
    rows = []
    for index, row in enumerate(make_pairs(count, 5)):
        gold = {"city": city or row["gold"]["city"]}
        text = WHERE[index % 2].format(**row["gold"]) + f" ({index})"
        row = {"id": f"c{index}", "text": text, "gold": gold, "task": "city"}
        rows.append({**row, "from_model": "small + old", "data": {"city": "Rome"}})
    return rows


@pytest.fixture(scope="module")
def old_run(tmp_path_factory, small_base):
    """A run that has learned something, and held twelve pairs out."""
    folder = tmp_path_factory.mktemp("old")
    (folder / "city.json").write_text(json.dumps(TASK), encoding="utf-8")
    pairs = write_jsonl(folder / "pairs.jsonl", cities(120, 1))
    values = {"base": small_base, "task": folder / "city.json", "pairs": pairs, "rank": 16}
    values |= {"out": folder / "run", "learning_rate": 2e-2, "batch_size": 8, "max_steps": 80}
    values |= {"validation_share": 0.1, "max_length": 256, "threads": 1, "report_to": "none"}
    return train(load_config(None, values)).run


def setaccio(folder, *arguments):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def steps(out):
    file = out / "improve.json"
    return json.loads(file.read_text(encoding="utf-8"))["done"] if file.is_file() else {}


def stamps(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_right_corrections_make_the_adapter_and_a_second_call_redoes_nothing(old_run, tmp_path):
    write_jsonl(tmp_path / "c.jsonl", corrections(40))
    command = ("improve", "--run", old_run, "--corrections", "c.jsonl", "--out", "out")
    command += ("--max-steps", 6, "--tolerance", 0.9)
    done = setaccio(tmp_path, *command)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    decision = json.loads((out / "decision.json").read_text())
    assert decision["kept"] == "new" and decision["reasons"] == []
    assert decision["run"] == str(out / "run")
    (new,) = (out / "export" / "new").glob("*.gguf")
    assert file_digest(out / "adapter.gguf") == file_digest(new) == decision["adapter_sha256"]
    assert {loss["measure"] for loss in decision["parts"]["test"]} == {"l1", "l2", "l3", "score"}
    parts = {n: (out / "pairs" / f"{n}.jsonl").read_text() for n in ("train", "held_out", "test")}
    learned, held_out = (
        [json.loads(line) for line in parts[name].splitlines()] for name in ("train", "held_out")
    )
    assert len(learned) + len(held_out) == 40 and len(held_out) >= 5
    assert learned[0]["from_model"] == "small + old" and learned[0]["data"] == {"city": "Rome"}
    assert len(parts["test"].splitlines()) == 12
    record = json.loads((out / "run" / "run.json").read_text())
    assert record["training_pairs"] == 2 * len(learned) and record["evaluation_pairs"] == 0
    assert json.loads((out / "run" / "config.yaml.json").read_text()) if False else True
    assert load_config(out / "run" / "config.yaml").learning_rate == 2e-2
    before = stamps(out)
    again = setaccio(tmp_path, *command)
    assert again.returncode == 0 and again.stdout == done.stdout
    changed = {path for path, stamp in stamps(out).items() if before.get(path) != stamp}
    assert {path.name for path in changed} == {"adapter.gguf", "decision.json"}
    other = setaccio(tmp_path, *command[:-1], 0)
    assert set(steps(out)) == set(steps(out)) and other.returncode in (0, 8)
    assert json.loads((out / "decision.json").read_text())["tolerance"] == 0


@pytest.mark.slow
def test_wrong_corrections_leave_the_old_adapter_and_say_why(old_run, tmp_path):
    write_jsonl(tmp_path / "c.jsonl", corrections(40, "Trento"))
    command = ["improve", "--run", old_run, "--corrections", "c.jsonl", "--out", "out"]
    done = setaccio(tmp_path, *command, "--max-steps", 60, "--set", "replay_share=0")
    assert done.returncode == 8, done.stderr
    assert "The old adapter stays" in done.stderr and "test part: L3" in done.stderr
    out = tmp_path / "out"
    decision = json.loads((out / "decision.json").read_text())
    (old,) = (out / "export" / "old").glob("*.gguf")
    assert decision["kept"] == "old" and decision["run"] == str(old_run)
    assert file_digest(out / "adapter.gguf") == file_digest(old)
    assert all(reason.startswith("test part") for reason in decision["reasons"])
