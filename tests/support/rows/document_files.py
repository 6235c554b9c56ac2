"""Real files that the tests make: PDF by hand, DOCX by python-docx, XLSX by openpyxl, MIME."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from email.message import EmailMessage
from typing import NamedTuple

from setaccio.data.documents import read_document
from setaccio.data.records import Document

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


class At(NamedTuple):
    """A text on a page: points from the lower left corner, as PDF counts."""

    x: float
    y: float
    text: str
    size: float = 10


def make_pdf(
    pages: Sequence[Iterable[At]],
    *,
    trailer: str = "",
    page_entries: str = "",
    objects: Sequence[bytes] = (),
) -> bytes:
    """A PDF of 612 x 792 points with texts in Helvetica, its pages' streams compressed.

    Args:
        pages: the texts of each page, drawn in the order given.
        trailer: more entries of the trailer.
        page_entries: more entries of every page.
        objects: more objects; the first of them has the number 4.
    """
    first = 4 + len(objects)
    kids = " ".join(f"{first + 2 * n} 0 R" for n in range(len(pages)))
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        *objects,
    ]
    for number, texts in enumerate(pages):
        content = first + 2 * number + 1
        bodies.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {content} 0 R "
            f"/Resources << /Font << /F1 3 0 R >> >> {page_entries} >>".encode()
        )
        bodies.append(_stream(b"\n".join(map(_draw, texts)), "/Filter /FlateDecode"))
    return _with_table(bodies, trailer)


def _draw(at: At) -> bytes:
    text = at.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return f"BT /F1 {at.size} Tf {at.x} {at.y} Td ({text}) Tj ET".encode("cp1252")


def _stream(content: bytes, entries: str) -> bytes:
    packed = zlib.compress(content) if "FlateDecode" in entries else content
    return f"<< /Length {len(packed)} {entries} >>\nstream\n".encode() + packed + b"\nendstream"


def _with_table(bodies: Sequence[bytes], trailer: str) -> bytes:
    file = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(file))
        file += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start = len(file)
    file += f"xref\n0 {len(bodies) + 1}\n0000000000 65535 f \n".encode()
    file += b"".join(f"{offset:010} 00000 n \n".encode() for offset in offsets)
    file += f"trailer << /Size {len(bodies) + 1} /Root 1 0 R {trailer} >>\n".encode()
    return bytes(file + f"startxref\n{start}\n%%EOF\n".encode())


def lines_of(texts: Sequence[str], x: float = 72, top: float = 720, step: float = 14) -> list[At]:
    """Texts below one another."""
    return [At(x, top - step * n, text) for n, text in enumerate(texts)]


INVOICE_ROWS = (
    ("Item", "Quantity", "Price"),
    ("Ink, black", "3", "12.50"),
    ("Paper A4", "10", "48.00"),
)


def invoice_pdf() -> bytes:
    """An invoice with a table, drawn column by column, and what a filled form would draw last."""
    page = lines_of(["Invoice 2041", "Date: 3 May 2026"])
    for column, x in enumerate((72, 250, 400)):
        page += [At(x, 640 - 16 * row, cells[column]) for row, cells in enumerate(INVOICE_ROWS)]
    page += [At(72, 560, "Total"), At(72, 540, "IBAN")]
    page += [At(400, 560, "60.50"), At(400, 540, "DE02 1203 0000 0000 2020 51")]
    return make_pdf([page])


LEFT = (
    "The mill stands at the foot of the hill and",
    "has ground the corn of four villages since",
    "the year 1788. Its wheel was cut from one",
    "oak, and it has been mended eleven times.",
    "The miller keeps a book of every sack that",
    "was ever brought to him by the farmers.",
)
RIGHT = (
    "A second building was put up beside it in",
    "1902, when steam came to the valley, and it",
    "was pulled down again a dozen years later.",
    "Nothing is left of it but a square of stones",
    "and a photograph that hangs in the school",
    "next to the map of the old parish borders.",
)


def two_column_pdf() -> bytes:
    """A page with a title above two columns, drawn line by line across both."""
    page = [
        At(72, 720, "A history of the mill and of those who worked in it through the years", 14)
    ]
    for row, (left, right) in enumerate(zip(LEFT, RIGHT, strict=True)):
        page += [At(72, 690 - 13 * row, left), At(320, 690 - 13 * row, right)]
    return make_pdf([page])


def scanned_pdf(texts: Sequence[str] = ()) -> bytes:
    """A PDF whose last page is a picture; pages with a text stand before it."""
    picture = _stream(b"\xff" * 64, "/Type /XObject /Subtype /Image /Width 8 /Height 8 "
                      "/BitsPerComponent 8 /ColorSpace /DeviceGray")  # fmt: skip
    drawn = _stream(b"q 612 0 0 792 0 0 cm /I1 Do Q", "")
    pages = [lines_of([text]) for text in texts]
    first = 4 + 3
    kids = " ".join(f"{first + 2 * n} 0 R" for n in range(len(pages)))
    whole = make_pdf(pages, objects=[picture, drawn, (
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R "
        b"/Resources << /XObject << /I1 4 0 R >> >> >>")])  # fmt: skip
    old = f"/Kids [{kids}] /Count {len(pages)}".encode()
    new = f"/Kids [{kids} 6 0 R] /Count {len(pages) + 1}".encode()
    # The table of objects is now off by a few bytes, which every reader repairs.
    return whole.replace(old, new)


def encrypted_pdf() -> bytes:
    """A PDF under a password that nobody knows."""
    entry = "/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{}> /U <{}> >> /ID [<{}> <{}>]"
    return make_pdf(
        [lines_of(["secret"])], trailer=entry.format("a1" * 32, "b2" * 32, "c3" * 16, "c3" * 16)
    )


def make_mail(
    body: str | None = "Please pay by 1 June.",
    *,
    html: str | None = None,
    files: Sequence[tuple[str, str, bytes]] = (),
    messages: Sequence[EmailMessage] = (),
) -> EmailMessage:
    """An e-mail with attachments, each of a name, a type such as ``application/pdf``, and bytes."""
    mail = EmailMessage()
    mail["From"] = "Ada Lovelace <ada@example.org>"
    mail["To"] = "Zoë Müller <zoe@example.org>"
    mail["Subject"] = "Rechnung für Mai: 60,50 €"
    mail["Date"] = "Mon, 04 May 2026 09:30:00 +0200"
    if body is not None:
        mail.set_content(body)
    if html is not None and body is not None:
        mail.add_alternative(html, subtype="html")
    elif html is not None:
        mail.set_content(html, subtype="html")
    for name, kind, content in files:
        main, sub = kind.split("/")
        mail.add_attachment(content, maintype=main, subtype=sub, filename=name)
    for each in messages:
        mail.add_attachment(each)
    return mail


PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>Price list</title>
<style>p { color: red }</style><script>document.write("written by a script")</script></head>
<body><nav><a href="/">Home</a></nav><h1>Teas</h1>
<p>All prices in <b>euro</b>,&nbsp;with tax.</p><!-- a comment -->
<table><tr><th>Tea</th><th>Price</th></tr><tr><td><p>Assam</p></td><td>4.20</td></tr>
<tr><td>Darjeeling<br>first flush</td><td>9.80</td></tr></table>
<ul><li>one</li><li>two</li></ul><p style="display: none">hidden</p>
<pre>a  b
 c</pre><footer>Tea House, Bremen</footer><script src="http://127.0.0.1:9/x.js"></script></body></html>
"""


def make_archive(parts: dict[str, bytes]) -> bytes:
    """A ZIP archive with deflated parts."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def bare_word(body: str, before: str = "") -> bytes:
    """A DOCX of a body's XML alone."""
    xml = f'{before}<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    kind = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
    package = "http://schemas.openxmlformats.org/package/2006"
    types = (
        f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{kind}"/></Types>'
    )
    relations = (
        f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{relation}" Target="word/document.xml"/></Relationships>'
    )
    return make_archive(
        {
            "[Content_Types].xml": types.encode(),
            "_rels/.rels": relations.encode(),
            "word/document.xml": xml.encode(),
        }
    )


def read_one(content: bytes, name: str) -> Document:
    """The one document that a file is."""
    (found,) = read_document(content, name)
    assert isinstance(found, Document), found
    return found


def place_of(document: Document, passage: str) -> dict[str, object]:
    """Where the first passage of these words stands."""
    assert document.source_map is not None
    start = document.text.index(passage)
    return document.source_map.locate(start, start + len(passage))
