"""PDF: reading order, tables, boxes. Run: pytest tests/data/documents/test_pdf_text.py"""

from __future__ import annotations

import pytest
from document_files import (
    INVOICE_ROWS,
    LEFT,
    RIGHT,
    At,
    invoice_pdf,
    lines_of,
    make_pdf,
    place_of,
    read_one,
    scanned_pdf,
    two_column_pdf,
)

from setaccio.data.documents import read_document
from setaccio.data.records import Problem


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
    first, second = place_of(document, "first page"), place_of(document, "60.50")
    assert (first["page"], second["page"]) == (1, 2)
    left, top, right, bottom = second["box"]  # type: ignore[misc]
    # By Helvetica's published widths "second page, total " is 101.4 points at 12, "60.50" is 30.
    assert left == pytest.approx(201.4, abs=0.2)
    assert right == pytest.approx(231.4, abs=0.2)
    assert top < 792 - 500 < bottom
    assert bottom - top < 16
    both = place_of(document, "second page,")
    assert both["box"][0] == pytest.approx(100, abs=1)  # type: ignore[index]


def test_boxes_of_a_turned_page_are_as_it_is_shown() -> None:
    document = read_one(make_pdf([[At(100, 500, "landscape")]], page_entries="/Rotate 90"), "t.pdf")
    left, top, right, bottom = place_of(document, "landscape")["box"]  # type: ignore[misc]
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
