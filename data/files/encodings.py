"""How the text of a file is encoded: UTF-8, or UTF-16 and UTF-32 where its first bytes say so.

    encoding = encoding_of(path.open("rb").read(4))

Spreadsheets write UTF-16, with a mark before the text or without one. A legacy encoding, such as
Latin-1, can not be told from another one; such text is no UTF-8, and is named where it is read.
"""

from __future__ import annotations

import codecs

_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # begins like UTF-16's, so it comes first
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
UTF8 = "utf-8-sig"


def encoding_of(head: bytes) -> str:
    """The encoding of a text.

    Args:
        head: its first four bytes. Without a mark, UTF-16 is known by the zero in every other one
            of them, which text that begins with two ASCII characters has.

    Returns:
        A name that ``open`` takes; :data:`UTF8` by default, which skips a mark of its own.
    """
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return name
    if len(head) == 4 and head[0] and head[2] and head[1] == head[3] == 0:
        return "utf-16-le"
    if len(head) == 4 and head[1] and head[3] and head[0] == head[2] == 0:
        return "utf-16-be"
    return UTF8


def decode_text(data: bytes, declared: str | None = None) -> str:
    """A text from somewhere that is not strict about encodings, such as an e-mail or a web page.

    Args:
        data: the text.
        declared: the encoding that something says it has, which may be wrong or unknown.

    Returns:
        The text by its mark, else as declared, else as UTF-8, and what is none as Windows-1252.
    """
    marked = encoding_of(data[:4])
    for name in (marked if marked != UTF8 else declared, UTF8):
        try:
            if name:
                return str(data.decode(name))
        except (LookupError, ValueError):  # unknown, no encoding of texts, or not this one
            continue
    return data.decode("cp1252", "replace")
