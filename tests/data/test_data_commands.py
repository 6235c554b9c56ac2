"""The verbs of ``setaccio data`` as a user calls them.

Run: pytest tests/data/test_data_commands.py
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from setaccio.cli.data import data, data_sets
from setaccio.data import load_pairs
from setaccio.data.errors import DataError, UsageError

app = typer.Typer()
for verb in (
    data.generate,
    data.check_verb,
    data.split_verb,
    data.recipenlg,
    data_sets.convert_verb,
    data_sets.augment_verb,
    data_sets.mix_verb,
):
    app.command(verb.__name__.removesuffix("_verb"))(verb)
CSV = "phrase,tone\nWell done,warm\nonly one\nGo away,cold\n"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object, exit_code: int = 0) -> str:
        result = CliRunner().invoke(app, [str(each) for each in arguments])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == exit_code
        return result.output

    return call


def test_convert_refuses_bad_rows_or_leaves_them_out(run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    flags = ("--text", "{phrase}", "--fields", "tone", "--out", "p.jsonl")
    with pytest.raises(DataError, match=r"a\.csv: 1 row can not be used, so nothing was written"):
        run("convert", "a.csv", *flags)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
    said = run("convert", "a.csv", *flags, "--skip-bad")
    assert "a.csv:3: 1 cells where the header has 2" in said
    assert "2 pairs in p.jsonl, 1 bad rows left out" in said
    assert [pair.gold for pair in load_pairs("p.jsonl")[0]] == [{"tone": "warm"}, {"tone": "cold"}]
    run("convert", "a.csv[:1]", *flags, "--overwrite")
    assert [pair.id for pair in load_pairs("p.jsonl")[0]] == ["2"]


def test_check_names_the_lines_of_the_file(run, tmp_path: Path) -> None:
    gold = {"title": "Tea", "ingredients": ["water"], "directions": ["Boil the water"]}
    line = json.dumps({"id": "a", "text": "Tea. Boil the water.", "gold": gold})
    empty = json.dumps({"id": "b", "text": " ", "gold": gold})
    (tmp_path / "p.jsonl").write_text(f"{{broken\n\n{line}\n{empty}\n{line}\n")
    said = run("check", "p.jsonl", exit_code=1)
    assert "2 pairs checked (2 in p.jsonl), 2 findings" in said
    assert "p.jsonl:5 (a): same text as p.jsonl:3 (a)" in said
    assert "p.jsonl:1: not JSON (Expecting property name" in said
    assert "at character 2)" in said
    assert "p.jsonl:4: the text is empty" in said
    assert "Repair or remove them" in said


def test_check_of_nothing_and_of_one_file_twice(run, tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_text("\n")
    with pytest.raises(DataError, match=r"none\.jsonl: nothing to check"):
        run("check", "none.jsonl")
    run("generate", "--count", "3", "--out", "p.jsonl")
    said = run("check", "p.jsonl", "none.jsonl")
    assert "none.jsonl: holds no usable pair, so nothing was compared with it" in said
    with pytest.raises(UsageError, match=r"p\.jsonl: is p\.jsonl once more"):
        run("check", "p.jsonl", tmp_path / "p.jsonl")


def test_no_input_is_replaced(run, tmp_path: Path) -> None:
    line = json.dumps({"id": "a", "text": "t", "gold": {}}) + "\n"
    (tmp_path / "p.jsonl").write_text(line)
    (tmp_path / "link.jsonl").symlink_to("p.jsonl")
    for arguments in (
        ("convert", "p.jsonl"),
        ("convert", "p.jsonl[:1]"),
        ("augment", "p.jsonl", "--typos", "1"),
        ("mix", "p.jsonl"),
    ):
        for out in ("p.jsonl", "link.jsonl"):
            with pytest.raises(UsageError, match=r"p\.jsonl: would be replaced"):
                run(*arguments, "--out", out, "--overwrite")
    assert (tmp_path / "p.jsonl").read_text() == line


def test_what_is_there_is_replaced_only_on_request(run, tmp_path: Path) -> None:
    gold = {"title": "Tea", "ingredients": ["water"], "directions": ["Boil the water"]}
    row = {"id": "a", "text": "Tea. Boil the water for some minutes.", "gold": gold}
    (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n")
    cells = '"[""1 cup rice""]","[""Boil the rice.""]"'
    (tmp_path / "r.csv").write_text(f"id,title,ingredients,directions\n7,Rice,{cells}\n")
    out = tmp_path / "out.jsonl"
    for arguments in (
        ("generate", "--count", "2"),
        ("convert", "p.jsonl"),
        ("augment", "p.jsonl", "--typos", "1"),
        ("mix", "p.jsonl"),
        ("recipenlg", "r.csv"),
    ):
        out.write_text("precious")
        with pytest.raises(UsageError, match=r"out\.jsonl: exists\. .* pass --overwrite"):
            run(*arguments, "--out", "out.jsonl")
        assert out.read_text() == "precious"
        run(*arguments, "--out", "out.jsonl", "--overwrite")
        assert load_pairs(out)[0]
        run(*arguments, "--out", "/dev/null")
        with pytest.raises(UsageError, match="is a folder"):
            run(*arguments, "--out", ".", "--overwrite")


def test_gold_from_a_file_and_contradictions(run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("phrase,tone\nWell done,warm\n")
    (tmp_path / "gold.json").write_text('{"t": {"tone": "{tone}"}}')
    run("convert", "a.csv", "--text", "{phrase}", "--gold", "gold.json", "--out", "p.jsonl")
    assert load_pairs("p.jsonl")[0][0].gold == {"t": {"tone": "warm"}}
    with pytest.raises(UsageError, match="exclude each other"):
        run("convert", "a.csv", "--text", "{phrase}", "--gold", "{tone}", "--fields", "tone")
    with pytest.raises(UsageError, match="has a slice already"):
        run("convert", "a.csv[:1]", "--split", "[:1]")
    with pytest.raises(DataError, match="no usable row"):
        run("convert", "a.csv[5:]", "--text", "{phrase}", "--fields", "tone")


def array_of(count: int, **more: object) -> str:
    rows = [{"text": f"Room {n} is free.", "gold": {"room": n}, **more} for n in range(count)]
    return json.dumps(rows)


def test_an_array_on_one_line_gives_ids_that_can_be_divided(run, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(array_of(80))
    assert "different ids" not in run("convert", "a.json", "--out", "p.jsonl")
    assert [pair.id for pair in load_pairs("p.jsonl")[0]] == [str(n) for n in range(1, 81)]
    run("convert", "a.json[78:]", "--out", "few.jsonl")
    assert [pair.id for pair in load_pairs("few.jsonl")[0]] == ["79", "80"]
    run("split", "p.jsonl", "--out", "parts", "--test", "0.3")
    sizes = [len(load_pairs(f"parts/{name}.jsonl")[0]) for name in ("train", "validation", "test")]
    assert sum(sizes) == 80 and min(sizes) > 0


def test_a_bad_row_of_an_array_on_one_line_is_named(run, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"text": "x", "gold": {}}, {"text": "", "gold": {}}, 7]')
    said = run("convert", "a.json", "--out", "p.jsonl", "--skip-bad")
    assert "a.json:1: row 2: the text is empty" in said
    assert "a.json:1: row 3: no JSON object" in said


def test_repeated_ids_are_said(run, tmp_path: Path) -> None:
    rows = json.loads(array_of(40))
    for row in rows:
        row["id"] = row["gold"]["room"] // 2
    (tmp_path / "a.json").write_text(json.dumps(rows))
    said = run("convert", "a.json", "--out", "p.jsonl")
    assert "40 pairs have only 20 different ids (more than once: '0', '1', '2', ...)" in said
    assert "--id" in said
    assert "only 20 different ids" in run("split", "p.jsonl", "--out", "parts", "--test", "0.3")


def test_what_can_not_be_divided_is_refused(run, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(array_of(30, id="x"))
    run("convert", "a.json", "--out", "p.jsonl")
    for flags in ((), ("--group", "origin"), ("--test", "0.5", "--validation", "0")):
        with pytest.raises(DataError, match="30 pairs are all of one id or group"):
            run("split", "p.jsonl", "--out", "parts", *flags)
    assert not (tmp_path / "parts").exists()
    (tmp_path / "b.json").write_text(array_of(3))
    run("convert", "b.json", "--out", "q.jsonl")
    with pytest.raises(DataError, match="All 3 pairs came into the part train"):
        run("split", "q.jsonl", "--out", "parts", "--test", "0.01", "--validation", "0.01")


def test_an_empty_part_is_said(run, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(array_of(40))
    run("convert", "a.json", "--out", "p.jsonl")
    said = run("split", "p.jsonl", "--out", "parts", "--test", "0.3", "--validation", "0.0001")
    assert "the part validation is empty" in said
    said = run("split", "p.jsonl", "--out", "all", "--test", "0", "--validation", "0")
    assert "empty" not in said


def test_split_by_stratum_and_group(run, tmp_path: Path) -> None:
    rows = [
        {"id": f"{n}{copy}", "text": f"t{n}", "gold": {"label": "a" if n % 4 else "b"}}
        for n in range(40)
        for copy in ("", "~typos1")
    ]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    flags = ("--out", "parts", "--test", "0.2", "--overwrite")
    run("split", "p.jsonl", *flags, "--stratify", "label", "--group", "origin")
    parts = {name: load_pairs(f"parts/{name}.jsonl")[0] for name in ("train", "validation", "test")}
    assert sum(map(len, parts.values())) == 80
    origins = [{pair.id.split("~")[0] for pair in part} for part in parts.values()]
    assert sum(map(len, origins)) == 40
    assert sum(pair.gold["label"] == "b" for pair in parts["test"]) == 4
    assert len(parts["test"]) == 16
    with pytest.raises(UsageError, match="--reference divides by position"):
        run("split", "p.jsonl", *flags, "--reference", "--group", "near")


def test_augment_and_mix_say_what_they_did(run, tmp_path: Path) -> None:
    gold = {"title": "Tea", "ingredients": ["water"], "directions": ["Boil the water"]}
    row = {"id": "a", "text": "Tea. Boil the water for some minutes.", "gold": gold}
    (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n")
    said = run("augment", "p.jsonl", "--typos", "1", "--order", "1", "--out", "q.jsonl")
    assert "typos: 1 made, 0 not possible; order: 0 made, 1 not possible" in said
    flags = ("--weight", "q.jsonl=0.5", "--examples", "2", "--examples-share", "0")
    with pytest.raises(UsageError, match="too few"):
        run("mix", "p.jsonl", "q.jsonl", *flags)
    said = run("mix", "p.jsonl", "q.jsonl", *flags[:2], "--out", "m.jsonl")
    assert "1 ids were there before" in said
    pairs, _ = load_pairs("m.jsonl")
    assert [(pair.id, pair.weight) for pair in pairs] == [("a", 1), ("q:a", 0.5), ("a~typos1", 0.5)]
    with pytest.raises(UsageError, match="--weight r=2"):
        run("mix", "p.jsonl", "--weight", "r=2")
