"""The review as a process: what it serves and refuses, and that a kill loses nothing.

Run: pytest tests/runtime/server/review/test_review_app.py
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
from cli_process import environment
from review_parts import ANSWERS, review_folder
from served import review_cli

from setaccio.data.records import load_pairs

OUT = "corrections.jsonl"


def _gold(number: int, url: str) -> dict[str, Any]:
    shown = httpx.get(f"{url}/rows/{number}").json()
    return {"gold": shown["row"]["data"]}


def test_a_kill_loses_nothing_and_the_next_start_goes_on(tmp_path: Path) -> None:
    flags = [*review_folder(tmp_path)]
    flags.insert(1, "--texts")
    out = tmp_path / OUT
    with review_cli(*flags, folder=tmp_path) as served:
        state = httpx.get(f"{served.url}/review").json()
        assert (state["rows"], state["must"], state["next"]) == (4, 1, 0)
        said = httpx.post(f"{served.url}/rows/0", json={"skip": True}).json()
        assert said["next"] == 1
        said = httpx.post(f"{served.url}/rows/1", json=_gold(1, served.url)).json()
        assert (said["verdict"], said["next"]) == ("accepted", 2)
        served.process.kill()
        served.process.wait()
    assert [pair.id for pair in load_pairs(out)[0]] == ["c"]
    with out.open("ab") as stream:
        stream.write(b'{"id":"a","text":"Spon')
    with review_cli(*flags, folder=tmp_path) as served:
        state = httpx.get(f"{served.url}/review").json()
        assert (state["next"], state["counts"]) == (2, {"accepted": 1, "skipped": 1})
        for number in (2, 3):
            said = httpx.post(f"{served.url}/rows/{number}", json=_gold(number, served.url)).json()
        assert said["next"] == 0
        assert httpx.get(f"{served.url}/rows/0").json()["verdict"] == "skipped"
        gold = {"title": "", "ingredients": [], "directions": []}
        said = httpx.post(f"{served.url}/rows/0", json={"gold": gold}).json()
        assert (said["verdict"], said["next"]) == ("corrected", None)
        assert served.end(signal.SIGINT) == 130
        assert "3 accepted, 1 corrected, 0 skipped, 0 not looked at" in served.said
    assert [pair.id for pair in load_pairs(out)[0]] == ["c", "a", "b", "d"]
    assert not (tmp_path / f"{OUT}.skipped").exists()


def test_what_does_not_fit_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    results, texts = review_folder(tmp_path)
    with review_cli(results, "--texts", texts, folder=tmp_path) as served:
        for body in ({"gold": {"title": 3}}, {}, {"gold": None}, {"gold": []}, {"other": 1}):
            refused = httpx.post(f"{served.url}/rows/1", json=body)
            assert refused.status_code == 400, body
        fault = httpx.post(f"{served.url}/rows/1", json={"gold": {"title": 3}}).json()["error"]
        assert "$.title" in fault["message"]
        assert httpx.get(f"{served.url}/rows/4").status_code == 404
        assert httpx.post(f"{served.url}/rows/-1", json={"skip": True}).status_code == 404
        assert not (tmp_path / OUT).exists()


def test_only_this_machine_and_this_page_may_ask(tmp_path: Path) -> None:
    results, texts = review_folder(tmp_path)
    with review_cli(results, "--texts", texts, folder=tmp_path) as served:
        for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}):
            for path in ("rows/1", "end"):
                refused = httpx.post(f"{served.url}/{path}", json={"skip": True}, headers=headers)
                assert refused.status_code == 403
        page = httpx.get(f"{served.url}/")
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'" in policy
        assert "unsafe" not in policy
        assert httpx.get(f"{served.url}/page/../../../../review.py").status_code == 404
        assert httpx.post(f"{served.url}/end").status_code == 204
        assert served.process.wait(60) == 0


def test_numbers_keep_their_digits(tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_text(
        '{"title": "n", "type": "object", "properties": {"n": {"type": "integer"}},'
        ' "required": ["n"], "additionalProperties": false}'
    )
    long = "12345678901234567890"
    results = tmp_path / "r.jsonl"
    results.write_text(
        f'{{"id":"a","status":"ok","data":{{"n":{long}}},"text":"{long}","task":"n"}}\n'
    )
    with review_cli(results, "--schema", schema, folder=tmp_path) as served:
        assert f'"n":{long}' in httpx.get(f"{served.url}/rows/0").text
        body = f'{{"gold":{{"n":{long}}}}}'
        headers = {"Content-Type": "application/json"}
        said = httpx.post(f"{served.url}/rows/0", content=body, headers=headers).json()
        assert said["verdict"] == "accepted"
    assert f'"gold":{{"n":{long}}}' in (tmp_path / OUT).read_text()


def test_neither_llama_cpp_nor_torch_is_loaded(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "import setaccio.cli.review, setaccio.runtime.batch.sources\n"
        "import setaccio.runtime.server.http.serving, setaccio.runtime.server.review.review_app\n"
        "sys.exit(str({'llama_cpp', 'torch', 'transformers', 'outlines'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    assert done.stderr.strip() == "set()"


def test_answers_are_as_they_were(tmp_path: Path) -> None:
    results, texts = review_folder(tmp_path)
    with review_cli(results, "--texts", texts, folder=tmp_path) as served:
        shown = httpx.get(f"{served.url}/rows/1").json()
    assert shown["row"]["data"] == ANSWERS["c"]
    assert shown["row"]["text"] == "Soup with carrots and salt."
    assert shown["verdict"] is None
