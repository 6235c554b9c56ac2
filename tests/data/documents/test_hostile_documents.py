"""Files made to do harm: each is one error of its own, bounded in time and memory.

Run: pytest tests/data/documents/test_hostile_documents.py
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from document_files import (
    PAGE,
    At,
    bare_word,
    encrypted_pdf,
    invoice_pdf,
    lines_of,
    make_archive,
    make_mail,
    make_pdf,
)

from setaccio.data.documents import Limits, read_document
from setaccio.data.documents.extracted import Found, from_row, to_row
from setaccio.data.records import Document, Problem

SMALL = Limits(memory=600_000_000, cpu_seconds=3, seconds=20)


def said_of(content: bytes, name: str, limits: Limits = SMALL) -> str:
    (problem,) = read_document(content, name, limits)
    assert isinstance(problem, Problem), problem
    assert problem.source == name
    return problem.message


@pytest.fixture(autouse=True)
def others_are_unharmed() -> None:
    """A good file is read before and after each of them."""
    yield
    (document,) = read_document(invoice_pdf(), "good.pdf")
    assert isinstance(document, Document)


def test_encrypted() -> None:
    assert "is encrypted" in said_of(encrypted_pdf(), "secret.pdf")


@pytest.mark.parametrize("size", [6, 40, 300, 600])
def test_truncated_or_garbled_pdfs(size: int) -> None:
    assert "damaged PDF" in said_of(invoice_pdf()[:size], "cut.pdf")
    assert "damaged PDF" in said_of(b"%PDF-1.7\n" + os.urandom(size), "noise.pdf")


def test_a_pdf_that_is_a_web_page() -> None:
    assert "damaged PDF, or none" in said_of(b"<html>404 Not Found</html>", "invoice.pdf")


def test_pdfs_that_lie_about_their_pages() -> None:
    circle = make_pdf([[]]).replace(b"/Kids [4 0 R]", b"/Kids [2 0 R]")
    assert "damaged PDF" in said_of(circle, "circle.pdf")
    many = make_pdf([lines_of(["one page"])]).replace(b"/Count 1", b"/Count 99999999")
    (document,) = read_document(many, "many.pdf", SMALL)
    assert isinstance(document, Document)
    assert document.text == "one page"


@pytest.mark.slow
def test_a_pdf_whose_page_unpacks_to_more_than_is_allowed() -> None:
    bomb = make_pdf([[At(72, 700, " " * 300_000_000)]])
    assert len(bomb) < 1_000_000
    assert said_of(bomb, "bomb.pdf", Limits(memory=400_000_000))


def test_a_gigabyte_of_nothing(tmp_path: Path) -> None:
    for name in ("big.pdf", "big.txt", "big.eml", "big.docx"):
        with (tmp_path / name).open("wb") as stream:
            stream.truncate(1_000_000_000)
        before = psutil.Process().memory_info().rss
        (problem,) = read_document(tmp_path / name)
        assert "1,000 MB; at most 256 are read" in str(problem)
        assert psutil.Process().memory_info().rss - before < 50_000_000


def test_a_pipe_without_end() -> None:
    with subprocess.Popen(["cat", "/dev/zero"], stdout=subprocess.PIPE) as process:
        assert process.stdout
        from setaccio.data.documents.reading import read_stream

        (problem,) = read_stream(process.stdout, "-", replace(SMALL, file_bytes=5_000_000))
        process.kill()
    assert "at most 5 are read" in str(problem)


@pytest.mark.slow
def test_zip_bombs() -> None:
    parts = {"word/document.xml": b" " * 150_000_000, "xl/workbook.xml": b" " * 160_000_000}
    bomb = make_archive(parts)
    assert len(bomb) < 3_000_000
    assert "unpacks to 310 MB; at most 300" in said_of(bomb, "bomb.docx")
    assert "unpacks to 310 MB; at most 300" in said_of(bomb, "bomb.xlsx")
    many = bare_word("<w:p/>" * 10_000_000)
    assert len(many) < 1_000_000
    narrow = Limits(memory=400_000_000)
    assert "more than 400 MB of memory to read" in said_of(many, "many.docx", narrow)


def test_entities_are_neither_fetched_nor_multiplied(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the secret")
    entity = f'<!DOCTYPE x [<!ENTITY e SYSTEM "file://{tmp_path}/secret">]>'
    text = "<w:p><w:r><w:t>&e;</w:t></w:r></w:p>"
    assert "damaged Word file" in said_of(bare_word(text, before=entity), "xxe.docx")
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    laughs = f'<!DOCTYPE x [<!ENTITY l0 "lol">{lol}]>'
    assert "damaged Word file" in said_of(
        bare_word("<w:p><w:r><w:t>&l11;</w:t></w:r></w:p>", before=laughs), "laughs.docx"
    )


@pytest.mark.slow
def test_ten_thousand_pages_are_read_or_given_up_in_time() -> None:
    pdf = make_pdf([lines_of([f"page {number}"]) for number in range(1, 10_001)])
    (document,) = read_document(pdf, "long.pdf")
    assert isinstance(document, Document)
    assert document.text.endswith("page 10000")
    assert document.source_map is not None
    end = len(document.text)
    assert document.source_map.locate(end - 5, end)["page"] == 10_000
    assert "takes more than 1 s" in said_of(pdf, "long.pdf", replace(SMALL, cpu_seconds=1))
    assert "more than 1,000 characters" in said_of(pdf, "l.pdf", replace(SMALL, characters=1000))


@pytest.mark.slow
def test_nesting() -> None:
    deep = b"<div>" * 10_000 + b"the end"
    (document,) = read_document(deep, "deep.html")
    assert isinstance(document, Document)
    assert document.text == "the end"
    assert "takes more than 1 s" in said_of(deep * 50, "deep.html", replace(SMALL, cpu_seconds=1))
    paragraph = "<w:p><w:r><w:t>the end</w:t></w:r></w:p>"
    word = bare_word("<w:sdt>" * 10_000 + paragraph + "</w:sdt>" * 10_000)
    (document,) = read_document(word, "deep.docx", SMALL)
    assert isinstance(document, Document)
    assert document.text == "the end"
    mail = make_mail("the innermost")
    for _ in range(30):
        mail = make_mail("around it", messages=[mail])
    items = read_document(mail.as_bytes(), "deep.eml")
    assert sum(isinstance(item, Document) for item in items) == 21
    assert "is attached 20 deep" in str(items[-1])


def test_a_mail_of_many_attachments() -> None:
    mail = make_mail(files=[(f"{n}.txt", "text/plain", b"text") for n in range(20)])
    items = read_document(mail.as_bytes(), "many.eml", replace(SMALL, documents=10))
    assert len(items) == 11
    assert "more than 10 attachments" in str(items[-1])


def test_a_reader_can_open_neither_file_nor_socket(tmp_path: Path) -> None:
    """What a taken-over reader could do: it is asked to, in the process that reads."""
    code = """
import json, os, resource, socket, sys
from setaccio.data.documents import _run_readers as child
child._limit({"memory": 1 << 30, "cpu_seconds": 5, "seconds": 10})
os.closerange(3, 64)
for attempt in (
    lambda: open("/etc/passwd"), lambda: open(sys.argv[1], "w"), socket.socket,
    lambda: os.pipe(), lambda: os.open("/dev/null", 0),
):
    try:
        attempt()
    except OSError as error:
        print(error.errno)
    else:
        print("opened")
try:
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
except ValueError:
    print("stays")
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "new")],
        capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip
    assert done.stdout.split() == [*["24"] * 5, "stays"]  # EMFILE
    assert not (tmp_path / "new").exists()


def test_rows_of_a_reader_are_checked() -> None:
    row = to_row(Found("", "text"))
    assert from_row(row) == Found("", "text")
    for broken in (
        {},
        {**row, "arrays": ["AAAA"], "names": [], "note": ""},
        {**row, "arrays": ["AAAAAA=="] * 4, "names": [], "note": ""},
        {**row, "arrays": ["!"] * 4, "names": [], "note": ""},
    ):
        with pytest.raises(ValueError, match=r".+"):
            from_row(broken)


def test_damage_anywhere_is_a_text_or_an_error_of_its_own() -> None:
    """Bytes are changed, taken out, put in and repeated at random."""
    chance = random.Random(7)
    mail = make_mail(html=PAGE, files=[("i.pdf", "application/pdf", invoice_pdf())]).as_bytes()
    whole = {"a.pdf": invoice_pdf(), "m.eml": mail, "p.html": PAGE.encode()}
    whole["w.docx"] = bare_word("<w:p><w:r><w:t>text</w:t></w:r></w:p>" * 20)
    for _ in range(60):
        for name, content in whole.items():
            data = bytearray(content)
            for _ in range(chance.choice([1, 3, 10, 40])):
                at, other = chance.randrange(len(data)), chance.randrange(len(data))
                new = (bytes([chance.randrange(256)]), b"", data[other : other + 50])
                data[at : at + chance.randrange(1, 20)] = chance.choice(new)
            found = read_document(bytes(data), name, SMALL)
            assert found
            for item in found:
                said = item.message if isinstance(item, Problem) else ""
                assert "(OSError)" not in said
                assert "status" not in said
