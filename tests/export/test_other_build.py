"""The GGUF in another llama.cpp build. Run with: pytest tests/export/test_other_build.py"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from export_parts import TEXTS

from setaccio.runtime import Extractor

pytest.importorskip("xllamacpp")

TOKENS, LONGEST = 24, 400
# In a child: a second llama.cpp in one process, and its log, are nobody's business here.
ASK = """
import json, sys, xllamacpp
job = json.load(sys.stdin)
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.n_parallel = job["gguf"], 2048, 1
params.n_gpu_layers, params.warmup, params.offline, params.use_jinja = 0, False, True, True
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
server = xllamacpp.Server(params)
request = {"messages": job["messages"], "temperature": 0, "max_tokens": job["tokens"]}
answer = server.handle_chat_completions(request)
print("ANSWER" + json.dumps(answer if isinstance(answer, dict) else json.loads(answer)))
"""


def ask(gguf, messages, tokens=TOKENS):
    job = {"gguf": str(gguf), "messages": messages, "tokens": tokens}
    done = subprocess.run(
        [sys.executable, "-c", ASK], input=json.dumps(job), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.startswith("ANSWER")]
    assert lines, done.stderr[-2000:]
    return json.loads(lines[0].removeprefix("ANSWER"))


def ours(gguf, text, tokens=TOKENS):
    """Greedy free decoding by our own runtime."""
    extractor = Extractor(
        gguf, constraint="none", max_tokens=tokens, stop_repetition=False, parallel=1
    )
    found = extractor.extract(text)
    extractor.model.close()
    return found


def test_template_and_greedy_answer_are_the_same(tiny_gguf, task):
    text = "For plain rice you need 1 cup rice and salt. Boil the rice. Serve it hot."
    expected = ours(tiny_gguf, text)
    found = ask(tiny_gguf, task.messages(text))
    # Its own reading of the template in the file gives as many prompt tokens: no second BOS.
    assert found["usage"]["prompt_tokens"] == expected.prompt_tokens
    assert found["choices"][0]["message"]["content"] == expected.raw
    assert expected.completion_tokens == TOKENS and expected.raw.startswith('{"title":"')


def test_an_answer_that_ends_here_ends_there(tiny_gguf, task, recipe_pairs):
    for pair in (pair for pair in recipe_pairs if len(pair.text) < 500):
        expected = ours(tiny_gguf, pair.text, LONGEST)
        if expected.finish_reason == "stop":
            break
    else:
        pytest.fail("no answer of the tiny model ends; its end token is lost, or it is untrained")
    found = ask(tiny_gguf, task.messages(pair.text), tokens=LONGEST)
    assert found["choices"][0]["finish_reason"] == "stop"
    assert found["choices"][0]["message"]["content"] == expected.raw


def test_what_an_export_wrote_loads(exported, task):
    found = ask(exported.files[1].path, task.messages(TEXTS[1]), tokens=4)
    assert found["usage"]["completion_tokens"] >= 1
