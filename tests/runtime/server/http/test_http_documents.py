"""Files: their texts, and the rows of the command line with page and box, part, and faults.

They are read in a process of its own, within limits.

Run: pytest tests/runtime/server/http/test_http_documents.py
"""

from __future__ import annotations

import base64
import json
import subprocess
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from cli_process import COMMAND, environment
from document_files import encrypted_pdf, lines_of, make_mail, make_pdf, scanned_pdf
from starlette.testclient import TestClient
from test_http_extract import CAKE, events, without_time

pytest.importorskip("pypdfium2")

CAKE_PDF = make_pdf([lines_of(CAKE.replace(". ", ".\n").splitlines())])
FILES = {
    "cake.pdf": CAKE_PDF,
    "scan.pdf": scanned_pdf(),
    "half.pdf": scanned_pdf(["Soup. Boil 1 l water with 2 carrots."]),
    "secret.pdf": encrypted_pdf(),
    "mail.eml": make_mail(CAKE, files=[("tea.pdf", "application/pdf", CAKE_PDF)]).as_bytes(),
    "tea.txt": b"Tea. Pour 200 ml water on 1 tea bag.",
}


def sent(name: str, content: bytes) -> dict[str, str]:
    return {"id": name, "content": base64.b64encode(content).decode()}


def of_answer(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what the command line and a server do not have in common."""
    return {key: value for key, value in without_time(row).items() if key != "key"}


def test_files_give_the_rows_of_the_command_line(
    client: TestClient, tiny_gguf: Path, tmp_path: Path
) -> None:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    done = subprocess.run(
        [*COMMAND, "extract", *FILES, "--model", str(tiny_gguf), "--out", "rows.jsonl"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1  # two of them can not be read
    lines = (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    documents = [sent(name, content) for name, content in FILES.items()]
    rows = client.post("/extract", json={"documents": documents, "task": "recipe"}).json()["rows"]
    assert list(map(of_answer, rows)) == [of_answer(json.loads(line)) for line in lines]
    found = {row["id"]: row for row in rows}
    title = found["cake.pdf"]["spans"]["/title"]
    assert title["page"] == 1 and len(title["box"]) == 4
    spans = found["mail.eml"]["spans"].values()
    assert {span["part"] for span in spans} & {"1", "1.1", "From"}
    assert found["mail.eml#tea.pdf"]["spans"]["/title"] == title
    assert "no text layer" in found["scan.pdf"]["message"]
    assert "page" in found["half.pdf"]["message"]


def test_what_texts_gives_is_what_extract_takes(client: TestClient) -> None:
    kind = {"Content-Type": "application/octet-stream"}
    read = client.post("/texts?name=mail.eml", content=FILES["mail.eml"], headers=kind).json()
    assert [set(each) for each in read["documents"]] == [{"id", "text", "note", "places"}] * 2
    asked = {"documents": read["documents"], "task": "recipe"}
    rows = client.post("/extract", json=asked).json()["rows"]
    whole = {"documents": [sent("mail.eml", FILES["mail.eml"])], "task": "recipe"}
    expected = client.post("/extract", json=whole).json()["rows"]
    assert list(map(without_time, rows)) == list(map(without_time, expected))
    alone = {**asked, "documents": read["documents"][1:], "stream": True}
    *_, (name, row) = events(client.post("/extract", json=alone).text)
    assert name == "done"
    assert without_time(row) == without_time(expected[1])


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"id": "a"}, "either a text or a content"),
        ({"id": "a", "text": "b", "content": "Yg=="}, "either a text or a content"),
        ({"id": "a", "content": "no base 64"}, "base 64"),
        ({"id": "a", "text": "b", "places": {"arrays": ["AAAA"], "names": []}}, "no map"),
        ({"id": "a", "text": "b", "places": {"arrays": ["A"] * 4, "names": []}}, "no map"),
        ({"id": "a", "text": "b", "places": {"arrays": [], "names": ["x"]}}, "no map"),
        ({"id": "a", "text": "b", "places": {"arrays": [], "names": [], "more": 1}}, "more"),
    ],
)
def test_what_is_no_document_is_refused(
    client: TestClient, document: dict[str, Any], words: str
) -> None:
    answer = client.post("/extract", json={"documents": [document], "task": "recipe"})
    assert answer.status_code == 400
    assert words in answer.json()["error"]["message"]


def test_a_file_is_not_streamed(client: TestClient) -> None:
    asked = {"documents": [sent("a.pdf", CAKE_PDF)], "task": "recipe", "stream": True}
    answer = client.post("/extract", json=asked)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "stream")


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
