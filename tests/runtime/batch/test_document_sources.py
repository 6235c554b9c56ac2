"""Documents among the sources: which are found, counted, told from others, and kept as texts.

Run: pytest tests/runtime/batch/test_document_sources.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from document_files import invoice_pdf, make_mail
from hypothesis import given
from hypothesis import strategies as st

from setaccio.data.documents import read_document
from setaccio.data.errors import UsageError
from setaccio.data.records import Document
from setaccio.runtime.batch.sources import belongs_to, count_documents, find_sources, read_sources
from setaccio.runtime.batch.text_folder import TextFolder, text_name


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a PDF, an e-mail with an attachment, a text and a picture."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    mail = make_mail(files=[("a#1.pdf", "application/pdf", invoice_pdf())])
    (tmp_path / "in/a.PDF").write_bytes(invoice_pdf())
    (tmp_path / "in/m.eml").write_bytes(mail.as_bytes())
    (tmp_path / "in/n.txt").write_text("text")
    (tmp_path / "in/p.png").write_bytes(b"\x89PNG\r\n")
    return tmp_path


def test_a_folder_holds_texts_and_documents(folder: Path) -> None:
    assert find_sources(["in"]) == ["in"]
    items = list(read_sources(["in"], jsonl=False))
    ids = [item.id for item in items if isinstance(item, Document)]
    assert ids == ["in/a.PDF", "in/m.eml", "in/m.eml#a_1.pdf", "in/n.txt"]
    assert len(ids) == len(items)
    # As JSON Lines only texts are read.
    lines = list(read_sources(["in"], jsonl=True))
    assert {getattr(item, "source", "") for item in lines} == {"in/n.txt"}


def test_only_reading_tells_how_many_documents_an_e_mail_is(folder: Path) -> None:
    assert count_documents(["in"], jsonl=False) is None
    assert count_documents(["in/a.PDF", "in/n.txt"], jsonl=False) == 2


@pytest.mark.parametrize(
    ("identifier", "known"),
    [
        ("in/m.eml", True),
        ("in/m.eml#a_1.pdf", True),
        ("in/m.eml#gone.eml#inner.pdf", True),
        ("in/a.PDF", True),
        ("in/gone.eml#a.pdf", False),
        ("elsewhere/m.eml#a.pdf", False),
        ("in/p.png", False),
    ],
)
def test_what_is_attached_belongs_to_its_message(
    folder: Path, identifier: str, known: bool
) -> None:
    assert belongs_to(identifier, ["in"], jsonl=False) is known
    assert belongs_to(identifier, [identifier.partition("#")[0]], jsonl=False)


def test_texts_stay_inside_their_folder(folder: Path) -> None:
    item = read_document("in/a.PDF", name="../../in/a.PDF")[0]
    plain = read_document("in/n.txt")[0]
    kept = list(TextFolder(Path("texts"), ["in"]).keep([item, None, plain]))
    assert kept == [item, None, plain]
    (written,) = (folder / "texts").rglob("*.txt")
    assert isinstance(item, Document)
    assert written.read_text() == item.text
    for lost in ("in", "in/below", "in/n.txt"):
        with pytest.raises(UsageError, match=lost):
            TextFolder(Path(lost), ["in"])


def test_texts_replace_those_of_a_former_run_and_nothing_else(folder: Path) -> None:
    def keep(name: str, into: str, sources: list[str]) -> None:
        list(TextFolder(Path(into), sources).keep(read_document("in/a.PDF", name=name)))

    for _ in range(2):
        keep("in/a.PDF", "texts", ["in"])
    (folder / "texts/mine.pdf.txt").write_text("mine")
    (folder / "b.pdf.txt").write_text("to be read later")
    (folder / "texts/link.pdf.txt").symlink_to(folder / "elsewhere")
    for name, into, sources in (
        ("mine.pdf", "texts", ["in"]),
        ("b.pdf", ".", ["in/a.PDF", "b.pdf.txt"]),
        ("in/a.PDF", ".", ["in"]),
        ("link.pdf", "texts", ["in"]),
    ):
        with pytest.raises(UsageError, match=r"Move it|lies in what is read"):
            keep(name, into, sources)
    assert (folder / "texts/mine.pdf.txt").read_text() == "mine"
    assert (folder / "b.pdf.txt").read_text() == "to be read later"
    assert not (folder / "in/a.PDF.txt").exists()
    assert not (folder / "elsewhere").exists()
    assert list((folder / "texts/in").iterdir()) == [folder / "texts/in/a.PDF.txt"]
    with pytest.raises(UsageError, match="is a file"):
        TextFolder(Path("b.pdf.txt/texts"), ["in"])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_can_not_be_written_is_said_at_once(folder: Path) -> None:
    (folder / "locked").mkdir(mode=0o500)
    with pytest.raises(UsageError, match="can not be written"):
        TextFolder(Path("locked/texts"), ["in"])


@given(st.text(min_size=1), st.text(min_size=1))
def test_names_of_texts_are_safe_and_differ(one: str, other: str) -> None:
    name = text_name(one)
    assert (name == text_name(other)) is (one == other)
    parts = name.split("/")
    assert all(part not in ("", ".", "..") for part in parts)
    assert all(len(part.encode()) <= 255 for part in parts)
    assert "\0" not in name


def test_sources_load_no_reader_of_documents() -> None:
    code = (
        "import sys, setaccio.runtime.batch.sources;"
        "print({'pypdfium2', 'openpyxl', 'selectolax', 'xml'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.stdout.strip() == "set()"
