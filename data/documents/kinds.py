"""What kind of document a file is: by its first bytes and its name.

>>> kind_of(b"%PDF-1.7", "invoice")
'pdf'
>>> kind_of(b"From: ada@example.org", "mail.eml")
'mail'

What plain text is read as is told by the name alone, so that no text is taken for something else.
"""

from __future__ import annotations

import importlib.util
from pathlib import PurePath

from setaccio.data.errors import MissingExtraError

KINDS = {
    "pdf": (".pdf",),
    "mail": (".eml", ".mht", ".mhtml"),
    "web page": (".html", ".htm", ".xhtml"),
    "word": (".docx", ".docm", ".dotx"),
    "excel": (".xlsx", ".xlsm", ".xltx"),
}
"""The kinds of documents, and how the names of their files end."""

SUFFIXES = frozenset(suffix for suffixes in KINDS.values() for suffix in suffixes)
TEXT_SUFFIXES = frozenset({".txt", ".md"})
ATTACHED_TEXTS = TEXT_SUFFIXES | {".csv", ".tsv", ".json", ".jsonl", ".log", ".xml", ".ics", ".vcf"}
"""Attachments of an e-mail that are texts whatever type it gives them."""

_BY_SUFFIX = {suffix: kind for kind, suffixes in KINDS.items() for suffix in suffixes}
_PACKAGES = {"pdf": "pypdfium2", "web page": "selectolax", "excel": "openpyxl"}
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PICTURES = {
    b"\x89PNG\r\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"GIF8": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}


def suffix_of(name: str) -> str:
    """How a file's name ends, in small letters, with the dot; empty where it has no such end."""
    return PurePath(name).suffix.lower()


def kind_of(head: bytes, name: str) -> str | None:
    """The kind of a file.

    Args:
        head: its first bytes, 1,024 of them where there are as many.
        name: the file's name, which may be empty.

    Returns:
        A key of :data:`KINDS`; ``zip`` for an archive and ``ole`` for an older or an encrypted
        Office file whose name tells no more; ``rtf``; ``picture``; None for anything that may be a
        text.
    """
    suffix = suffix_of(name)
    if suffix in TEXT_SUFFIXES:
        return None
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
    # By the name alone junk may stand before it; a text may well speak of it.
    if start.startswith(b"%pdf-") and suffix not in _BY_SUFFIX:
        return "pdf"
    if suffix in KINDS["pdf"] and b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(_OLE):
        return "ole"
    if start.startswith(b"{\\rtf"):
        return "rtf"
    if head.startswith(b"PK\x03\x04"):
        kind = _BY_SUFFIX.get(suffix)
        return kind if kind in ("word", "excel") else "zip"
    if any(head.startswith(mark) for mark in _PICTURES):
        return "picture"
    if head.startswith((b"RIFF", b"\0\0\0\x0cjP")) and b"WEBP" in head[:16]:
        return "picture"
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    return "web page" if start.startswith((b"<!doctype html", b"<html")) else None


def require_reader(kind: str | None) -> None:
    """Make sure that what reads a kind of documents is installed.

    Raises:
        MissingExtraError: names the package and how to install it.
    """
    package = _PACKAGES.get(kind or "")
    if package and importlib.util.find_spec(package) is None:
        raise MissingExtraError("documents", package)


def require_named(name: str) -> None:
    """As :func:`require_reader`, for a file whose name alone is known."""
    require_reader(_BY_SUFFIX.get(suffix_of(name)))
