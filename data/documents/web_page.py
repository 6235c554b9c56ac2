"""The visible text of a web page: all of it, not only what looks like the main article.

Scripts, styles and what the page itself hides are left out. A row of a table is a line, its cells
divided by tabs; a table that holds tables is taken for the page's layout, its cells for blocks.
"""

from __future__ import annotations

import re
from typing import Any

from selectolax.lexbor import LexborHTMLParser

from setaccio.data.documents.extracted import Extracted
from setaccio.data.errors import UnreadableError
from setaccio.data.files.encodings import decode_text

_NOT_TEXT = """
script style template noscript head iframe object embed audio video canvas math datalist -comment
"""
_LINES = """
address article aside body caption center dd details dialog dir div dt fieldset figcaption figure
footer form header hgroup hr legend li main menu nav option summary tbody td tfoot th thead tr
"""
_PARAGRAPHS = "blockquote dl h1 h2 h3 h4 h5 h6 ol p pre section table ul"
_SKIPPED, _SPACED = frozenset(_NOT_TEXT.split()), frozenset(_PARAGRAPHS.split())
_BLOCKS = _SPACED | frozenset(_LINES.split())
_SHOWN_INPUTS = frozenset({"", "text", "email", "tel", "url", "number", "date", "time", "search"})
_HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
_DECLARED = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.I)
_BLANKS = re.compile(r"[ \t\r\n\f]+")
_HEAD = 4096


def read_web_page(data: bytes, out: Extracted, charset: str | None = None, part: str = "") -> None:
    """Read a web page.

    Args:
        data: the file.
        out: gets the text.
        charset: its encoding, where something outside the page says it.
        part: what to call it in ``out``'s places; nothing where it is the whole document.

    Raises:
        UnreadableError: it shows no text.
    """
    declared = _DECLARED.search(data[:_HEAD])
    text = decode_text(data, charset or (declared[1].decode("ascii") if declared else None))
    tree = LexborHTMLParser(text)
    writer = _Writer(out, part)
    title = tree.css_first("head title")
    if title is not None and title.text().strip():
        writer.text(title.text())
        writer.line(blank=True)
    before = out.length
    if tree.body is not None:
        _walk(tree.body, writer)
    if out.length == before and not out.text:
        raise UnreadableError("shows no text. Save it from a browser if scripts fill it.")


class _Writer:
    """Writes text as a browser sets it: white space collapsed, blocks on lines of their own."""

    def __init__(self, out: Extracted, part: str) -> None:
        self._out = out
        self._part = part
        self._space = False
        self._begun = False

    def text(self, text: str, *, kept: bool = False) -> None:
        """Write running text; with ``kept``, its white space as it is."""
        if not kept:
            text = _BLANKS.sub(" ", text)
            stripped = text.strip(" ")
            if not stripped:
                self._space = self._space or bool(text)
                return
            before = " " if self._begun and (self._space or text[0] == " ") else ""
            self._space = text[-1] == " "
            text = before + stripped
        self._begun = True
        if self._part:
            self._out.in_part(text, self._part)
        else:
            self._out.write(text)

    def line(self, *, blank: bool = False) -> None:
        """End the line."""
        self._out.end_line(blank)
        self._begun = self._space = False


def _walk(root: Any, writer: _Writer) -> None:
    """Write what is below a node. No recursion: pages nest thousands deep."""
    stack: list[tuple[Any, str]] = [(root, "")]
    while stack:
        node, after = stack.pop()
        if after:
            writer.line(blank=after in _SPACED)
            continue
        tag = node.tag
        if tag == "-text":
            text = node.text_content or ""
            writer.text(text, kept=_in_pre(node) and bool(text.strip()))
        elif tag == "br":
            writer.line()
        elif tag == "input":
            writer.text(f" {_shown_value(node)} ")
        elif tag == "tr" and (cells := _cells(node)):
            writer.line()
            writer.text("\t".join(cells), kept=True)
            writer.line()
        elif tag not in _SKIPPED and not _is_hidden(node):
            if tag in _BLOCKS:
                writer.line(blank=tag in _SPACED)
                stack.append((None, tag))
            if tag == "li":
                writer.text("- ", kept=True)
            stack.extend((child, "") for child in reversed(list(node.iter(include_text=True))))


def _in_pre(node: Any) -> bool:
    parent = node.parent
    for _ in range(3):
        if parent is None:
            return False
        if parent.tag in ("pre", "textarea"):
            return True
        parent = parent.parent
    return False


def _is_hidden(node: Any) -> bool:
    if node.tag.startswith("-"):
        return True
    attributes = node.attributes
    return "hidden" in attributes or bool(_HIDDEN.search(attributes.get("style") or ""))


def _shown_value(node: Any) -> str:
    attributes = node.attributes
    kind = (attributes.get("type") or "").lower()
    return attributes.get("value") or "" if kind in _SHOWN_INPUTS else ""


def _cells(row: Any) -> list[str]:
    """The cells of a row that is one line; none where it is layout, or one cell."""
    if _is_hidden(row):
        return []
    cells = [cell for cell in row.iter() if cell.tag in ("td", "th") and not _is_hidden(cell)]
    if len(cells) < 2 or any(cell.css_first("table") is not None for cell in cells):
        return []
    flat = [_flat(cell) for cell in cells]
    return flat if any(flat) else []


def _flat(cell: Any) -> str:
    """All of a cell on one line."""
    pieces: list[str] = []
    stack = list(cell.iter(include_text=True))[::-1]
    while stack:
        node = stack.pop()
        if node.tag == "-text":
            pieces.append(node.text_content or "")
        elif node.tag == "input":
            pieces.append(f" {_shown_value(node)} ")
        elif node.tag not in _SKIPPED and not _is_hidden(node):
            if node.tag in _BLOCKS or node.tag == "br":
                pieces.append(" ")
            stack.extend(reversed(list(node.iter(include_text=True))))
    return _BLANKS.sub(" ", "".join(pieces)).strip()
