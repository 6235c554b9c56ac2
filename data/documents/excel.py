"""The text of an Excel file (.xlsx): its sheets one after the other, a row a line, tabs between.

Values are those that were last computed, not formulas; hidden sheets are left out.
"""

from __future__ import annotations

import datetime
import io
import warnings
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from setaccio.data.documents.extracted import Extracted
from setaccio.data.documents.word import open_archive
from setaccio.data.errors import UnreadableError

_BOOK = "xl/workbook.xml"
_STRICT = b"http://purl.oclc.org/ooxml/spreadsheetml/main"
_HEAD = 2000


def read_excel(data: bytes, out: Extracted) -> None:
    """Read an Excel file; each cell is a part, such as ``Sheet1!B3``.

    Raises:
        UnreadableError: it is damaged or encrypted, or all cells are empty.
    """
    archive = open_archive(data)
    damaged = UnreadableError("is a damaged Excel file, or none. Save or download it anew.")
    try:
        named = _BOOK in archive.namelist()  # it may have another name
        if named and _STRICT in archive.open(_BOOK).read(_HEAD):  # openpyxl finds no cells in it
            raise UnreadableError("is a Strict Open XML Workbook. Save it as an ordinary .xlsx.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of extensions that hold no values
            book = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
            shown = [s for s in book.worksheets if getattr(s, "sheet_state", "") == "visible"]
            several = len(book.worksheets) > 1
            for sheet in shown:
                sheet.reset_dimensions()  # a file may say anything about its own size
                _read_sheet(sheet, out, titled=several)
    except (UnreadableError, MemoryError):
        raise
    except Exception as error:  # openpyxl raises whatever a broken part makes it stumble over
        raise damaged from error
    hidden = [s.title for s in book.worksheets if s not in shown]
    if hidden:
        out.places.note = f"Hidden sheets, not read: {', '.join(hidden)[:200]}."
    if not out.text:
        raise UnreadableError("holds no values. Save it once from Excel, so that it has them.")


def _read_sheet(sheet: Any, out: Extracted, *, titled: bool) -> None:
    begun = False
    for number, row in enumerate(sheet.iter_rows(values_only=True), 1):
        values = [_as_text(value) for value in row]
        while values and not values[-1]:
            values.pop()
        if not values:
            continue
        if not begun and titled:
            out.in_part(f"{sheet.title}\n", sheet.title)
        begun = True
        for column, value in enumerate(values, 1):
            out.write("\t" if column > 1 else "")
            if value:
                out.in_part(value, f"{sheet.title}!{get_column_letter(column)}{number}")
        out.write("\n")
    if begun:
        out.end_line(blank=True)


def _as_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else f"{value:.15g}"
    if isinstance(value, datetime.datetime):
        # A date is a date and time of midnight in Excel's files.
        is_date = value.time() == datetime.time()
        return value.date().isoformat() if is_date else value.isoformat(" ", "seconds")
    return " ".join(str(value).split())
