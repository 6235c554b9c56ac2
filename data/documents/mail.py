"""An e-mail as text, and its attachments as documents of their own.

The text is the headers that a reader sees (From, To, Cc, Date, Subject, and the attachments'
names) and the body: the plain part, or the HTML part where there is none or where it says much
more. A passage's part is the name of its header, or the number of its body part as IMAP counts.
"""

from __future__ import annotations

import contextlib
import re
from email import policy
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesParser
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from setaccio.data.documents.extracted import Extracted
from setaccio.data.documents.kinds import (
    ATTACHED_TEXTS,
    KINDS,
    kind_of,
    require_reader,
    suffix_of,
)
from setaccio.data.errors import UnreadableError
from setaccio.data.files.encodings import decode_text

HEADERS = ("From", "To", "Cc", "Date", "Subject")
MUCH_MORE = 4
"""The HTML part is taken where it has so many times the words of the plain one."""
_SHOWN = 5
_NAME = 120
_NO_NAME = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069#]+")
_TAGS = re.compile(rb"<(style|script)\b.*?</\1>|<[^>]*>", re.S | re.I)
_CHARSET = re.compile(r"[\w.:-]+")
_BROKEN = (ValueError, LookupError, TypeError, AssertionError, MessageError)
"""What the standard library raises of a broken header."""
_MESSAGES = frozenset({"message/rfc822", "message/global"})
_EXTENSIONS = {
    "application/pdf": ".pdf",
    "text/html": ".html",
    "text/plain": ".txt",
    "text/csv": ".csv",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}


class _Part(NamedTuple):
    """A part of a message and its number."""

    message: Message
    number: str

    @property
    def type(self) -> str:
        return self.message.get_content_type()

    @property
    def name(self) -> str:
        try:
            given = self.message.get_filename() or ""
        except _BROKEN:
            given = ""
        return _decode(given)

    @property
    def data(self) -> bytes:
        try:
            payload = self.message.get_payload(decode=True)
        except _BROKEN:
            payload = None
        return payload if isinstance(payload, bytes) else b""


class Attachment(NamedTuple):
    """An attachment that holds text.

    Attributes:
        name: its own among those of the message, and no path.
        kind: a key of :data:`setaccio.data.documents.kinds.KINDS`, or None for a plain text.
        part: where it is.
    """

    name: str
    kind: str | None
    part: _Part

    def data(self) -> bytes:
        """Its bytes."""
        return _content(self.part)

    def write(self, out: Extracted) -> None:
        """Write its text, where it is a plain one."""
        out.write(decode_text(self.data(), _charset(self.part.message)).strip())


class Mail:
    """A parsed e-mail.

    Args:
        data: the file.

    Attributes:
        attachments: those that hold text, in order.
        unread: names of those that do not; pictures that the body shows, mostly logos, left out.

    Raises:
        UnreadableError: it is no e-mail.
    """

    def __init__(self, data: bytes) -> None:
        self._message = BytesParser(policy=policy.compat32).parsebytes(data)
        if not any(self._message[name] for name in (*HEADERS, "Content-Type")):
            raise UnreadableError("is no e-mail: it has no header. Check what it is.")
        self._bodies: list[_Part] = []
        attached: list[_Part] = []
        _sort_out(_Part(self._message, ""), self._bodies, attached)
        self._names = _names(attached)
        self.attachments: list[Attachment] = []
        self.unread: list[str] = []
        for part, name in zip(attached, self._names, strict=True):
            head = _content(part)[:1024]
            is_mail = part.type in _MESSAGES
            kind = "mail" if is_mail else kind_of(head, _typed_name(part, name))
            is_text = part.type.startswith("text/") or suffix_of(name) in ATTACHED_TEXTS
            if kind in KINDS or (kind is None and is_text):
                self.attachments.append(Attachment(name, kind, part))
            elif not (kind == "picture" and part.message["Content-ID"]):
                self.unread.append(name)

    def write(self, out: Extracted) -> None:
        """Write the headers and the body.

        Raises:
            MissingExtraError: the body is a web page, and what reads it is not installed.
        """
        for name in HEADERS:
            value = ", ".join(_decode(str(each)) for each in self._message.get_all(name, []))
            if value.strip():
                out.in_part(f"{name}: {value}", name)
                out.write("\n")
        if self._names:
            out.in_part(f"Attachments: {', '.join(self._names)}", "Attachments")
            out.write("\n")
        out.end_line(blank=True)
        for part in self._bodies:
            _write_body(part, out)
        if self.unread:
            more = f" and {len(self.unread) - _SHOWN} more" if self.unread[_SHOWN:] else ""
            shown = ", ".join(self.unread[:_SHOWN])
            out.places.note = f"Attachments that were not read: {shown}{more}."


def _write_body(part: _Part, out: Extracted) -> None:
    charset = _charset(part.message)
    if part.type == "text/html":
        require_reader("web page")
        from setaccio.data.documents.web_page import read_web_page

        with contextlib.suppress(UnreadableError):  # an empty body, beside the headers
            read_web_page(part.data, out, charset, part.number)
    else:
        text = decode_text(part.data, charset).replace("\r\n", "\n").strip()
        if text:
            out.in_part(text, part.number)
    out.end_line(blank=True)


def _sort_out(root: _Part, bodies: list[_Part], attached: list[_Part]) -> None:
    """Which parts are the body, and which are attached."""
    stack = [root]
    while stack:
        part = stack.pop()
        message, kind = part.message, part.type
        payload: Any = message.get_payload()
        inside = payload if isinstance(payload, list) else []
        if kind in _MESSAGES or part.name or message.get_content_disposition() == "attachment":
            attached.append(part)
        elif kind == "multipart/alternative":
            _choose(part, inside, bodies, attached)
        elif inside:
            prefix = f"{part.number}." if part.number else ""
            numbered = [_Part(each, f"{prefix}{n}") for n, each in enumerate(inside, 1)]
            stack.extend(reversed(numbered))
        elif kind in ("text/plain", "text/html"):
            bodies.append(part if part.number else _Part(message, "1"))
        elif not kind.startswith("multipart/"):
            attached.append(part if part.number else _Part(message, "1"))


def _choose(part: _Part, inside: list[Message], bodies: list[_Part], attached: list[_Part]) -> None:
    """The plain part of alternatives, or the HTML part."""
    prefix = f"{part.number}." if part.number else ""
    found: list[_Part] = []
    for number, each in enumerate(inside, 1):
        _sort_out(_Part(each, f"{prefix}{number}"), found, attached)
    plain = [each for each in found if each.type == "text/plain"]
    pages = [each for each in found if each.type == "text/html"]
    said = sum(len(each.data.split()) for each in plain)
    shown = sum(len(_TAGS.sub(b" ", each.data).split()) for each in pages)
    bodies += pages if pages and shown > MUCH_MORE * said else plain or pages


def _charset(message: Message) -> str | None:
    try:
        charset = message.get_content_charset()
    except _BROKEN:
        return None
    return charset if charset and _CHARSET.fullmatch(charset) else None


def _decode(value: str) -> str:
    """A header's value, encoded words decoded, on one line."""
    value = decode_text(value.encode("utf-8", "surrogateescape"))
    with contextlib.suppress(*_BROKEN):
        value = str(make_header(decode_header(value)))  # broken encoded words stay as they are
    return " ".join(value.encode("utf-8", "replace").decode().split())


def _content(part: _Part) -> bytes:
    payload: Any = part.message.get_payload()
    if part.type in _MESSAGES and isinstance(payload, list) and payload:
        return bytes(payload[0].as_bytes(policy=policy.compat32))
    return part.data


def _typed_name(part: _Part, name: str) -> str:
    """The name by which an attachment's kind is told, its type where the name tells nothing."""
    return name if suffix_of(name) else name + _EXTENSIONS.get(part.type, "")


def _names(parts: list[_Part]) -> list[str]:
    """A name for each attachment, none twice, and none that leads out of a folder."""
    taken: set[str] = set()
    names = []
    for part in parts:
        name = _NO_NAME.sub("_", re.split(r"[/\\]", part.name)[-1]).strip(" .")[-_NAME:]
        if not name:
            is_mail = part.type in _MESSAGES
            name = ("message" if is_mail else "part") + f" {part.number or 1}"
            name += ".eml" if is_mail else _EXTENSIONS.get(part.type, "")
        path, count = PurePosixPath(name), 1
        while name.lower() in taken:
            count += 1
            name = f"{path.stem} ({count}){path.suffix}"
        taken.add(name.lower())
        names.append(name)
    return names
