"""Files of each kind as texts, and where their passages stand.

Run: pytest tests/data/documents
"""

from __future__ import annotations

from pathlib import Path

import pytest
from document_files import (
    PAGE,
    invoice_pdf,
    make_archive,
    make_mail,
    place_of,
    read_one,
    scanned_pdf,
)

from setaccio.data.documents import read_document
from setaccio.data.errors import UsageError
from setaccio.data.records import Document, Problem


def test_a_mail_is_headers_and_plain_body_with_parts() -> None:
    mail = make_mail("Please pay by 1 June.", html="<p>Please <b>pay</b> by 1 June.</p>")
    document = read_one(mail.as_bytes(), "mail.eml")
    assert document.text.splitlines() == [
        "From: Ada Lovelace <ada@example.org>",
        "To: Zoë Müller <zoe@example.org>",
        "Date: Mon, 04 May 2026 09:30:00 +0200",
        "Subject: Rechnung für Mai: 60,50 €",
        "",
        "Please pay by 1 June.",
    ]
    assert place_of(document, "60,50 €") == {"part": "Subject"}
    assert place_of(document, "1 June") == {"part": "1"}


def test_the_html_body_is_read_where_there_is_no_plain_one_or_a_stub() -> None:
    html = f"<style>p {{}}</style><p>{'Total: 60.50 euro. ' * 20}</p>"
    for plain in (None, "Your reader shows no HTML."):
        text = read_one(make_mail(plain, html=html).as_bytes(), "mail.eml").text
        assert text.count("Total: 60.50 euro.") == 20


def test_attachments_are_documents_of_their_own() -> None:
    inner = make_mail("The inner body.", files=[("inner.pdf", "application/pdf", invoice_pdf())])
    files = [
        ("invoice.pdf", "application/pdf", invoice_pdf()),
        ("../../etc/invoice.pdf", "application/octet-stream", invoice_pdf()),
        ("rows.csv", "text/csv", "naïve;1\r\n".encode("cp1252")),
        ("scan.pdf", "application/pdf", scanned_pdf()),
        ("logo.bin", "application/octet-stream", b"\x00\x01"),
    ]
    found = read_document(make_mail(files=files, messages=[inner]).as_bytes(), "m.eml")
    ids = [item.id if isinstance(item, Document) else f"! {item.source}" for item in found]
    assert ids == [
        "m.eml",
        "m.eml#invoice.pdf",
        "m.eml#invoice (2).pdf",
        "m.eml#rows.csv",
        "! m.eml#scan.pdf",
        "m.eml#message 7.eml",
        "m.eml#message 7.eml#inner.pdf",
    ]
    mail, invoice, _, rows = found[:4]
    assert isinstance(mail, Document)
    assert "Attachments: invoice.pdf, invoice (2).pdf, rows.csv, scan.pdf, logo.bin" in mail.text
    assert mail.source_map is not None
    assert mail.source_map.note == "Attachments that were not read: logo.bin."
    assert isinstance(invoice, Document)
    assert place_of(invoice, "60.50")["page"] == 1
    assert isinstance(rows, Document)
    assert rows.text == "naïve;1"
    assert "no text layer" in str(found[4])


@pytest.mark.parametrize(
    ("header", "body", "shown"),
    [
        ("text/plain; charset=iso-8859-1", "caf\xe9".encode("latin-1"), "café"),
        ("text/plain; charset=shift_jis", "請求書".encode("shift_jis"), "請求書"),
        ("text/plain; charset=nonsense", "Grüße".encode(), "Grüße"),
        ("text/plain; charset=utf-8", b"Gr\xfc\xdfe", "Grüße"),
        ('text/plain; charset="zlib"', b"plain", "plain"),
    ],
)
def test_bodies_are_decoded_whatever_their_header_says(
    header: str, body: bytes, shown: str
) -> None:
    raw = b"From: a@b.example\r\nContent-Type: " + header.encode() + b"\r\n\r\n" + body
    assert read_one(raw, "mail.eml").text.endswith(f"\n\n{shown}")


def test_malformed_mails_are_read_as_far_as_they_go() -> None:
    raw = (
        b"From: =?utf-8?b?!!!?= =?utf-8?b?a?= =?no\x01ne?q?x?= <a@b>\n"
        b"To: ,,;<<>\nSubject: =?nonsense?q?x?=\n"
        b"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\nIt is cut o"
    )
    assert "It is cut o" in read_one(raw, "mail.eml").text
    (problem,) = read_document(b"no header at all\n", "note.eml")
    assert "is no e-mail" in str(problem)


def test_a_web_page_is_its_visible_text_with_rows() -> None:
    text = read_one(PAGE.encode(), "page.html").text
    assert text.splitlines() == [
        "Price list",
        "",
        "Home",
        "",
        "Teas",
        "",
        "All prices in euro,\N{NO-BREAK SPACE}with tax.",
        "",
        "Tea\tPrice",
        "Assam\t4.20",
        "Darjeeling first flush\t9.80",
        "",
        "- one",
        "- two",
        "",
        "a  b",
        " c",
        "",
        "Tea House, Bremen",
    ]


def test_a_table_that_lays_out_a_page_is_no_row() -> None:
    page = "<table><tr><td><table><tr><td>a</td><td>1</td></tr></table></td><td><p>b<p>c</td></tr>"
    assert read_one(page.encode(), "page.html").text.split("\n") == ["a\t1", "", "b", "", "c"]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_a_web_page_in_any_encoding(encoding: str) -> None:
    charset = "" if encoding == "utf-16" else f'<meta charset="{encoding}">'
    page = f"<!doctype html><html><head>{charset}</head><body>Zoë: 5 €</body></html>"
    assert read_one(page.encode(encoding), "page.html").text == "Zoë: 5 €"


def test_plain_texts_are_as_they_were(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbf%PDF-1.7 is how a PDF begins\r\n")
    (document,) = read_document(tmp_path / "a.txt")
    assert document == Document(str(tmp_path / "a.txt"), "%PDF-1.7 is how a PDF begins\r\n")
    assert isinstance(document, Document)
    assert document.source_map is None
    with pytest.raises(UsageError, match="nowhere"):
        read_document(tmp_path / "nowhere.pdf")


@pytest.mark.parametrize(
    ("content", "name", "said"),
    [
        (b"\x89PNG\r\n\x1a\n", "photo.png", "no text layer"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "letter.docx", "encrypted"),
        (make_archive({"a.txt": b"a"}), "texts.zip", "Unpack it"),
        (make_archive({"a.xml": b"a"}), "talk.pptx", "save it as PDF"),
        (rb"{\rtf1\ansi Ada}", "letter.rtf", "Save it as .docx"),
        (b"", "invoice.pdf", "is empty"),
        (make_archive({"a.txt": b"a"}), "report.docx", "is no Word file"),
        (make_archive({"a.txt": b"a"}), "sheet.xlsx", "damaged Excel file"),
        (b"PK\x03\x04 and no more", "sheet.xlsx", "damaged Office file"),
        (b"<html><script>var a = 1</script></html>", "app.html", "shows no text"),
    ],
)
def test_what_holds_no_text_is_said_with_a_way_out(content: bytes, name: str, said: str) -> None:
    (problem,) = read_document(content, name)
    assert isinstance(problem, Problem)
    assert problem.source == name
    assert said in problem.message
    assert problem.message.endswith(".")


def test_the_content_tells_a_kind_that_the_name_does_not() -> None:
    assert read_one(invoice_pdf(), "download").text.startswith("Invoice 2041")
    assert read_one(b"<!DOCTYPE html><p>hello", "download").text == "hello"
    assert read_one(b"plain words", "download").text == "plain words"


@pytest.mark.parametrize("name", ["notes.log", "notes", "page.html"])
def test_a_text_that_speaks_of_pdfs_is_none(name: str) -> None:
    text = "A file that begins with %PDF-1.7 is a PDF."
    assert read_one(text.encode(), name).text == text


def test_a_pdf_may_have_junk_before_it() -> None:
    for content, name in (
        (b"junk\n" + invoice_pdf(), "a.pdf"),
        (b"\n" + invoice_pdf(), "data.bin"),
    ):
        assert read_one(content, name).text.startswith("Invoice 2041")
