"""Clients that people use, unchanged, against a real server.

Those of the extra `serve-test` are skipped where they are not installed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from cli_process import environment
from openai import LengthFinishReasonError, NotFoundError, OpenAI, RateLimitError
from pydantic import BaseModel, ConfigDict, Field
from served import Served, serve_cli

MODEL = "tiny-recipe-q8_0"
CAKE = "Sponge cake. Beat 2 eggs with 50 g sugar. Bake for 25 minutes."
ASKED = [{"role": "user", "content": CAKE}]


class Guest(BaseModel):
    """A guest of the restaurant."""

    model_config = ConfigDict(extra="forbid")  # or else a small model goes on with other keys

    name: str = Field(max_length=8)
    people: int = Field(ge=1, le=9)


@pytest.fixture
def openai(server: Served) -> OpenAI:
    return OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)


def test_openai_lists_models(openai: OpenAI) -> None:
    assert [model.id for model in openai.models.list()] == ["names", MODEL]
    assert openai.models.retrieve("names").id == "names"
    with pytest.raises(NotFoundError, match="no model of that name"):
        openai.models.retrieve("gpt-4o")


def test_openai_chats_and_streams(openai: OpenAI) -> None:
    asked = {"model": MODEL, "messages": ASKED, "max_tokens": 12}
    whole = openai.chat.completions.create(**asked, logprobs=True, top_logprobs=2)
    (choice,) = whole.choices
    assert len(choice.logprobs.content) == whole.usage.completion_tokens == 12
    stream = openai.chat.completions.create(
        **asked, stream=True, stream_options={"include_usage": True}
    )
    *parts, last = list(stream)
    text = "".join(part.choices[0].delta.content or "" for part in parts)
    assert text == choice.message.content
    assert last.usage == whole.usage


@pytest.mark.parametrize("model", [MODEL, "names"])
def test_openai_parses_into_a_class(openai: OpenAI, model: str) -> None:
    answer = openai.chat.completions.parse(model=model, messages=ASKED, response_format=Guest)
    assert isinstance(answer.choices[0].message.parsed, Guest)


def test_openai_says_that_an_answer_was_cut_off(openai: OpenAI) -> None:
    with pytest.raises(LengthFinishReasonError):
        openai.chat.completions.parse(
            model=MODEL, messages=ASKED, response_format=Guest, max_tokens=2
        )


def test_openai_streams_a_class(openai: OpenAI) -> None:
    with openai.chat.completions.stream(
        model=MODEL, messages=ASKED, response_format=Guest
    ) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_completion()
    assert kinds[-1] == "content.done"
    assert isinstance(final.choices[0].message.parsed, Guest)


def test_openai_completes_a_text(openai: OpenAI) -> None:
    asked = {"model": MODEL, "prompt": "A cake", "max_tokens": 5}
    whole = openai.completions.create(**asked)
    parts = openai.completions.create(**asked, stream=True)
    assert "".join(part.choices[0].text for part in parts) == whole.choices[0].text


def test_openai_comes_again_when_the_queue_is_full(tiny_gguf: Path) -> None:
    with serve_cli(tiny_gguf, "--parallel", 1, "--queue", 1) as served:
        openai = OpenAI(base_url=f"{served.url}/v1", api_key="none", max_retries=0)
        asked = {"model": MODEL, "messages": ASKED, "max_tokens": 400, "temperature": 1.0}
        streams = [openai.chat.completions.create(**asked, stream=True) for _ in range(1)]
        with pytest.raises(RateLimitError) as refused:
            for _ in range(30):
                streams.append(openai.chat.completions.create(**asked, stream=True))
        assert int(refused.value.response.headers["retry-after"]) >= 1
        for stream in streams:
            stream.close()
        patient = openai.with_options(max_retries=10)
        assert patient.chat.completions.create(**{**asked, "max_tokens": 2}).choices


@pytest.mark.parametrize("mode", ["TOOLS", "JSON_SCHEMA"])
def test_instructor(server: Served, mode: str) -> None:
    pytest.importorskip("docstring_parser")  # which instructor imports when it is used
    instructor = pytest.importorskip("instructor", exc_type=ImportError)
    client = instructor.from_openai(
        OpenAI(base_url=f"{server.url}/v1", api_key="none"), mode=instructor.Mode[mode]
    )
    guest = client.create(model=MODEL, messages=ASKED, response_model=Guest, max_retries=1)
    assert isinstance(guest, Guest)


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_langchain(server: Served, method: str) -> None:
    langchain = pytest.importorskip("langchain_openai", exc_type=ImportError)
    chat = langchain.ChatOpenAI(
        model=MODEL, base_url=f"{server.url}/v1", api_key="none", temperature=0, max_retries=0
    )
    assert isinstance(chat.with_structured_output(Guest, method=method).invoke(CAKE), Guest)
    short = chat.bind(max_tokens=5)
    assert "".join(part.text for part in short.stream(CAKE)) == short.invoke(CAKE).text


def test_langextract(server: Served) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        langextract = pytest.importorskip("langextract", exc_type=ImportError)
        from langextract.providers.openai import OpenAILanguageModel

        model = OpenAILanguageModel(model_id=MODEL, api_key="none", base_url=f"{server.url}/v1")
        ((scored,),) = list(model.infer([CAKE]))
    assert isinstance(json.loads(scored.output), dict)
    assert langextract.extract


def test_llm(server: Served, tmp_path: Path) -> None:
    pytest.importorskip("llm", exc_type=ImportError)
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: tiny\n  model_name: {MODEL}\n  api_base: {server.url}/v1\n"
        "  supports_schema: true\n"
    )
    schema = json.dumps(Guest.model_json_schema())
    done = subprocess.run(
        [sys.executable, "-m", "llm", "-m", "tiny", "--schema", schema, "--key", "none", CAKE],
        capture_output=True,
        env=environment(LLM_USER_PATH=str(tmp_path)),
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert Guest.model_validate_json(done.stdout)
