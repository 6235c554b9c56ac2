"""`setaccio extract` and `data convert` on documents: ids, spans, texts kept, others unharmed.

Run: pytest tests/cli/extract/test_extract_documents.py
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from cli_process import Run
from document_files import PAGE, encrypted_pdf, invoice_pdf, make_mail, scanned_pdf

# Whatever the model answers, it must be one of the document's values: that has a span.
SCHEMA = {
    "type": "object",
    "properties": {"total": {"enum": ["60.50"]}, "item": {"enum": ["Ink, black"]}},
    "required": ["total", "item"],
    "additionalProperties": False,
}


@pytest.fixture
def fixed(tmp_path: Path, gguf: Path) -> list[object]:
    """Flags for an extraction with one possible answer."""
    (tmp_path / "invoice.json").write_text(json.dumps(SCHEMA))
    return ["--model", gguf, "--schema", "invoice.json", "--threads", "1"]


def rows_of(output: str) -> dict[str, dict[str, object]]:
    rows = [json.loads(line) for line in output.splitlines()]
    return {row["id"]: row for row in rows}


def test_documents_of_a_folder_come_out_beside_those_that_can_not_be_read(
    run: Run, tmp_path: Path, fixed: list[object]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    mail = make_mail(files=[("invoice.pdf", "application/pdf", invoice_pdf())])
    (folder / "a.pdf").write_bytes(invoice_pdf())
    (folder / "b.pdf").write_bytes(encrypted_pdf())
    (folder / "c.pdf").write_bytes(scanned_pdf())
    (folder / "d.eml").write_bytes(mail.as_bytes())
    (folder / "e.html").write_text(PAGE)
    (folder / "f.txt").write_text("Ink, black; total 60.50")
    (folder / "g.png").write_bytes(b"\x89PNG\r\n")
    done = run("extract", "in", *fixed, "--text-out", "texts")
    rows = rows_of(done.stdout)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Files of other kinds are passed over: 1 .png." in done.stderr
    statuses = {key: row["status"] for key, row in rows.items()}
    assert statuses == {
        "in/a.pdf": "ok",
        "in/b.pdf": "error",
        "in/c.pdf": "error",
        "in/d.eml": "ok",
        "in/d.eml#invoice.pdf": "ok",
        "in/e.html": "ok",
        "in/f.txt": "ok",
    }
    assert "in/b.pdf: is encrypted" in str(rows["in/b.pdf"]["message"])
    assert "in/c.pdf: no text layer" in str(rows["in/c.pdf"]["message"])
    for name in ("in/a.pdf", "in/d.eml#invoice.pdf"):
        span = rows[name]["spans"]["/total"]  # type: ignore[index]
        text = (tmp_path / "texts" / f"{name}.txt").read_text()
        assert text[span["start"] : span["end"]] == "60.50"
        left, top, right, bottom = span["box"]
        assert span["page"] == 1
        assert left < 401 < right
        assert top < 792 - 560 < bottom
    plain = rows["in/f.txt"]["spans"]["/total"]  # type: ignore[index]
    assert set(plain) == {"start", "end", "how", "score"}
    assert not (tmp_path / "texts/in/f.txt.txt").exists()


def test_results_of_attachments_are_taken_up_again(
    run: Run, tmp_path: Path, fixed: list[object]
) -> None:
    files = [("scan.pdf", "application/pdf", scanned_pdf())]
    (tmp_path / "m.eml").write_bytes(make_mail("Ink, black: 60.50", files=files).as_bytes())
    first = run("extract", "m.eml", *fixed, "--out", "out.jsonl")
    assert first.returncode == 1
    assert set(rows_of((tmp_path / "out.jsonl").read_text())) == {"m.eml", "m.eml#scan.pdf"}
    span = rows_of((tmp_path / "out.jsonl").read_text())["m.eml"]["spans"]["/total"]  # type: ignore[index]
    assert span["part"] == "1"
    again = run("extract", "m.eml", *fixed, "--out", "out.jsonl", "--resume")
    assert "2 were done before" in again.stderr
    # The scan is not attached any more: its failed row goes when its source is read once more.
    (tmp_path / "m.eml").write_bytes(make_mail("Ink, black: 60.50").as_bytes())
    retried = run("extract", "m.eml", *fixed, "--out", "out.jsonl", "--retry-failed")
    assert retried.returncode == 0, retried.stderr
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert {row["status"] for row in rows} == {"ok"}


def test_a_document_comes_from_standard_input(run: Run, fixed: list[object]) -> None:
    done = run("extract", "-", *fixed, stdin=invoice_pdf())
    (row,) = rows_of(done.stdout).values()
    assert (row["id"], row["status"]) == ("<stdin>", "ok")
    assert row["spans"]["/total"]["page"] == 1  # type: ignore[index]


@pytest.mark.parametrize("folder", ["in", "in/texts", "a.pdf"])
def test_texts_are_never_kept_among_what_is_read(
    run: Run, tmp_path: Path, fixed: list[object], folder: str
) -> None:
    (tmp_path / "in").mkdir()
    for name in ("in/a.pdf", "a.pdf"):
        (tmp_path / name).write_bytes(invoice_pdf())
    done = run("extract", "in", "a.pdf", *fixed, "--text-out", folder)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {folder}: ")
    assert done.stderr.count("\n") == 1


@pytest.fixture
def without_extra(tmp_path: Path) -> dict[str, str]:
    """An environment in which the packages of the extra can not be found."""
    hidden = ("pypdfium2", "selectolax", "openpyxl")
    code = f"import sys\nsys.modules.update(dict.fromkeys({hidden}))\n"
    (tmp_path / "hiding").mkdir()
    (tmp_path / "hiding/sitecustomize.py").write_text(code)
    return {"PYTHONPATH": os.pathsep.join([str(tmp_path / "hiding"), *filter(None, sys.path)])}


def test_without_the_extra_a_named_document_is_one_line_and_plain_texts_are_read(
    run: Run, tmp_path: Path, fixed: list[object], without_extra: dict[str, str]
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.pdf").write_bytes(invoice_pdf())
    (tmp_path / "in/b.txt").write_text("Ink, black; total 60.50")
    (tmp_path / "in/c.eml").write_bytes(make_mail("Ink, black: 60.50").as_bytes())
    named = run("extract", "in/a.pdf", *fixed, **without_extra)
    assert named.returncode == 2
    assert named.stdout == ""
    assert named.stderr.startswith("error: pypdfium2 is not installed.")
    assert named.stderr.endswith("pip install '.[documents]'\n")
    assert named.stderr.count("\n") == 1
    among = run("extract", "in", *fixed, **without_extra)
    statuses = {key: row["status"] for key, row in rows_of(among.stdout).items()}
    assert statuses == {"in/a.pdf": "error", "in/b.txt": "ok", "in/c.eml": "ok"}
    assert "pip install '.[documents]'" in among.stderr


def test_pairs_are_made_of_documents_beside_their_gold(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "invoices"
    (folder / "old").mkdir(parents=True)
    for name in ("a.pdf", "old/b.pdf", "c.pdf"):
        (folder / name).write_bytes(invoice_pdf())
    (folder / "a.json").write_text('{"total": 60.5}')
    (folder / "old/b.pdf.json").write_text('{"total": 60.5}')
    refused = run("data", "convert", "invoices", "--out", "pairs.jsonl")
    assert refused.returncode == 4
    assert "invoices/c.pdf: no gold: c.json is not beside it" in refused.stderr
    done = run("data", "convert", "invoices", "--skip-bad", "--out", "pairs.jsonl")
    assert done.returncode == 0, done.stderr
    pairs = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text().splitlines()]
    assert [pair["id"] for pair in pairs] == ["a.pdf", "old/b.pdf"]
    assert all("Ink, black\t3\t12.50" in pair["text"] for pair in pairs)
    assert pairs[0]["gold"] == {"total": 60.5}


def test_pairs_are_made_of_documents_that_a_column_names(run: Run, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files/a.pdf").write_bytes(invoice_pdf())
    mail = make_mail(files=[("b.pdf", "application/pdf", invoice_pdf())])
    (tmp_path / "files/m.eml").write_bytes(mail.as_bytes())
    rows = "file,total\na.pdf,60.50\nm.eml#b.pdf,60.50\nnone.pdf,1\n"
    (tmp_path / "files/labels.csv").write_text(rows)
    call = ["data", "convert", "files/labels.csv", "--text", "{file:document}"]
    done = run(*call, "--fields", "total", "--id", "{file}", "--skip-bad")
    pairs = [json.loads(line) for line in done.stdout.splitlines()]
    assert [pair["id"] for pair in pairs] == ["a.pdf", "m.eml#b.pdf"]
    assert pairs[0]["text"] == pairs[1]["text"]
    assert pairs[0]["gold"] == {"total": "60.50"}
    assert "files/none.pdf: can not be read (No such file or directory)" in done.stderr
