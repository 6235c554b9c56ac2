"""Pairs of the files that the tasks' sources publish (made here, in the sources' form).

Run: pytest tests/data/readers/test_task_pairs.py
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from scripts.task_pairs import main

from setaccio.data import load_pairs, load_task

ADDRESSES = """<AddressCollection>
  <AddressString><AddressNumber>12</AddressNumber> <AddressNumberSuffix>B</AddressNumberSuffix>
    <StreetName>Mill</StreetName> <StreetNamePostType>Lane,</StreetNamePostType>
    <OccupancyType>Apt</OccupancyType> <OccupancyIdentifier>4,</OccupancyIdentifier>
    <PlaceName>Old</PlaceName> <PlaceName>Town,</PlaceName> <StateName>ME</StateName>
    <ZipCode>04468</ZipCode></AddressString>
  <AddressString><PlaceName>Salt</PlaceName> <StreetName>Lake</StreetName>
    <PlaceName>City</PlaceName></AddressString>
</AddressCollection>"""
CITATIONS = """<dataset><sequence>
  <author>Noether, E.</author><date>(1918b).</date><title>Invariante Variationsprobleme.</title>
  <container-title>In Nachrichten der Gesellschaft,</container-title>
  <pages>pp. 235-257.</pages></sequence></dataset>"""
TURNS = [
    {
        "userInput": {"text": "9 of us at 7 pm"},
        "context": {"requestedSlots": ["people", "time"]},
        "labels": [
            {"slot": "people", "valueSpan": {"endIndex": 1}},
            {"slot": "time", "valueSpan": {"startIndex": 11, "endIndex": 15}},
        ],
    },
    {"userInput": {"text": "Is there a garden?"}},
]
COMMANDS = {
    "PlayMusic": [
        {"data": [{"text": "Play "}, {"text": "Yesterday", "entity": "track"}, {"text": " now"}]}
    ]
}


def made(folder: Path, task: str, name: str, content: str) -> list[tuple[str, dict[str, object]]]:
    source, out = folder / name, folder / "out.jsonl"
    source.write_text(content, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["task_pairs", task, str(source), "--out", str(out)])
        assert main() == 0
    pairs, problems = load_pairs(out)
    assert not problems
    assert not [one for pair in pairs for one in load_task(task).problems(pair.gold)]
    return [(pair.text, {k: v for k, v in pair.gold.items() if v is not None}) for pair in pairs]


def test_addresses_lose_their_commas_and_torn_values_are_left_out(tmp_path: Path):
    assert made(tmp_path, "address", "labeled.xml", ADDRESSES) == [
        (
            "12 B Mill Lane, Apt 4, Old Town, ME 04468",
            {
                "number": "12 B", "street": "Mill Lane", "unit": "Apt 4", "city": "Old Town",
                "state": "ME", "zip": "04468",
            },
        )
    ]  # fmt: skip


def test_citations_have_a_year_and_no_words_of_order(tmp_path: Path):
    assert made(tmp_path, "citation", "core.xml", CITATIONS) == [
        (
            "Noether, E. (1918b). Invariante Variationsprobleme. "
            "In Nachrichten der Gesellschaft, pp. 235-257.",
            {
                "authors": "Noether, E", "year": 1918, "title": "Invariante Variationsprobleme",
                "container": "Nachrichten der Gesellschaft", "pages": "235-257",
            },
        )
    ]  # fmt: skip


def test_bookings_say_what_was_asked(tmp_path: Path):
    assert made(tmp_path, "booking", "train_0.json", json.dumps(TURNS)) == [
        ("[asked: people, time] 9 of us at 7 pm", {"people": "9", "time": "7 pm"}),
        ("Is there a garden?", {}),
    ]


def test_commands_have_slots(tmp_path: Path):
    assert made(tmp_path, "command", "train.json", json.dumps(COMMANDS)) == [
        ("Play Yesterday now", {"intent": "PlayMusic", "slots": {"track": ["Yesterday"]}})
    ]


def test_receipts_are_read_from_two_folders(tmp_path: Path):
    for name in ("box", "key"):
        (tmp_path / "data" / name).mkdir(parents=True)
    lines = "1,1,9,1,9,9,1,9,CORNER SHOP\n1,20,9,20,9,30,1,30,12, MILL LANE\n1,2,3,4,5,6,7,8,4.50\n"
    (tmp_path / "data" / "box" / "001.csv").write_text(lines)
    gold = {"company": "CORNER SHOP", "date": "", "address": "12, MILL LANE", "total": "4.50"}
    (tmp_path / "data" / "key" / "001.json").write_text(json.dumps(gold))
    out = tmp_path / "out.jsonl"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["x", "receipt", str(tmp_path / "data"), "--out", str(out)])
        assert main() == 0
    pair = load_pairs(out)[0][0]
    assert pair.text == "CORNER SHOP\n12, MILL LANE\n4.50"
    assert pair.gold == {**gold, "date": None}


def test_another_file_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    source = tmp_path / "labeled.xml"
    source.write_text("no xml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["x", "address", str(source), "--out", str(tmp_path / "out")])
        assert main() != 0
    assert f"{source}: not a file of the source of 'address'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
