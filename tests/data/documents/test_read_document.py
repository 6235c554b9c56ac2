"""Files of each kind as texts, and where their passages stand.

Run: pytest tests/data/documents
"""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from document_files import (
    INVOICE_ROWS,
    LEFT,
    PAGE,
    RIGHT,
    At,
    bare_word,
    invoice_pdf,
    lines_of,
    make_archive,
    make_mail,
    make_pdf,
    scanned_pdf,
    two_column_pdf,
)

from setaccio.data.documents import read_document
from setaccio.data.errors import UsageError
from setaccio.data.records import Document, Problem


def read_one(content: bytes, name: str) -> Document:
    (found,) = read_document(content, name)
    assert isinstance(found, Document), found
    return found


def place(document: Document, passage: str) -> dict[str, object]:
    assert document.source_map is not None
    start = document.text.index(passage)
    return document.source_map.locate(start, start + len(passage))


def test_a_pdf_has_table_rows_on_a_line_and_values_beside_their_labels() -> None:
    text = read_one(invoice_pdf(), "invoice.pdf").text
    for row in INVOICE_ROWS:
        assert "\t".join(row) in text.splitlines()
    assert "Total\t60.50" in text.splitlines()
    assert text.startswith("Invoice 2041\nDate: 3 May 2026")


def test_two_columns_are_read_one_after_the_other() -> None:
    lines = [line for line in read_one(two_column_pdf(), "two.pdf").text.splitlines() if line]
    assert lines == [lines[0], *LEFT, *RIGHT]
    assert lines[0].startswith("A history")


def test_columns_drawn_in_any_order_give_the_same_text() -> None:
    page = [At(72, 690 - 13 * row, text) for row, text in enumerate(LEFT)]
    page += [At(320, 690 - 13 * row, text) for row, text in enumerate(RIGHT)]
    forward = read_one(make_pdf([page]), "a.pdf").text
    assert forward == read_one(make_pdf([page[::-1]]), "b.pdf").text
    assert forward.replace("\n\n", "\n").splitlines() == [*LEFT, *RIGHT]


def test_a_passage_of_a_pdf_has_its_page_and_a_box_around_its_letters() -> None:
    pages = [lines_of(["first page"]), [At(100, 500, "second page, total 60.50", 12)]]
    document = read_one(make_pdf(pages), "two.pdf")
    first, second = place(document, "first page"), place(document, "60.50")
    assert (first["page"], second["page"]) == (1, 2)
    left, top, right, bottom = second["box"]  # type: ignore[misc]
    # By Helvetica's published widths "second page, total " is 101.4 points at 12, "60.50" is 30.
    assert left == pytest.approx(201.4, abs=0.2)
    assert right == pytest.approx(231.4, abs=0.2)
    assert top < 792 - 500 < bottom
    assert bottom - top < 16
    both = place(document, "second page,")
    assert both["box"][0] == pytest.approx(100, abs=1)  # type: ignore[index]


def test_boxes_of_a_turned_page_are_as_it_is_shown() -> None:
    document = read_one(make_pdf([[At(100, 500, "landscape")]], page_entries="/Rotate 90"), "t.pdf")
    left, top, right, bottom = place(document, "landscape")["box"]  # type: ignore[misc]
    # Turned clockwise, a point (x, y) is shown at (y, x) from the upper left corner.
    assert left < 500 < right
    assert top == pytest.approx(100, abs=1)
    assert bottom - top > right - left


def test_what_a_filled_form_shows_is_text() -> None:
    look = b"BT /F1 10 Tf 2 2 Td (Grace Hopper) Tj ET"
    form = (
        b"<< /Type /XObject /Subtype /Form /BBox [0 0 120 16] "
        b"/Resources << /Font << /F1 3 0 R >> >> "
        b"/Length %d >>\nstream\n%s\nendstream" % (len(look), look)
    )
    widget = (
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (name) /V (Grace Hopper) /F 4 "
        b"/Rect [120 716 240 732] /AP << /N 4 0 R >> >>"
    )
    pdf = make_pdf([lines_of(["Name"])], page_entries="/Annots [5 0 R]", objects=[form, widget])
    assert read_one(pdf, "form.pdf").text == "Name\tGrace Hopper"


def test_a_scan_has_no_text_layer_and_a_page_of_one_is_said() -> None:
    (problem,) = read_document(scanned_pdf(), "scan.pdf")
    assert isinstance(problem, Problem)
    assert str(problem).startswith("scan.pdf: no text layer.")
    mixed = read_one(scanned_pdf(["cover", "letter"]), "mixed.pdf")
    assert mixed.text == "cover\n\nletter"
    assert mixed.source_map is not None
    assert "page 3" in mixed.source_map.note
    blank = read_document(make_pdf([[]]), "blank.pdf")
    assert "no text layer" in str(blank[0])


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
    assert place(document, "60,50 €") == {"part": "Subject"}
    assert place(document, "1 June") == {"part": "1"}


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
    assert place(invoice, "60.50")["page"] == 1
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
        b"From: =?utf-8?b?!!!?= <a@b>\nTo: ,,;<<>\nSubject: =?nonsense?q?x?=\n"
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


def word_file() -> bytes:
    import docx

    document = docx.Document()
    document.sections[0].header.paragraphs[0].text = "ACME Ltd"
    document.add_heading("Report", 0)
    document.add_paragraph("First paragraph.")
    document.add_paragraph("apples", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for row, cells in zip(table.rows, (("Name", "Age"), ("Ada\nLovelace", "36")), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.add_paragraph("Behind the table.")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_a_word_file_is_read_in_order() -> None:
    document = read_one(word_file(), "report.docx")
    assert [line for line in document.text.splitlines() if line] == [
        "ACME Ltd",
        "Report",
        "First paragraph.",
        "apples",
        "Name\tAge",
        "Ada Lovelace\t36",
        "Behind the table.",
    ]
    assert place(document, "ACME Ltd") == {"part": "header1"}
    assert place(document, "First paragraph.") == {"part": "body"}


def test_controls_boxes_and_insertions_of_word_are_text_and_deletions_are_not() -> None:
    def run(text: str, tag: str = "t") -> str:
        return f"<w:r><w:{tag}>{text}</w:{tag}></w:r>"

    body = (
        f"<w:p>{run('kept ')}<w:ins>{run('inserted')}</w:ins>"
        f"<w:del>{run('deleted', 'delText')}</w:del>"
        "<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r></w:p>"
        f"<w:sdt><w:sdtContent><w:p>{run('in a control')}</w:p></w:sdtContent></w:sdt>"
        f"<w:p><w:pPr><w:numPr/></w:pPr>{run('an item')}<w:r><w:txbxContent><w:p>{run('in a box')}"
        "</w:p></w:txbxContent></w:r></w:p>"
    )
    text = read_one(bare_word(body), "report.docx").text
    assert text.splitlines() == ["kept inserted", "in a control", "- an item", "in a box"]


def excel_file() -> bytes:
    import datetime

    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = "Orders"
    sheet.append(["Item", "Price", "Due"])
    sheet.append(["Ink", 12.5, datetime.datetime(2026, 5, 3)])
    sheet["D4"] = True
    notes = book.create_sheet("Notes")
    notes["A1"] = "two\nlines"
    hidden = book.create_sheet("Old")
    hidden["A1"] = "old"
    hidden.sheet_state = "hidden"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_an_excel_file_is_sheets_of_rows_with_cells() -> None:
    document = read_one(excel_file(), "orders.xlsx")
    assert document.text.splitlines() == [
        "Orders",
        "Item\tPrice\tDue",
        "Ink\t12.5\t2026-05-03",
        "\t\t\tTRUE",
        "",
        "Notes",
        "two lines",
    ]
    assert place(document, "12.5") == {"part": "Orders!B2"}
    assert place(document, "TRUE") == {"part": "Orders!D4"}
    assert document.source_map is not None
    assert document.source_map.note == "Hidden sheets, not read: Old."


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
