"""The trial of readers of documents whose table stands in docs/documents.md.

Run it where the readers are installed (pip install '.[documents]' pypdf pdfplumber python-docx
trafilatura beautifulsoup4 'markitdown[pdf,docx,xlsx]' mammoth python-calamine; those that are not
there are left out): PYTHONPATH=tests/support/rows python -m scripts.document_trial

Each reader gets the same files, which the tests make: what of them it keeps, and how much time of
the processor it takes for a PDF of 50 full pages (least of three), in this process.
"""

from __future__ import annotations

import importlib.metadata
import io
import sys
import time
from collections.abc import Callable, Iterator
from itertools import chain

import document_files as files

PAGES = 50
LINES = [f"{files.LEFT[n % 6]} {n}" for n in range(45)]
LONG = files.make_pdf([files.lines_of(LINES, step=15) for _ in range(PAGES)])
WORD = files.bare_word(
    "<w:sdt><w:sdtContent><w:p><w:r><w:t>in a control</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    "<w:p><w:ins><w:r><w:t>inserted</w:t></w:r></w:ins></w:p>"
    "<w:p><w:r><w:txbxContent><w:p><w:r><w:t>in a box</w:t></w:r></w:p></w:txbxContent></w:r></w:p>"
)
Reader = Callable[[bytes], str]


def ours(name: str) -> Reader:
    """Setaccio's own reader of a kind."""
    from setaccio.data.documents.texts import TextLimits, texts_of

    limits = TextLimits(10_000_000, 100, 1 << 30)
    return lambda data: "\n".join(found.text for found in texts_of(data, name, limits))


def pypdf(data: bytes) -> str:
    """pypdf, plain mode."""
    from pypdf import PdfReader

    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


def pdfplumber(data: bytes) -> str:
    """pdfplumber, which stands on pdfminer.six."""
    from pdfplumber import open as open_pdf

    with open_pdf(io.BytesIO(data)) as pdf:
        return "\n".join(page.extract_text() for page in pdf.pages)


def pypdfium2(data: bytes) -> str:
    """pdfium's own order of a page's text."""
    from pypdfium2 import PdfDocument

    return "\n".join(page.get_textpage().get_text_range() for page in PdfDocument(data))


def markitdown(suffix: str) -> Reader:
    """markitdown, whatever it reads a kind with."""

    def read(data: bytes) -> str:
        from markitdown import MarkItDown

        return MarkItDown().convert_stream(io.BytesIO(data), file_extension=suffix).text_content

    return read


def trafilatura(data: bytes) -> str:
    """trafilatura: the main article."""
    from trafilatura import extract

    return extract(data.decode(), include_tables=True, favor_recall=True) or ""


def beautifulsoup4(data: bytes) -> str:
    """Beautiful Soup: every text node."""
    from bs4 import BeautifulSoup

    return BeautifulSoup(data, "html.parser").get_text("\n", strip=True)


def python_docx(data: bytes) -> str:
    """python-docx: paragraphs and tables."""
    from docx import Document

    items = Document(io.BytesIO(data)).iter_inner_content()
    return "\n".join(getattr(item, "text", "table") for item in items)


def _in_order(text: str, parts: list[str]) -> bool:
    flat = " ".join(text.split())
    places = [flat.find(" ".join(part.split())) for part in parts]
    return -1 not in places and places == sorted(places)


def _yes(good: bool) -> str:
    return "yes" if good else "no"


def _pdf(name: str, read: Reader) -> list[str]:
    table, columns = read(files.invoice_pdf()), read(files.two_column_pdf())
    rows = all(_in_order(table, [" ".join(row)]) for row in files.INVOICE_ROWS) or all(
        any(all(cell in line for cell in row) for line in table.splitlines())
        for row in files.INVOICE_ROWS
    )
    value = any("Total" in line and "60.50" in line for line in table.splitlines())
    times = []
    for _ in range(3):
        began = time.process_time()
        read(LONG)
        times.append(time.process_time() - began)
    pages = _yes(_in_order(columns, [*files.LEFT, *files.RIGHT]))
    speed = f"{1000 * min(times) / PAGES:.1f}"
    return [name, pages, _yes(rows), _yes(value), speed]


def _page(name: str, read: Reader) -> list[str]:
    text = read(files.PAGE.encode())
    kept = ["Home", "Teas", "All prices", "Darjeeling", "9.80", "two", "Bremen"]
    left = sum(part in text for part in kept)
    row = any("Assam" in line and "4.20" in line for line in text.splitlines())
    hidden = any(part in text for part in ("hidden", "written by", "comment"))
    return [name, f"{left} of {len(kept)}", _yes(row), _yes(not hidden)]


def _word(name: str, read: Reader) -> list[str]:
    try:
        text = read(WORD)
    except Exception as error:
        return [name, type(error).__name__]
    return [name, *(_yes(part in text) for part in ("in a control", "inserted", "in a box"))]


def _rows(check: Callable[[str, Reader], list[str]], readers: dict[str, Reader]) -> Iterator[str]:
    for name, read in readers.items():
        try:
            found = check(name, read)
        except ImportError:
            continue
        package = name.split(" ")[0].replace("_", "-")
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            version = ""
        yield " | ".join([f"{found[0]} {version}".strip(), *found[1:]])


def main() -> None:
    """Print the three tables."""
    pdf: dict[str, Reader] = {
        "setaccio": ours("pdf"), "pypdfium2": pypdfium2, "pypdf": pypdf,
        "pdfplumber": pdfplumber, "markitdown": markitdown(".pdf"),
    }  # fmt: skip
    page: dict[str, Reader] = {
        "setaccio": ours("web page"), "trafilatura": trafilatura, "beautifulsoup4": beautifulsoup4,
        "markitdown": markitdown(".html"),
    }  # fmt: skip
    word: dict[str, Reader] = {
        "setaccio": ours("word"), "python_docx": python_docx, "markitdown": markitdown(".docx"),
    }  # fmt: skip
    for head, check, readers in (
        ("PDF | columns in order | rows on a line | value by label | ms a page", _pdf, pdf),
        ("HTML | kept | rows on a line | nothing hidden", _page, page),
        ("DOCX | control | insertion | text box", _word, word),
    ):
        for line in chain([head], _rows(check, readers), [""]):
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
