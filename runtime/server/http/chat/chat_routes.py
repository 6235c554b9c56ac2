"""The routes under ``/v1``."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any, Literal, NamedTuple

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from setaccio.runtime.server.engine import Engine
from setaccio.runtime.server.http.answers import EventStream, event, finish, result_of, submit
from setaccio.runtime.server.http.body import StrictRoute
from setaccio.runtime.server.http.catalogue import Catalogue
from setaccio.runtime.server.http.chat.chat_answers import (
    Call,
    ChatCompletion,
    Chunks,
    TextCompletion,
    chat_completion,
    chat_logprobs,
    new_id,
    text_completion,
    text_logprobs,
)
from setaccio.runtime.server.http.chat.chat_models import (
    ChatBody,
    CompletionBody,
    Function,
    ObjectFormat,
    SchemaFormat,
    ToolChoice,
)
from setaccio.runtime.server.http.errors import HttpError, documented, error_body
from setaccio.runtime.server.http.extract.extract_models import read_schema
from setaccio.runtime.server.request_types import ChatRequest, ChatResult, Delta
from setaccio.runtime.server.ticket import Ticket

MOST_STOPS = 4


class ModelCard(BaseModel):
    """A model that can be asked for."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["setaccio"] = "setaccio"


class ModelList(BaseModel):
    """All models."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class _Wanted(NamedTuple):
    """The form of an answer: its schema, where that came from, and the function that it calls."""

    schema: dict[str, Any] | None = None
    param: str = "response_format"
    call: Call | None = None


def _streams(model: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    said = "The answer; with `stream` as server-sent events that end with `[DONE]`."
    stream = {"text/event-stream": {"schema": {"type": "string"}}}
    return {200: {"model": model, "description": said, "content": stream}}


def openai_routes(engine: Engine, catalogue: Catalogue, seconds: float) -> APIRouter:
    """The routes.

    Args:
        engine: what answers.
        catalogue: which models there are.
        seconds: time limit of a request.
    """
    router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["OpenAI"])
    began = int(time.time())

    def card(name: str) -> ModelCard:
        return ModelCard(id=name, created=began)

    @router.get("/models", responses=documented())
    async def list_models() -> ModelList:
        """The adapters, and the base."""
        return ModelList(data=[card(name) for name in catalogue.models])

    @router.get("/models/{model}", responses=documented(404))
    async def get_model(model: str) -> ModelCard:
        """One model."""
        catalogue.adapter_of(model)
        return card(model)

    errors = documented(404, 429, 504)

    @router.post(
        "/chat/completions", response_model=None, responses={**errors, **_streams(ChatCompletion)}
    )
    async def complete_chat(body: ChatBody, request: Request) -> Response:
        """Answer a conversation; with `response_format` the answer always fits it."""
        wanted = await run_in_threadpool(_wanted, body)
        messages = [message.turn() for message in body.messages]
        logprobs = (body.top_logprobs or 0) if body.logprobs else None
        if body.top_logprobs and not body.logprobs:
            raise HttpError(400, "top_logprobs: needs logprobs.", param="top_logprobs")
        most = body.max_tokens if body.max_completion_tokens is None else body.max_completion_tokens
        asked = _asked(body, catalogue, seconds, messages, wanted, most, logprobs)
        ticket: Ticket[ChatResult] = await submit(engine, asked, wanted.param)
        if body.stream:
            kind = "chat.completion.chunk"
            chunks = Chunks(kind, body.model, wanted.call, with_usage=body.with_usage)
            return EventStream(_events(ticket, chunks, logprobs, chat=True), ticket.cancel)
        result = _in_time(await finish(ticket, request))
        answer = chat_completion(result, body.model, wanted.call, logprobs=bool(body.logprobs))
        return JSONResponse(answer.model_dump())

    @router.post(
        "/completions", response_model=None, responses={**errors, **_streams(TextCompletion)}
    )
    async def complete_text(body: CompletionBody, request: Request) -> Response:
        """Go on with a text. No chat template is put around it, and it is data as well."""
        prompts = [body.prompt] if isinstance(body.prompt, str) else body.prompt
        if len(prompts) != 1 or not prompts[0]:
            raise HttpError(400, "prompt: give one text that is not empty.", param="prompt")
        asked = _asked(
            body, catalogue, seconds, prompts[0], _Wanted(), body.max_tokens, body.logprobs
        )
        ticket: Ticket[ChatResult] = await submit(engine, asked, "prompt")
        if body.stream:
            chunks = Chunks("text_completion", body.model, None, with_usage=body.with_usage)
            return EventStream(_events(ticket, chunks, body.logprobs, chat=False), ticket.cancel)
        result = _in_time(await finish(ticket, request))
        answer = text_completion(result, body.model, logprobs=body.logprobs)
        return JSONResponse(answer.model_dump())

    return router


def _asked(
    body: ChatBody | CompletionBody,
    catalogue: Catalogue,
    seconds: float,
    messages: list[dict[str, str]] | str,
    wanted: _Wanted,
    *limits: int | None,
) -> ChatRequest:
    most, logprobs = limits
    if len(body.stops) > MOST_STOPS or "" in body.stops:
        said = f"stop: give at most {MOST_STOPS} texts, none of them empty."
        raise HttpError(400, said, param="stop")
    if body.stops and wanted.schema is not None:
        said = f"stop: an answer with a schema ends by itself. Leave stop or {wanted.param} out."
        raise HttpError(400, said, param="stop")
    return ChatRequest(
        messages=messages,
        schema=wanted.schema,
        adapter=catalogue.adapter_of(body.model),
        max_tokens=most,
        temperature=body.temperature or 0.0,
        top_p=1.0 if body.top_p is None else body.top_p,
        seed=body.seed or 0,
        stop=body.stops,
        logprobs=logprobs,
        seconds=seconds,
        stream=bool(body.stream),
    )


def _wanted(body: ChatBody) -> _Wanted:
    """What the answer must be: fits a schema, calls a function, or nothing."""
    asked = body.response_format
    function = _function(body)
    if function is not None:
        if asked is not None and asked.type != "text":
            said = "response_format: not together with tools. Leave one of them out."
            raise HttpError(400, said, param="response_format")
        named = isinstance(body.tool_choice, ToolChoice)
        call = Call(new_id("call"), function.name, "stop" if named else "tool_calls")
        return _Wanted(_read(function.parameters or {"type": "object"}, "tools"), "tools", call)
    if isinstance(asked, SchemaFormat):
        return _Wanted(_read(asked.json_schema.schema_, "response_format"))
    if isinstance(asked, ObjectFormat):
        return _Wanted({"type": "object"})
    return _Wanted()


def _read(schema: dict[str, Any], param: str) -> dict[str, Any]:
    """A schema, unless it says nothing about the answer or can not be enforced."""
    return read_schema(schema, None, param).json_schema


def _function(body: ChatBody) -> Function | None:
    """The one function that the answer must call, if any."""
    choice = body.tool_choice
    if choice == "none" or not (body.tools or choice):
        return None
    tools = {tool.function.name: tool.function for tool in body.tools or []}
    if isinstance(choice, ToolChoice):
        if choice.function.name not in tools:
            raise HttpError(400, "tool_choice: names no function of tools.", param="tool_choice")
        return tools[choice.function.name]
    if choice == "required" and len(tools) == 1:
        return next(iter(tools.values()))
    raise HttpError(
        400,
        "tool_choice: name the one function that the answer is to call; which one it calls is not "
        "left to the model here. Or use response_format.",
        param="tool_choice",
    )


def _in_time(result: ChatResult) -> ChatResult:
    """Refuse an answer that was not begun."""
    if result.finish_reason == "timeout" and not result.completion_tokens:
        raise HttpError(504, "The time limit of a request ran out before it was begun.")
    return result


async def _events(
    ticket: Ticket[ChatResult], chunks: Chunks, logprobs: int | None, *, chat: bool
) -> AsyncIterator[str]:
    for chunk in chunks.first():
        yield event(chunk)
    offset = 0
    try:
        async for delta in ticket:
            yield event(chunks.grown(delta.text, _chances(delta, logprobs, offset, chat)))
            # Of the tokens: the last may have begun before what was held back for a stop string.
            named = b"".join(token.bytes for token in delta.logprobs)
            offset += len(named.decode("utf-8", "replace"))
        for chunk in chunks.last(await result_of(ticket)):
            yield event(chunk)
    except HttpError as error:
        yield event(error_body(error))
    else:
        yield event("[DONE]")


def _chances(delta: Delta, logprobs: int | None, offset: int, chat: bool) -> BaseModel | None:
    if logprobs is None:
        return None
    if chat:
        return chat_logprobs(delta.logprobs)
    return text_logprobs(delta.logprobs, logprobs, offset)
