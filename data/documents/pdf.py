"""The text of a PDF, with the page and box of every word.

pdfium says which letters stand where; :mod:`setaccio.data.documents.pdf_layout` puts them in order.
What annotations show, such as the values of a filled form, is text of the page.
"""

from __future__ import annotations

import ctypes
import statistics
from collections.abc import Iterator
from typing import Any, NamedTuple

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from setaccio.data.documents.extracted import Extracted
from setaccio.data.documents.pdf_layout import Line, Word, arrange
from setaccio.data.errors import UnreadableError
from setaccio.data.text.places import Box

_SCALE = 100
_HYPHENS = ("\x02", "\ufffe", "\xad")
_NO_LETTERS = frozenset("\0\ufffe\uffff\x02")
_SHOWN = 10


class _Letter(NamedTuple):
    text: str
    box: Box
    base: float
    hyphen: bool


def read_pdf(data: bytes, out: Extracted) -> None:
    """Read a PDF.

    Args:
        data: the file.
        out: gets the text, a piece for each word.

    Raises:
        UnreadableError: it is encrypted, damaged, or has no text layer.
    """
    try:
        pdf = pdfium.PdfDocument(data)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise UnreadableError("is encrypted. Save it without its password.") from error
        raise UnreadableError("is a damaged PDF, or none. Save or download it anew.") from error
    count = len(pdf)
    pictures: list[int] = []
    bad: list[int] = []
    writer = _Writer(out)
    for number in range(1, count + 1):
        try:
            _read_page(pdf, number, writer, pictures)
        except pdfium.PdfiumError:
            bad.append(number)
    if bad and len(bad) == count:
        raise UnreadableError("is a damaged PDF: no page can be read. Save or download it anew.")
    if not out.text:
        raise UnreadableError(
            "no text layer. Recognise its text first (OCR, such as ocrmypdf), and name the result."
        )
    notes = []
    if bad:
        notes.append(f"Damaged and not read: {_pages(bad)}.")
    if pictures:
        notes.append(f"Pictures without a text layer, not read: {_pages(pictures)}.")
    out.places.note = " ".join(notes)


def _pages(numbers: list[int]) -> str:
    named = ", ".join(map(str, numbers[:_SHOWN]))
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    return f"page{'s' if len(numbers) > 1 else ''} {named}{more}"


def _read_page(pdf: Any, number: int, writer: _Writer, pictures: list[int]) -> None:
    page = pdf[number - 1]
    if raw.FPDFPage_GetAnnotCount(page) > 0 and raw.FPDFPage_Flatten(page, 0) == 1:
        page.close()
        page = pdf[number - 1]
    text = page.get_textpage()
    words = list(_words(_letters(page, text)))
    if not words and _has_picture(page):
        pictures.append(number)
    text.close()
    page.close()
    upright = [word for word in words if not _is_vertical(word)]
    for cells in arrange(upright):
        writer.line(cells, number)
    for word in words:
        if _is_vertical(word):
            writer.line([[word]], number)
    writer.end(blank=True)


def _has_picture(page: Any) -> bool:
    return next(page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE], max_depth=3), None) is not None


class _Writer:
    """Writes lines of a document; a word that a line's end divided becomes whole again."""

    def __init__(self, out: Extracted) -> None:
        self._out = out
        self._divided = False

    def line(self, cells: list[Line], page: int) -> None:
        """Write a line; without cells, end the paragraph."""
        if not cells or not (self._divided and cells[0][0].text[:1].islower()):
            self.end(blank=not cells)
        for place, cell in enumerate(cells):
            self._out.write("\t" if place else "")
            for at, word in enumerate(cell):
                self._out.write(" " if at else "")
                self._out.on_page(word.text, page, word.box)
        self._divided = bool(cells) and cells[-1][-1].hyphen

    def end(self, *, blank: bool) -> None:
        """End the line."""
        self._out.write("-" if self._divided else "")
        self._divided = False
        self._out.end_line(blank)


def _is_vertical(word: Word) -> bool:
    left, top, right, bottom = word.box
    return len(word.text) > 3 and bottom - top > 1.5 * (right - left)


def _to_shown(page: Any) -> tuple[float, ...]:
    """What turns a point of the page into one as it is shown: turned, cropped, from the top."""
    width, height = page.get_size()
    size = round(width * _SCALE), round(height * _SCALE)
    x, y = ctypes.c_int(), ctypes.c_int()

    def at(*point: float) -> tuple[float, float]:
        raw.FPDF_PageToDevice(page, 0, 0, *size, 0, *point, ctypes.byref(x), ctypes.byref(y))
        return x.value / _SCALE, y.value / _SCALE

    (x0, y0), (x1, y1), (x2, y2) = at(0, 0), at(1000, 0), at(0, 1000)
    return x0, y0, (x1 - x0) / 1000, (y1 - y0) / 1000, (x2 - x0) / 1000, (y2 - y0) / 1000


def _letters(page: Any, text: Any) -> Iterator[_Letter | None]:
    """Letters as they were drawn; None between words."""
    x0, y0, xx, xy, yx, yy = _to_shown(page)
    rect = raw.FS_RECTF()
    x, y = ctypes.c_double(), ctypes.c_double()
    at_rect, at_x, at_y = ctypes.byref(rect), ctypes.byref(x), ctypes.byref(y)
    for index in range(raw.FPDFText_CountChars(text)):
        code = raw.FPDFText_GetUnicode(text, index)
        letter = chr(code) if code < 0xD800 or 0xDFFF < code < 0x110000 else ""
        hyphen = letter in _HYPHENS or raw.FPDFText_IsHyphen(text, index) == 1
        if not letter or letter.isspace() or (letter in _NO_LETTERS and not hyphen):
            yield None
            continue
        if raw.FPDFText_GetLooseCharBox(text, index, at_rect) != 1:
            continue
        raw.FPDFText_GetCharOrigin(text, index, at_x, at_y)
        corners = ((rect.left, rect.top), (rect.right, rect.bottom))
        xs = sorted(x0 + xx * a + yx * b for a, b in corners)
        ys = sorted(y0 + xy * a + yy * b for a, b in corners)
        base = y0 + xy * x.value + yy * y.value
        yield _Letter("-" if hyphen else letter, (xs[0], ys[0], xs[1], ys[1]), base, hyphen)


def _words(letters: Iterator[_Letter | None]) -> Iterator[Word]:
    word: list[_Letter] = []
    for letter in letters:
        if word and (letter is None or _is_apart(word[-1], letter)):
            yield _join(word)
            word = []
        if letter is not None:
            word.append(letter)
    if word:
        yield _join(word)


def _is_apart(before: _Letter, after: _Letter) -> bool:
    """Whether a letter stands too far from the one before it for one word."""
    height = max(before.box[3] - before.box[1], 0.1)
    gap = max(after.box[0] - before.box[2], before.box[0] - after.box[2])
    drop = max(after.box[1] - before.box[3], before.box[1] - after.box[3])
    return gap > 0.5 * height or drop > 0.5 * height


def _join(word: list[_Letter]) -> Word:
    lefts, tops, rights, bottoms = zip(*(letter.box for letter in word), strict=True)
    hyphen = word[-1].hyphen and len(word) > 1
    text = "".join(letter.text for letter in (word[:-1] if hyphen else word))
    box = (min(lefts), min(tops), max(rights), max(bottoms))
    base = statistics.median_low([letter.base for letter in word])
    return Word(text, box, base, hyphen)
