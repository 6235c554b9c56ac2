"""The text of a Word file (.docx): headers, body, notes, footers, with tables as rows.

Read from its XML: content controls, text boxes and tracked insertions are text that is shown, and
python-docx leaves all three out. What was deleted or is hidden is left out here.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from xml.etree import ElementTree

from setaccio.data.documents.extracted import Extracted
from setaccio.data.errors import UnreadableError

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MATH_TEXT = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
_STRICT = "{http://purl.oclc.org/ooxml/wordprocessingml/main}"
_STRICT_MATH_TEXT = "{http://purl.oclc.org/ooxml/officeDocument/math}t"
_SKIPPED = frozenset(
    {
        *(f"{_W}{name}" for name in ("del", "moveFrom", "pPr", "tblPr", "trPr", "tcPr", "sectPr")),
        "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
    }
)
_PARTS = re.compile(r"word/((header|document|footnotes|endnotes|footer)\d*)\.xml")
_ORDER = ("header", "document", "footnotes", "endnotes", "footer")
_DAMAGE = (
    ElementTree.ParseError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError
)  # fmt: skip
_LETTERS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
MOST_UNPACKED = 300_000_000
"""Bytes of an archive's parts together, unpacked, that are read."""


def open_archive(data: bytes) -> zipfile.ZipFile:
    """Open the archive that an Office file is.

    Raises:
        UnreadableError: it is none, is encrypted, or would unpack to more than is read.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        infos = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise UnreadableError("is a damaged Office file. Save or download it anew.") from error
    if any(info.flag_bits & 1 for info in infos):
        raise UnreadableError("is encrypted. Save it without its password.")
    size = sum(info.file_size for info in infos)
    if size > MOST_UNPACKED:
        raise UnreadableError(
            f"unpacks to {size / 1e6:,.0f} MB; at most {MOST_UNPACKED / 1e6:,.0f} are read. It may "
            "be made to fill the memory; if not, split it."
        )
    return archive


def read_word(data: bytes, out: Extracted) -> None:
    """Read a Word file.

    Raises:
        UnreadableError: it is damaged or encrypted, or holds no text.
    """
    archive = open_archive(data)
    found = [match for name in archive.namelist() if (match := _PARTS.fullmatch(name))]
    if not any(match[2] == "document" for match in found):
        raise UnreadableError("is no Word file: word/document.xml is missing. Check what it is.")
    seen: set[str] = set()
    for match in sorted(found, key=lambda match: (_ORDER.index(match[2]), match[1])):
        try:
            root = ElementTree.fromstring(archive.read(match[0]))  # noqa: S314
        except _DAMAGE as error:
            raise UnreadableError("is a damaged Word file. Save or download it anew.") from error
        if root.tag.startswith(_STRICT):
            _rename(root)
        lines = list(_lines(root))
        text = "\n".join(lines)
        if text.strip() and text not in seen:  # a header is often there for each section
            seen.add(text)
            part = "body" if match[2] == "document" else match[1]
            for line in lines:
                out.in_part(line, part)
                out.write("\n")
            out.end_line(blank=True)
    if not out.text:
        raise UnreadableError("holds no text. If it holds pictures, recognise theirs (OCR).")


def _rename(root: ElementTree.Element) -> None:
    """Give what a "Strict Open XML Document" holds the names that others use."""
    for node in root.iter():
        tag = _MATH_TEXT if node.tag == _STRICT_MATH_TEXT else node.tag
        node.tag = tag.replace(_STRICT, _W)
        for key in [key for key in node.attrib if key.startswith(_STRICT)]:
            node.set(key.replace(_STRICT, _W), node.attrib[key])


def _lines(root: ElementTree.Element) -> Iterator[str]:
    """Paragraphs and rows of tables, in order, those in text boxes behind the one that holds them.

    No recursion, but for the cells of a table: a file may nest thousands deep.
    """
    stack = [root]
    while stack:
        node = stack.pop()
        if node.tag == f"{_W}p":
            text, boxes = _paragraph(node)
            if text.strip():
                yield f"- {text}" if node.find(f"{_W}pPr/{_W}numPr") is not None else text
            stack.extend(reversed(boxes))
        elif node.tag == f"{_W}tr":
            cells = [" ".join(_flat(cell).split()) for cell in _inner(node, f"{_W}tc")]
            if any(cells):
                yield "\t".join(cells)
        elif node.tag not in _SKIPPED:
            stack.extend(reversed(node))


def _inner(node: ElementTree.Element, tag: str) -> Iterator[ElementTree.Element]:
    """The nearest elements of a name below a node, through content controls."""
    stack = list(reversed(node))
    while stack:
        child = stack.pop()
        if child.tag == tag:
            yield child
        elif child.tag not in _SKIPPED:
            stack.extend(reversed(child))


def _paragraph(node: ElementTree.Element) -> tuple[str, list[ElementTree.Element]]:
    """The text of a paragraph, and the text boxes in it."""
    pieces: list[str] = []
    boxes: list[ElementTree.Element] = []
    stack = list(reversed(node))
    while stack:
        child = stack.pop()
        name = child.tag.removeprefix(_W)
        if name == "txbxContent":
            boxes.append(child)
        elif name in ("t", _MATH_TEXT):
            pieces.append(child.text or "")
        elif name in _LETTERS:
            pieces.append(_LETTERS[name])
        elif child.tag not in _SKIPPED and not (name == "r" and _is_hidden(child)):
            stack.extend(reversed(child))
    return "".join(pieces), boxes


def _is_hidden(run: ElementTree.Element) -> bool:
    vanish = run.find(f"{_W}rPr/{_W}vanish")
    return vanish is not None and vanish.get(f"{_W}val") not in ("0", "false", "off")


def _flat(cell: ElementTree.Element) -> str:
    """All paragraphs of a cell, those of tables inside it too."""
    pieces: list[str] = []
    stack = [cell]
    while stack:
        node = stack.pop()
        if node.tag == f"{_W}p":
            text, boxes = _paragraph(node)
            pieces.append(text)
            stack.extend(reversed(boxes))
        elif node.tag not in _SKIPPED:
            stack.extend(reversed(node))
    return " ".join(pieces)
