"""The evaluation's commands: tables printed, folders written, and exit codes that a CI can use."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cli_process import Run

GOLD = {"title": "Tea", "ingredients": ["water"], "directions": ["Boil the water."]}
PAIRS = [{"id": f"p{n}", "text": f"For Tea boil {n} cups water.", "gold": GOLD} for n in range(10)]
RECIPE = str(Path(__file__).parents[2] / "fixtures" / "recipe.yaml")
FEW = ["--limit", "1", "--max-tokens", "8", "--task", RECIPE, "--threads", "1"]


def write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return write(tmp_path / "pairs.jsonl", PAIRS)


def outputs(path: Path, right: int, key: str = "directions") -> Path:
    good = {"title": "Tea", "ingredients": ["water"], key: ["Boil the water."]}
    rows = [
        {"id": pair["id"], "model": "m", "data": good if at < right else {"title": "?"}}
        for at, pair in enumerate(PAIRS)
    ]
    return write(path, rows)


def test_a_regression_ends_with_its_own_code(run: Run, tmp_path: Path, pairs: Path) -> None:
    outputs(tmp_path / "old.jsonl", 10)
    outputs(tmp_path / "new.jsonl", 9)
    flags = ["eval", "--pairs", pairs, "--task", "recipe", "--predictions"]
    first = run(*flags, "old.jsonl", "--out", "old")
    assert first.returncode == 0, first.stderr
    worse = run(*flags, "new.jsonl", "--against", "old", "--out", "new")
    assert worse.returncode == 8
    assert "FAILED" in worse.stdout
    assert "noise" in worse.stdout
    assert worse.stderr.splitlines()[-1].startswith("error: Worse than old by more than 0.02: m")
    assert json.loads((tmp_path / "new/regression.json").read_text())["failed"]
    allowed = run(*flags, "new.jsonl", "--against", "old", "--tolerance", "0.2")
    assert allowed.returncode == 0
    assert "No loss beyond 0.2 against old." in allowed.stderr


def test_outputs_made_elsewhere_stand_below_a_model(
    run: Run, tmp_path: Path, gguf: Path, pairs: Path
) -> None:
    outputs(tmp_path / "theirs.jsonl", 10, key="steps")
    done = run(
        "eval", "--model", gguf, "--constraint", "schema", "--pairs", pairs, *FEW,
        "--predictions", "theirs.jsonl", "--alias", "steps=directions", "--out", "both",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    arms = json.loads((tmp_path / "both/comparison.json").read_text())["arms"]
    assert [(arm["name"], arm["summary"]["documents"]) for arm in arms] == [("model", 1), ("m", 1)]
    assert arms[1]["summary"]["l3"]["mean"] == 1.0
    assert json.loads((tmp_path / "both/config.json").read_text())["threads"] == 1
    (row,) = (tmp_path / "both/predictions-m.jsonl").read_text().splitlines()
    assert json.loads(row)["data"] == GOLD


def test_a_sample_is_seeded_and_a_larger_one_holds_it(
    run: Run, tmp_path: Path, pairs: Path
) -> None:
    outputs(tmp_path / "x.jsonl", 10)
    chosen = {}
    for name, flags in {
        "four": ["--sample", "4"],
        "again": ["--sample", "4"],
        "six": ["--sample", "6"],
        "other": ["--sample", "4", "--seed", "5"],
        "two": ["--sample", "4", "--limit", "2"],
    }.items():
        done = run(
            "eval", "--pairs", pairs, "--task", "recipe", "--predictions", "x.jsonl",
            "--out", name, *flags,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        lines = (tmp_path / name / "documents.jsonl").read_text().splitlines()
        chosen[name] = [json.loads(line)["id"] for line in lines]
    assert chosen["four"] == chosen["again"] == sorted(chosen["four"])
    assert len(chosen["four"]) == 4
    assert set(chosen["four"]) < set(chosen["six"])
    assert chosen["other"] != chosen["four"]
    assert chosen["two"] == chosen["four"][:2]
    assert json.loads((tmp_path / "other/config.json").read_text())["seed"] == 5


def test_sweep_makes_what_is_missing_from_the_f16(
    run: Run, tmp_path: Path, gguf: Path, pairs: Path
) -> None:
    import llama_cpp

    (tmp_path / "models").mkdir()
    options = llama_cpp.llama_model_quantize_default_params()
    options.ftype, options.allow_requantize = llama_cpp.LLAMA_FTYPE_MOSTLY_F16, True
    target = str(tmp_path / "models/tiny-f16.gguf").encode()
    assert llama_cpp.llama_model_quantize(str(gguf).encode(), target, options) == 0
    shutil.copy(gguf, tmp_path / "models/tiny-q8_0.gguf")
    write(tmp_path / "calibration.jsonl", [{**PAIRS[0], "id": "c", "text": "Boil more water."}])
    flags = ["eval", "sweep", "models", "--make", "q8_0,q4_0", "--pairs", pairs, *FEW]
    done = run(*flags, "--imatrix", "calibration.jsonl", "--out", "swept")
    assert done.returncode == 0, done.stderr
    made = sorted(path.name for path in (tmp_path / "swept/gguf").iterdir())
    assert made == ["imatrix.gguf", "tiny-q4_0-imatrix.gguf", "tiny-q4_0.gguf"]
    assert "<- knee" in done.stdout
    assert "Knee: " in done.stderr
    types = [row["type"] for row in json.loads((tmp_path / "swept/sweep.json").read_text())["rows"]]
    assert types[:2] == ["F16", "Q8_0"]
    assert sorted(types[2:]) == ["Q4_0", "Q4_0 imatrix"]
    same = run(*flags, "--imatrix", write(tmp_path / "same.jsonl", PAIRS[:1]))
    assert same.returncode == 2
    assert "holds only pairs that the sweep measures" in same.stderr


def test_robustness_prints_a_row_for_each_perturbation(
    run: Run, tmp_path: Path, gguf: Path, pairs: Path
) -> None:
    done = run(
        "eval", "robustness", "--model", gguf, "--perturb", "upper,injection", "--pairs", pairs,
        *FEW, "--out", "rough",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("clean", "upper", "injection"))
    assert (tmp_path / "rough/injection/comparison.json").is_file()


def test_reference_lays_its_table_out(run: Run, tmp_path: Path, gguf: Path, pairs: Path) -> None:
    first, last = PAIRS[:1], PAIRS[1:2]
    write(tmp_path / "first.jsonl", first)
    write(tmp_path / "last.jsonl", last)
    outputs(tmp_path / "base.jsonl", 10)
    done = run(
        "eval", "reference", "--first", "first.jsonl", "--last", "last.jsonl",
        "--row", f"Tiny={gguf},{gguf}", "--row", "m=base.jsonl", "--constraint", "schema",
        "--task", RECIPE, "--max-tokens", "8", "--threads", "1", "--out", "ref",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = (tmp_path / "ref/reference.md").read_text().splitlines()
    assert table[2].startswith("| Tiny | schema | 4.2 M | 100% (1/1) | 100% (2/2) |")
    assert table[3].startswith("| m | - | - | 100% (1/1) | - |")
    judged = [{"id": n, "gold": GOLD, "data": GOLD} for n in range(4)]
    write(tmp_path / "judged.jsonl", judged)
    alone = run(
        "eval", "reference", "--row", "Big=judged.jsonl", "--parameters", "Big=70 B",
        "--task", "recipe",
    )  # fmt: skip
    assert alone.returncode == 0, alone.stderr
    assert alone.stdout.splitlines()[2].split()[:6] == ["Big", "-", "70", "B", "100%", "(4/4)"]


def test_agreement_with_people_is_shown_where_a_file_has_verdicts(run: Run, tmp_path: Path) -> None:
    rows = [
        {"id": n, "gold": GOLD, "data": GOLD if n < 3 else {"title": "?"}, "human_semantic_ok": ok}
        for n, ok in enumerate([True, True, False, False])
    ]
    write(tmp_path / "judged.jsonl", rows)
    flags = ["eval", "--predictions", "judged.jsonl", "--task", "recipe"]
    done = run(*flags, "--out", "judged")
    assert done.returncode == 0, done.stderr
    assert "majority guess" in done.stdout
    assert "Agreement with people: judged/agreement.md" in done.stderr
    found = json.loads((tmp_path / "judged/agreement.json").read_text())["all"]
    assert (found["both_yes"], found["only_rule"], found["both_no"]) == (2, 1, 1)
    assert (found["balanced_accuracy"], found["kappa"]) == (0.75, 0.5)
    write(tmp_path / "judged.jsonl", [{k: r[k] for k in ("id", "gold", "data")} for r in rows])
    assert "majority guess" not in run(*flags).stdout


@pytest.mark.parametrize("command", ["eval", "eval reference"])
def test_both_commands_take_every_flag_of_an_endpoint(command: str) -> None:
    from dataclasses import fields

    import typer.main

    from setaccio.cli.app import app
    from setaccio.cli.choices.endpoint import EndpointFlags

    found = typer.main.get_command(app).commands["eval"]
    if command == "eval reference":
        found = found.commands["reference"]
    flags = {name for parameter in found.params for name in parameter.opts}
    assert {"--" + part.name.replace("_", "-") for part in fields(EndpointFlags)} <= flags
    assert "--asked" not in flags


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--against", "nowhere"], 2, "nowhere: is no finished run"),
        (["--tolerance", "0.1"], 2, "--against RUN, which is missing"),
        (["--endpoint", "http://127.0.0.1:9/v1"], 2, "--endpoint-model"),
        (["--endpoint-model", "x"], 2, "--endpoint URL"),
        (["--rpm", "3", "--limit", "1"], 2, "--rpm: goes with --endpoint URL"),
        (["--answer-format", "text"], 2, "--answer-format: goes with --endpoint URL"),
        (["--endpoint", "nonsense", "--endpoint-model", "x"], 2, "is no http"),
        (["--endpoint", "http://h", "--endpoint-model", "x", "--price", "1"], 2, "IN,OUT"),
        (["--predictions", "x.jsonl", "--model", "y.gguf"], 2, "give the documents with --pairs"),
        (["--predictions", "x.jsonl", "--limit", "3"], 2, "choose from --pairs"),
        (["--limit", "3", "sweep", "models"], 2, "setaccio eval sweep --limit"),
        (["junk"], 2, "junk"),
        (["sweep", "."], 2, "holds no .gguf file"),
        (["sweep", "none.gguf", "--make", "q4_0"], 5, "none.gguf"),
        (["robustness", "--perturb", "frost"], 2, "frost: no such perturbation"),
        (["reference", "--first", "a", "--last", "b", "--row", "x"], 2, "NAME=BASE"),
        (["reference", "--first", "a", "--last", "b", "--row", "x=y.gguf"], 2, "no such file"),
    ],
)
def test_bad_call_ends_with_one_line(run: Run, arguments: list[str], code: int, says: str) -> None:
    done = run("eval", *arguments)
    assert done.returncode == code, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert says in last
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("own_gold", [True, False])
def test_gold_that_breaks_the_schema_is_a_warning_and_evaluation_goes_on(
    run: Run, tmp_path: Path, own_gold: bool
) -> None:
    rows = [
        {"id": "a", "text": "Tea.", "gold": {"titel": "Tea"}, "data": {"titel": "Tea"}},
        {"id": "b", "text": "Tea.", "gold": {"titel": 3}, "data": None},
    ]
    (tmp_path / "o.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    flags = [] if own_gold else ["--pairs", "o.jsonl"]
    done = run("eval", "--predictions", "o.jsonl", "--task", "recipe", *flags)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("warning: The gold of 2 of 2 documents breaks the schema") == 1
    assert "L3" in done.stdout


def test_an_error_before_anything_is_run_comes_without_an_empty_line(run: Run) -> None:
    done = run("eval", "--model", "none.gguf", "--limit", "1")
    assert done.returncode == 5
    assert done.stderr.splitlines()[1:] == ["error: none.gguf: no such model file. Check the path."]
