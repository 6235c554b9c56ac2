"""The GGUF in another llama.cpp build. Run with: pytest tests/export/test_other_build.py"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from export_parts import TEXTS

from setaccio.runtime import TINY_GGUF, load_model
from setaccio.runtime.tokens import decode_tokens, encode_pieces

pytest.importorskip("xllamacpp")

TOKENS = 24
# In a child: a second llama.cpp in one process, and its log, are nobody's business here.
ASK = """
import json, sys, xllamacpp
job = json.load(sys.stdin)
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.n_parallel = job["gguf"], 1024, 1
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


def ours(gguf, task, text, tokens=TOKENS):
    """Greedy tokens of llama-cpp-python on our own prompt."""
    from setaccio.data.prompt import prompt_pieces

    model = load_model(gguf, context=1024, threads=1)
    prompt = encode_pieces(model, prompt_pieces(model.chat, task.messages(text)))
    said = []
    for token in model.llama.generate(prompt, temp=0.0, top_k=1, repeat_penalty=1.0):
        if token == model.llama.token_eos() or len(said) == tokens:
            break
        said.append(token)
    answer = decode_tokens(model, said)
    model.close()
    return len(prompt), answer


def test_template_and_greedy_answer_are_the_same(task):
    text = "For plain rice you need 1 cup rice and salt. Boil the rice. Serve it hot."
    count, answer = ours(TINY_GGUF, task, text)
    found = ask(TINY_GGUF, task.messages(text))
    # Its own reading of the template in the file gives as many prompt tokens: no second BOS.
    assert found["usage"]["prompt_tokens"] == count
    assert found["choices"][0]["message"]["content"] == answer
    assert answer.startswith('{"title":"')


def test_the_answer_stops(task):
    text = "For plain rice you need 1 cup rice. Boil the rice."
    found = ask(TINY_GGUF, task.messages(text), tokens=400)
    assert found["choices"][0]["finish_reason"] == "stop"


def test_what_an_export_wrote_loads(exported, task):
    found = ask(exported.files[1].path, task.messages(TEXTS[1]), tokens=4)
    assert found["usage"]["completion_tokens"] >= 1
