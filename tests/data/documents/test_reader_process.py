"""The processes that read documents: at the same time, killed, given up, slow callers.

Run: pytest tests/data/documents/test_reader_process.py
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from document_files import invoice_pdf, lines_of, make_mail, make_pdf

from setaccio.data.documents import Limits, read_document
from setaccio.data.documents.child import ask
from setaccio.data.records import Document, Problem

SMALL = Limits(memory=600_000_000, cpu_seconds=3, seconds=20)


def helpers() -> list[psutil.Process]:
    own = psutil.Process().children()
    return [child for child in own if "_run_readers" in " ".join(child.cmdline())]


def test_a_helper_that_died_while_it_waited_costs_no_document(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(invoice_pdf())
    read_document(tmp_path / "a.pdf")
    (helper,) = helpers()
    helper.send_signal(signal.SIGKILL)
    helper.wait(10)
    (document,) = read_document(tmp_path / "a.pdf")
    assert isinstance(document, Document)


def test_a_reader_that_ends_early_costs_the_rest_of_its_file(tmp_path: Path) -> None:
    deep = b"<div>" * 500_000  # which takes a minute
    files = [("a.txt", "text/plain", b"kept"), ("deep.html", "text/html", deep)]
    mail = make_mail("the body", files=files).as_bytes()
    items = read_document(mail, "mail.eml", replace(SMALL, cpu_seconds=1))
    assert [getattr(item, "id", "") for item in items[:2]] == ["mail.eml", "mail.eml#a.txt"]
    (problem,) = items[2:]
    assert isinstance(problem, Problem)
    assert problem.source == "mail.eml#..."
    assert "takes more than 1 s" in problem.message


def test_whoever_is_slow_over_one_text_gets_the_others(tmp_path: Path) -> None:
    files = [("i.pdf", "application/pdf", invoice_pdf())]
    (tmp_path / "m.eml").write_bytes(make_mail("body " * 50_000, files=files).as_bytes())
    with (tmp_path / "m.eml").open("rb") as stream:
        items = ask(stream.fileno(), "mail", replace(SMALL, seconds=1))
        next(items)
        time.sleep(1.5)
        assert [(item.name, item.error) for item in items] == [("#i.pdf", "")]


def test_descriptors_above_a_thousand() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1200:
        pytest.skip("the system gives too few descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
    many = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        (document,) = read_document(invoice_pdf(), "a.pdf")
        assert isinstance(document, Document)
    finally:
        for each in many:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_threads_read_at_the_same_time() -> None:
    found: dict[int, object] = {}

    def work(number: int) -> None:
        pdf = make_pdf([lines_of([f"number {number}"])])
        found[number] = [read_document(pdf, "a.pdf") for _ in range(5)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        assert [items[0].text for items in found[number]] == [f"number {number}"] * 5


def test_helpers_end_with_the_process_that_reads(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(invoice_pdf())
    code = (
        "import sys, psutil; from setaccio.data.documents import read_document;"
        "read_document(sys.argv[1]); print(psutil.Process().children()[0].pid, flush=True);"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "a.pdf")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as process:
        assert process.stdout
        helper = psutil.Process(int(process.stdout.readline()))
        process.kill()
    psutil.wait_procs([helper], timeout=20)
    assert not helper.is_running() or helper.status() == psutil.STATUS_ZOMBIE


def test_giving_up_in_the_middle_leaves_a_reader_for_the_next(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(invoice_pdf())
    with (tmp_path / "a.pdf").open("rb") as stream:
        items = ask(stream.fileno(), "pdf", Limits())
        assert next(items).text.startswith("Invoice")
        items.close()  # type: ignore[attr-defined]
