"""One command: adapters of two tasks over one base, exported together, each used by extract.

Run: pytest tests/train/test_train_together.py
"""

import json
import os
import subprocess
import sys

import pytest

pytest.importorskip("trl")

from train_parts import SCHEMA, make_pairs, write_jsonl

from setaccio.cli.train.adapters import check_adapters
from setaccio.data.errors import UsageError
from setaccio.train import load_configs

MANY = """
base: {base}
max_steps: 2
max_length: 256
batch_size: 8
rank: 4
threads: 1
report_to: none
runs:
  - {{task: person.json, pairs: people.jsonl, out: runs/person}}
  - {{task: city.json, pairs: cities.jsonl, out: runs/city}}
"""


@pytest.fixture
def many(tmp_path, small_base):
    """A folder with two tasks, their pairs and the file that trains both."""
    people = make_pairs(24)
    cities = [{**row, "gold": {"city": row["gold"]["city"]}} for row in people]
    city = {**SCHEMA, "properties": {"city": {"type": "string"}}, "required": ["city"]}
    for name, schema, rows, file in (
        ("person", SCHEMA, people, "people.jsonl"),
        ("city", city, cities, "cities.jsonl"),
    ):
        task = {"name": name, "instruction": f"Find the {name}.", "schema": schema}
        (tmp_path / f"{name}.json").write_text(json.dumps(task), encoding="utf-8")
        write_jsonl(tmp_path / file, rows)
    (tmp_path / "many.yaml").write_text(MANY.format(base=small_base), encoding="utf-8")
    return tmp_path


def setaccio(folder, *arguments):
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run(
        [sys.executable, "-m", "setaccio.cli.main", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_one_command_trains_and_exports_them_and_goes_on_where_it_stopped(many):
    command = ("train", "--config", "many.yaml", "--export-adapters", "models")
    (many / "cities.jsonl").rename(many / "later.jsonl")
    stopped = setaccio(many, *command)
    assert stopped.returncode not in (0, 1)
    assert "cities.jsonl" in stopped.stderr
    assert not (many / "models").exists()
    (many / "later.jsonl").rename(many / "cities.jsonl")
    done = setaccio(many, *command, "--resume")
    assert done.returncode == 0, done.stderr
    assert "--adapter models/city-adapter.gguf" in done.stderr
    assert {path.name for path in (many / "models").glob("*.gguf")} == {
        "small-q8_0.gguf",
        "person-adapter.gguf",
        "city-adapter.gguf",
    }
    (many / "note.txt").write_text("Ada lives in Bari.", encoding="utf-8")
    model = ("--model", "models/small-q8_0.gguf", "--threads", 1)
    for name, keys in (("person", {"name", "city"}), ("city", {"city"})):
        adapter = f"models/{name}-adapter.gguf"
        out = setaccio(many, "extract", "note.txt", *model, "--adapter", adapter)
        row = json.loads(out.stdout)
        assert row["data"].keys() == keys
        assert row["task"] == name


def test_what_can_not_go_together_is_refused_before_anything_is_trained(many):
    many_yaml = many / "many.yaml"
    configs = load_configs(many_yaml)
    check_adapters(configs)
    with pytest.raises(UsageError, match="all runs need the same base"):
        check_adapters([configs[0], configs[1].model_copy(update={"base": "another"})])
    with pytest.raises(UsageError, match="make them differ"):
        check_adapters([configs[0], configs[0].model_copy(update={"out": many / "b" / "person"})])
    for update, name in (
        ({"dora": True}, "dora"),
        ({"method": "full"}, "method: full"),
        ({"train_embeddings": True}, "train_embeddings"),
    ):
        with pytest.raises(UsageError, match=f"{name} can not be an adapter beside a base"):
            check_adapters([configs[0].model_copy(update=update)])
    with many_yaml.open("a", encoding="utf-8") as stream:
        stream.write("dora: true\n")
    done = setaccio(many, "train", "--config", "many.yaml", "--export-adapters", "models")
    assert done.returncode != 0
    assert "dora can not be an adapter" in done.stderr
    assert not (many / "runs").exists()
