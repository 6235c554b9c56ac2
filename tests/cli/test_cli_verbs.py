"""The other verbs through the command line: what they print, write and refuse."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml
from cli_process import Run

PAIR = {
    "id": "p1",
    "text": "For Plain Rice you need 1 cup rice. Boil the rice.",
    "gold": {
        "title": "Plain Rice",
        "ingredients": ["1 cup rice"],
        "directions": ["Boil the rice."],
    },
}


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text(json.dumps(PAIR) + "\n")
    return path


def test_generate_is_the_same_each_time_and_its_pairs_pass_the_check(
    run: Run, tmp_path: Path
) -> None:
    first = run("data", "generate", "--count", "5", "--seed", "3")
    second = run("data", "generate", "--count", "5", "--seed", "3", "--out", "five.jsonl")
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout == (tmp_path / "five.jsonl").read_text()
    assert len(first.stdout.splitlines()) == 5
    checked = run("data", "check", "five.jsonl")
    assert checked.returncode == 0
    assert "5 pairs checked" in checked.stdout


def test_check_reports_findings_and_bad_lines(run: Run, tmp_path: Path, pairs: Path) -> None:
    with pairs.open("a") as stream:
        stream.write(json.dumps({**PAIR, "id": "p2"}) + "\n{broken\n")
    done = run("data", "check", pairs, "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert report["counts"]["duplicate"] == 1
    assert f"{pairs}:3: not JSON" in report["bad_lines"][0]
    assert "Traceback" not in done.stderr


def test_split_by_hash_and_by_position(run: Run, tmp_path: Path) -> None:
    rows = [{**PAIR, "id": str(n)} for n in range(160)]
    (tmp_path / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    by_position = run("data", "split", "all.jsonl", "--reference", "--out", "ref")
    assert by_position.returncode == 0
    counts = {
        name: len((tmp_path / "ref" / f"{name}.jsonl").read_text().splitlines())
        for name in ("first", "train", "last")
    }
    assert counts == {"first": 50, "train": 10, "last": 100}
    by_hash = run("data", "split", "all.jsonl", "--out", "parts", "--test", "0.3")
    assert by_hash.returncode == 0
    ids = [
        json.loads(line)["id"]
        for name in ("train", "validation", "test")
        for line in (tmp_path / "parts" / f"{name}.jsonl").read_text().splitlines()
    ]
    assert sorted(ids, key=int) == [row["id"] for row in rows]
    assert run("data", "split", "all.jsonl", "--out", "x", "--test", "1.5").returncode == 2


def test_split_never_replaces_its_input_and_parts_only_on_request(run: Run, tmp_path: Path) -> None:
    rows = "".join(json.dumps({**PAIR, "id": str(n)}) + "\n" for n in range(20))
    for name in ("test.jsonl", "all.jsonl"):
        (tmp_path / name).write_text(rows)
    shares = ("--test", "0.4", "--validation", "0.2")
    own = run("data", "split", "test.jsonl", "--out", ".", "--overwrite", *shares)
    assert own.returncode == 2
    assert "test.jsonl: would be replaced" in own.stderr
    there = run("data", "split", "all.jsonl", "--out", ".", *shares)
    assert there.returncode == 2
    assert "--overwrite" in there.stderr
    assert (tmp_path / "test.jsonl").read_text() == rows
    assert not (tmp_path / "train.jsonl").exists()
    done = run("data", "split", "all.jsonl", "--out", ".", "--overwrite", *shares)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "test.jsonl").read_text() != rows


def test_recipenlg_never_replaces_its_input(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id,title,ingredients,directions\n")
    done = run("data", "recipenlg", "rows.csv", "--out", "rows.csv")
    assert done.returncode == 2
    assert (tmp_path / "rows.csv").read_text().startswith("id,")


def test_hints_name_the_program_by_its_interpreter(monkeypatch, tmp_path: Path) -> None:
    from setaccio.cli.terminal.console import program

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    bin_folder = tmp_path / ".venv" / "bin"
    bin_folder.mkdir(parents=True)
    monkeypatch.setattr("sys.executable", str(bin_folder / "python"))
    assert program() == "setaccio"  # no such script
    (bin_folder / "setaccio").touch()
    assert program() == ".venv/bin/setaccio"
    monkeypatch.chdir(bin_folder)
    monkeypatch.setattr("sys.executable", str(tmp_path / "elsewhere" / "python"))
    assert program() == "setaccio"
    monkeypatch.setattr("sys.executable", str(bin_folder / "python"))
    monkeypatch.chdir("/")
    assert program().endswith("/.venv/bin/setaccio")
    (tmp_path / "setaccio").write_text("#!/bin/sh\n")
    (tmp_path / "setaccio").chmod(0o755)
    assert program() == "setaccio"


def test_doctor_says_when_there_is_no_model_to_try(run: Run, tmp_path: Path) -> None:
    done = run("doctor", XDG_CACHE_HOME=str(tmp_path / "cache"), SETACCIO_MODELS="")
    assert done.returncode == 0, done.stderr
    assert "No quantised model was tried" in done.stderr
    assert "models fetch smollm2" in " ".join(done.stderr.split())


def test_without_a_model_one_line_says_how_to_get_one(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Tea.")
    done = run("extract", "a.txt", XDG_CACHE_HOME=str(tmp_path / "cache"), SETACCIO_MODELS="")
    assert done.returncode == 5
    assert "models fetch smollm2" in done.stderr.splitlines()[-1]


def test_recipenlg_names_bad_rows_and_goes_on(run: Run, tmp_path: Path) -> None:
    cells = '"[""1 cup rice"", ""2 cups water""]","[""Boil the water."", ""Add the rice.""]"'
    table = f"id,title,ingredients,directions\n7,Plain Rice,{cells}\n8,Bad,not a list,[]\n"
    (tmp_path / "rows.csv").write_text(table)
    done = run("data", "recipenlg", "rows.csv", "--out", "pairs.jsonl")
    assert done.returncode == 0
    (line,) = (tmp_path / "pairs.jsonl").read_text().splitlines()
    assert json.loads(line)["id"] == "recipenlg-7"
    assert "rows.csv:3" in done.stderr
    strict = run("data", "recipenlg", "rows.csv", "--strict", "--out", "strict.jsonl")
    assert strict.returncode == 4
    assert not (tmp_path / "strict.jsonl").exists()


def test_eval_prints_both_constraints_and_keeps_its_run(
    run: Run, tmp_path: Path, gguf: Path, pairs: Path
) -> None:
    flags = ["--pairs", pairs, "--max-tokens", "24", "--out", "kept"]
    done = run("eval", "--model", gguf, *flags)
    assert done.returncode == 0
    assert "free" in done.stdout
    assert "L3" in done.stdout
    arms = json.loads((tmp_path / "kept/comparison.json").read_text())["arms"]
    assert [arm["constraint"] for arm in arms] == ["none", "schema"]


def test_eval_scores_outputs_made_elsewhere(run: Run, tmp_path: Path, pairs: Path) -> None:
    data = {**PAIR["gold"], "steps": PAIR["gold"]["directions"]}
    del data["directions"]
    (tmp_path / "outputs.jsonl").write_text(json.dumps({"id": "p1", "data": data}))
    flags = ["--predictions", "outputs.jsonl", "--pairs", pairs, "--task", "recipe"]
    declared = run("eval", *flags, "--alias", "steps=directions")
    assert declared.returncode == 0
    assert "100%" in declared.stdout
    undeclared = run("eval", *flags)
    assert undeclared.returncode == 0
    assert "0%" in undeclared.stdout
    wrong = run("eval", *flags, "--alias", "steps")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["train", "--config", "nowhere.yaml"], 2, "nowhere.yaml"),
        (["train", "--config", "phi-3-mini", "--out", "x"], 2, "pairs"),
        (["train", "--config", "phi-3-mini", "--set", "rank"], 2, "NAME=VALUE"),
        (["train", "--config", "phi-3-mini", "--set", "rnk=3", "--out", "x"], 2, "rnk"),
        (["export", "nowhere"], 2, "nowhere"),
        (["export", "nowhere", "--pairs", "broken.jsonl"], 4, "broken.jsonl:1"),
        (["export", "nowhere", "--pairs", "some.jsonl", "--skip-bad"], 2, "nowhere"),
        (["export", "nowhere", "--quant", "q9_9"], 2, "q9_9"),
        (["export", "taken"], 7, "no training run"),
        (["eval", "--pairs", "nowhere.jsonl"], 2, "nowhere.jsonl"),
        (["eval", "--pairs", "broken.jsonl"], 4, "broken.jsonl:1"),
        (["data", "check", "nowhere.jsonl"], 2, "nowhere.jsonl"),
        (["data", "check", "broken.jsonl", "--task", "none-such"], 3, "none-such"),
        (["doctor", "--model", "nowhere.gguf"], 5, "nowhere.gguf"),
        (["demo", "--out", "taken"], 2, "taken"),
    ],
)
def test_bad_call_ends_with_one_line(
    run: Run, tmp_path: Path, arguments: list[str], code: int, says: str
) -> None:
    (tmp_path / "broken.jsonl").write_text("{broken\n")
    (tmp_path / "some.jsonl").write_text("{broken\n" + json.dumps(PAIR))
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/file").touch()
    done = run(*arguments)
    assert done.returncode == code
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert says in last
    assert "Traceback" not in done.stderr


def test_settings_reach_the_configuration() -> None:
    from setaccio.cli.train.options import parse_settings

    parsed = parse_settings(["rank=8", "target-modules=[q_proj, v_proj]", "base=mine"])
    assert parsed == {"rank": 8, "target_modules": ["q_proj", "v_proj"], "base": "mine"}


def test_list_settings_shows_every_setting(run: Run) -> None:
    from setaccio.train.config.config import TrainConfig

    done = run("train", "--list-settings")
    assert done.returncode == 0
    assert all(name in done.stdout for name in TrainConfig.model_fields)


def test_doctor_tries_the_model_and_says_so(run: Run, gguf: Path) -> None:
    done = run("doctor", "--model", gguf)
    assert done.returncode == 0
    assert "AMX" in done.stdout
    assert "GPU" in done.stdout
    assert "Everything works" in done.stderr


def test_unexpected_error_is_one_line_and_the_traceback_is_on_request(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    quiet = run("data", "split", "folder", "--out", "parts")
    assert quiet.stderr.count("\n") == 1
    loud = run("data", "split", "folder", "--out", "parts", SETACCIO_TRACEBACK="1")
    assert loud.returncode == quiet.returncode
    assert "Traceback" in loud.stderr


def test_ci_runs_recipes_that_exist() -> None:
    root = Path(__file__).parents[2]
    recipes = re.findall(r"^([a-z][a-z-]*)[^\n:=]*:(?!=)", (root / "justfile").read_text(), re.M)
    assert {"setup", "demo", "extract", "train", "export", "eval"} < set(recipes)
    run = set(re.findall(r"\bjust ([a-z]+)", (root / ".ci/run").read_text()))
    assert {"lint", "types", "test"} <= run <= set(recipes)


def test_lock_pins_exactly_and_names_no_place() -> None:
    root = Path(__file__).parents[2]
    rows = [
        line.split(";")[0].strip()
        for line in (root / "requirements/lock.txt").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert rows
    assert all(row.count("==") == 1 and "+" not in row and "/" not in row for row in rows)
    assert "torch==2.13.0" in rows


def test_presets_are_valid_yaml() -> None:
    from setaccio.train.config.presets import PRESET_FOLDER, preset_names

    for name in preset_names():
        assert isinstance(yaml.safe_load((PRESET_FOLDER / f"{name}.yaml").read_text()), dict)
