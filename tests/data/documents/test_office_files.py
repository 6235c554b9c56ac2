"""Word and Excel files. Run: pytest tests/data/documents/test_office_files.py"""

from __future__ import annotations

import io
import zipfile

from document_files import (
    bare_word,
    make_archive,
    place_of,
    read_one,
)

from setaccio.data.documents import read_document


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
    assert place_of(document, "ACME Ltd") == {"part": "header1"}
    assert place_of(document, "First paragraph.") == {"part": "body"}


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


def test_a_strict_word_file_is_read_as_any_other() -> None:
    body = (
        '<w:p><w:r><w:rPr><w:vanish w:val="false"/></w:rPr><w:t>Total: </w:t></w:r>'
        "<m:oMath><m:r><m:t>60.50</m:t></m:r></m:oMath>"
        "<w:r><w:rPr><w:vanish/></w:rPr><w:t>hidden</w:t></w:r></w:p>"
    )
    xml = (
        '<w:document xmlns:w="http://purl.oclc.org/ooxml/wordprocessingml/main" '
        f'xmlns:m="http://purl.oclc.org/ooxml/officeDocument/math"><w:body>{body}</w:body>'
        "</w:document>"
    )
    archive = make_archive({"word/document.xml": xml.encode()})
    assert read_one(archive, "strict.docx").text == "Total: 60.50"


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
    assert place_of(document, "12.5") == {"part": "Orders!B2"}
    assert place_of(document, "TRUE") == {"part": "Orders!D4"}
    assert document.source_map is not None
    assert document.source_map.note == "Hidden sheets, not read: Old."


def test_a_strict_excel_file_is_said_to_be_one() -> None:
    usual = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    strict = b"http://purl.oclc.org/ooxml/spreadsheetml/main"
    with zipfile.ZipFile(io.BytesIO(excel_file())) as whole:
        parts = {name: whole.read(name).replace(usual, strict) for name in whole.namelist()}
    (problem,) = read_document(make_archive(parts), "strict.xlsx")
    assert "is a Strict Open XML Workbook" in str(problem)
