"""The report as a file: what is in it, what can not get out of it, and its figures.

Run: pytest tests/eval/report/test_report.py
"""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from report_run import ARMS, ATTACKS, HOSTILE, PAIRS, make_run

from setaccio.data.errors import DataError, UsageError
from setaccio.data.text.evidence import SourceText
from setaccio.eval.figures import figures
from setaccio.eval.report.canvas import Canvas
from setaccio.eval.report.data import read_run
from setaccio.eval.report.documents import diff_leaves
from setaccio.eval.report.spans import declared_span, leaf_passages, utf16_offsets
from setaccio.eval.report.write import embed_json, write_report
from setaccio.eval.scoring.counts import ABSENT, at_pointer

OUTCOMES = ("correct", "wrong", "omitted", "hallucinated", "uncounted")


class _Page(HTMLParser):
    """Every tag with its attributes, and the text of every script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.tags and self.lasttag == "script":
            self.scripts[-1] += data
        else:
            self.text.append(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("report") / "run")


@pytest.fixture(scope="module")
def page(folder: Path) -> _Page:
    return _Page(write_report(folder).read_text(encoding="utf-8"))


def _data(page: _Page) -> dict:
    return json.loads(page.scripts[0])


def _leaves(data: dict, name: str, arm: int) -> list[tuple[str, str, str | None, list]]:
    document = next(one for one in data["documents"] if one["id"] == name)

    def string(at: int) -> str | None:
        return None if at < 0 else document["strings"][at]

    return [
        (
            OUTCOMES[code],
            string(path),
            string(gold),
            [(string(f[0]), string(f[1]), *f[2:]) for f in found],
        )
        for code, path, gold, _, _, found in document["arms"][arm]["leaves"]
    ]


def test_what_the_run_holds_is_no_markup(page):
    assert [tag for tag, _ in page.tags].count("script") == 2
    assert not [tag for tag, _ in page.tags if tag in ("img", "b", "link", "iframe")]
    handlers = [name for _, attributes in page.tags for name in attributes if name[:2] == "on"]
    assert handlers == []
    assert any(ARMS[1] in text for text in page.text)


def test_the_page_asks_for_nothing(page):
    for tag, attributes in page.tags:
        for name in ("src", "href", "action", "srcset", "data"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
        assert "style" not in attributes, "the content security policy would refuse it"
    policy = next(a["content"] for _, a in page.tags if a.get("http-equiv"))
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_every_document_comes_back_as_it_was(page):
    data = _data(page)
    assert [(one["id"], one["text"]) for one in data["documents"]] == [
        (pair.id, pair.text) for pair in PAIRS
    ]
    assert data["arms"] == list(ARMS)


def test_leaves_have_their_values_and_places(page):
    data = _data(page)
    good = _leaves(data, "good", 0)
    assert {outcome for outcome, *_ in good} == {"correct"}
    # The pot in front of the text is one character, but two units of UTF-16.
    name = next(found for _, path, _, found in good if path == "/name")
    assert name == [("/name", '"Soup"', 3, 7, 0.9)]
    cups = next(found for _, path, _, found in good if path == "/cups")
    assert cups[0][2:4] == [9, 10] or tuple(cups[0][2:4]) == (9, 10)
    bad = _leaves(data, "bad", 0)
    assert ("omitted", "/steps/1", '"Serve it."', []) in bad
    wrong = next(one for one in bad if one[0] == "wrong")
    assert wrong[1:3] == ("/name", '"Soup"')
    assert {path for outcome, path, *_ in bad if outcome == "hallucinated"} == {
        "/steps/1",
        "/<b>note<~1b>",
    }


def test_a_failed_output_shows_gold_as_missing(page):
    data = _data(page)
    assert {outcome for outcome, *_ in _leaves(data, "cut", 0)} == {"omitted"}
    document = next(one for one in data["documents"] if one["id"] == HOSTILE)
    assert document["arms"][1]["raw"] == f"no JSON {ATTACKS[1]}"
    assert document["arms"][1]["levels"] == [False, False, False]


def test_counts_are_those_of_the_scores(folder, page):
    data = _data(page)
    for arm, scored in enumerate(read_run(folder).arms):
        for name, score in scored.scores.items():
            found = [outcome for outcome, *_ in _leaves(data, name, arm)]
            for outcome, count in score["leaves"].items():
                assert found.count(outcome) == count, (name, arm)


def test_a_run_without_texts_still_has_its_scores(folder, tmp_path):
    for file in ("comparison.json", "scores.jsonl"):
        (tmp_path / file).write_bytes((folder / file).read_bytes())
    data = _data(_Page(write_report(tmp_path).read_text(encoding="utf-8")))
    assert [one["text"] for one in data["documents"]] == [None] * len(PAIRS)
    assert data["documents"][0]["arms"][0]["score"] == 1.0


def test_of_two_outputs_the_scored_one_is_shown(folder, tmp_path):
    for file in folder.iterdir():
        if file.suffix in (".json", ".jsonl"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    rows = tmp_path / "predictions-first.jsonl"
    other = {"arm": "first", "id": "good", "status": "ok", "raw": '{"name": "Soup"}'}
    rows.write_text(rows.read_text(encoding="utf-8") + json.dumps(other) + "\n", encoding="utf-8")
    data = _data(_Page(write_report(tmp_path).read_text(encoding="utf-8")))
    assert {outcome for outcome, *_ in _leaves(data, "good", 0)} == {"correct"}
    found = [one for _, _, _, found in _leaves(data, "good", 0) for one in found]
    assert all(value is not None for _, value, *_ in found)


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"comparison\.json"):
        write_report(tmp_path)
    (tmp_path / "comparison.json").write_text("[", encoding="utf-8")
    (tmp_path / "scores.jsonl").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match=r"comparison\.json"):
        write_report(tmp_path)


def test_json_in_a_script_element_can_not_end_it():
    value = {"text": "</script><!--&\u2028", "id": "<"}
    text = embed_json(value)
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == value


def test_figures_are_images(folder):
    pytest.importorskip("matplotlib", reason="PNG needs the report extra")
    files = figures(folder)
    names = {file.name for file in files}
    assert {"levels.svg", "levels.png", "radar.svg", "cost.png", "reliability.svg"} <= names
    assert len([name for name in names if name.startswith("field_")]) == 8
    for file in files:
        if file.suffix == ".svg":
            root = ElementTree.parse(file).getroot()  # noqa: S314
            assert root.tag == "{http://www.w3.org/2000/svg}svg"
            assert not list(root.iter("{http://www.w3.org/2000/svg}script"))
        else:
            head = file.read_bytes()[:24]
            assert head[:8] == b"\x89PNG\r\n\x1a\n"
            assert int.from_bytes(head[16:20], "big") > 600
    with pytest.raises(UsageError, match="gif"):
        figures(folder, ["gif"])


def test_svg_escapes_words():
    canvas = Canvas("x", 'a "title" <b>', 10, 10)
    canvas.text((1, 1), "<script>")
    canvas.circle((1, 1), 2, "ink", tip="</title><script>")
    root = ElementTree.fromstring(canvas.to_svg(standalone=True))  # noqa: S314
    assert not [node for node in root.iter() if node.tag.endswith("script")]
    assert root.get("aria-label") == 'a "title" <b>'


def test_parquet_has_a_row_per_arm_and_document(folder):
    tables = pytest.importorskip("pyarrow.parquet", reason="Parquet needs the report extra")
    from setaccio.eval.parquet import parquet

    assert (folder / "scores.parquet").is_file()  # the run wrote it by itself
    rows = tables.read_table(parquet(folder)).to_pylist()
    assert [(row["arm"], row["id"]) for row in rows] == [
        (arm, pair.id) for arm in ARMS for pair in PAIRS
    ]
    assert rows[0]["score"] == 1.0
    assert {field["path"] for field in rows[0]["fields"]} >= {"name", "cups", "steps"}
    assert sum(row["correct"] for row in rows) == sum(
        field["correct"] for row in rows for field in row["fields"]
    )


def test_parquet_needs_scores(tmp_path):
    pytest.importorskip("pyarrow", reason="Parquet needs the report extra")
    from setaccio.eval.parquet import parquet

    with pytest.raises(UsageError, match="Name a folder that eval --out wrote"):
        parquet(tmp_path)
    (tmp_path / "scores.jsonl").write_text("{broken", encoding="utf-8")
    with pytest.raises(DataError, match="holds a line that is no score"):
        parquet(tmp_path)


def test_details_count_leaves_and_statuses(folder):
    text = write_report(folder).read_text(encoding="utf-8")
    table = text[text.index('<h3 id="details">') : text.index('<h3 id="differences">')]
    for title in ("strict L1", "correct leaves", "missing leaves", "hallucinated leaves"):
        assert f">{title}</th>" in table
    assert "truncated_output 1" in table
    assert "<script" not in table


def test_config_names_the_machine(folder):
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert {"cpu", "cores", "memory_gib", "compiler"} == set(config["machine"])
    assert config["machine"]["cores"] >= 1


def test_values_are_found_as_the_runtime_finds_them():
    source = SourceText("12 eggs, 2 Eggs, 2 pans")
    value = {"n": [2, 2], "what": "2 eggs", "no": ["g", True, ""], "said": 12, "none": 2}
    declared = {"/said": [3, 7], "/none": None}
    assert leaf_passages(source, value, declared) == {
        "/n/0": (9, 10),
        "/n/1": (17, 18),
        "/what": (9, 15),
        "/said": (3, 7),
    }


def test_spans_are_checked_and_counted_in_utf16():
    assert declared_span({"start": 1, "end": 3, "how": "exact"}, "abcd") == (1, 3)
    for wrong in ({"start": 3, "end": 9}, [2, 1], [True, 2], None, "1-2"):
        assert declared_span(wrong, "abcd") is None
    assert utf16_offsets("a\U0001f372b")((1, 3)) == (1, 4)


def test_pointers_lead_to_values():
    value = {"a/b": [{"~": None}], "": 1}
    assert at_pointer(value, "/a~1b/0/~0") is None
    assert at_pointer(value, "") is value
    assert at_pointer(value, "/") == 1
    for nowhere in ("/a", "/a~1b/1", "/a~1b/x", "/a~1b/0/~0/1"):
        assert at_pointer(value, nowhere) is ABSENT


def test_a_split_step_keeps_both_parts():
    outcomes = [{"outcome": "correct", "gold": "/s/0", "predictions": ["/s/0", "/s/1"]}]
    (leaf,) = diff_leaves(outcomes, {"s": ["a b"]}, {"s": ["a", "b"]})
    assert leaf.gold == "a b"
    assert leaf.found == (("/s/0", "a"), ("/s/1", "b"))


def test_colours_of_the_page_are_all_there(folder):
    text = write_report(folder).read_text(encoding="utf-8")
    used = set(re.findall(r'class="[^"]*\b[fsb]-([a-z0-9]+)', text))
    assert used
    for name in used:
        assert f"--{name}:light-dark(" in text
