"""Documents that are no plain text, read by the server: in a process of its own, within limits."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from starlette.testclient import TestClient


def texts(client: TestClient, name: str, content: bytes) -> dict:
    answer = client.post(
        "/texts",
        params={"name": name},
        content=content,
        headers={"Content-Type": "application/octet-stream"},
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_page_gives_its_text_and_runs_nothing(client: TestClient):
    page = b"<html><body><p>Sponge cake</p><script>alert(1)</script></body></html>"
    (found,) = texts(client, "cake.html", page)["documents"]
    assert found == {"id": "cake.html", "text": "Sponge cake", "note": ""}


def test_a_mail_and_its_attachment_are_two_documents(client: TestClient):
    message = EmailMessage()
    message["Subject"] = "Tea"
    message.set_content("Pour water on it.")
    message.add_attachment("Boil 2 eggs.", filename="eggs.txt")
    found = texts(client, "tea.eml", message.as_bytes())["documents"]
    assert [one["id"] for one in found] == ["tea.eml", "tea.eml#eggs.txt"]
    assert "Pour water on it." in found[0]["text"] and "Boil 2 eggs." in found[1]["text"]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("broken.pdf", b"%PDF-1.7 and no more", "broken.pdf"),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "picture.png"),
        ("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 40, "old.doc"),
        ("empty.docx", b"", "empty.docx"),
        ("../../etc/passwd", b"\xff\xfe", "UTF-8"),
    ],
)
def test_what_can_not_be_read_is_said(client: TestClient, name: str, content: bytes, words: str):
    found = texts(client, name, content)
    assert not found["documents"]
    assert words in found["problems"][0]


def test_a_file_over_the_limit_of_bodies_is_refused(client: TestClient):
    assert client.post("/texts", content=b"x" * 30_000).status_code == 413
