"""What ``/v1`` answers: the shapes that OpenAI's clients read, whole or as chunks of a stream.

Beside OpenAI's fields a choice has a ``status``, as documents have one: ``length`` alone does not
say whether the budget ran out or the answer went round in circles.
"""

from __future__ import annotations

import codecs
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field

from setaccio.runtime.server.request_types import ChatResult, TokenLogprob

Finish = Literal["stop", "length", "tool_calls"]
ChatStatus = Literal["ok", "truncated_output", "repetition"]
LEAST_LOGPROB = -9999.0
"""What stands for a probability of nought, which JSON has no logarithm of."""


class TokenUsage(BaseModel):
    """Counts of tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class TopLogprob(BaseModel):
    """A token that might have been taken."""

    token: str
    logprob: float
    bytes: list[int]


class ContentLogprob(TopLogprob):
    """A token of the answer."""

    top_logprobs: list[TopLogprob]


class ChatLogprobs(BaseModel):
    """The chances of a chat's tokens."""

    content: list[ContentLogprob]
    refusal: None = None


class CalledFunction(BaseModel):
    """The function that is called."""

    name: str
    arguments: str = Field(description="JSON that fits the function's parameters")


class AnsweredCall(BaseModel):
    """A call that the answer makes."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class AnswerMessage(BaseModel):
    """What the model says."""

    role: Literal["assistant"] = "assistant"
    content: str | None
    refusal: None = None
    tool_calls: list[AnsweredCall] | None = None


class ChatChoice(BaseModel):
    """The answer of a chat."""

    index: Literal[0] = 0
    message: AnswerMessage
    finish_reason: Finish
    status: ChatStatus = Field(description="`ok`: whole; otherwise closed where it stood")
    logprobs: ChatLogprobs | None = None


class _Completed(BaseModel):
    id: str
    created: int
    model: str
    system_fingerprint: None = None
    usage: TokenUsage


class ChatCompletion(_Completed):
    """A chat's answer."""

    object: Literal["chat.completion"] = "chat.completion"
    choices: list[ChatChoice]


class TextLogprobs(BaseModel):
    """The chances of a text's tokens."""

    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]] | None
    text_offset: list[int]


class TextChoice(BaseModel):
    """The text that follows a prompt."""

    index: Literal[0] = 0
    text: str
    finish_reason: Finish
    status: ChatStatus
    logprobs: TextLogprobs | None = None


class TextCompletion(_Completed):
    """What follows a prompt."""

    object: Literal["text_completion"] = "text_completion"
    choices: list[TextChoice]


class Call(NamedTuple):
    """The function that an answer was made to call.

    Attributes:
        id: of the call.
        name: of the function.
        finish: the reason that is told when it is complete.
    """

    id: str
    name: str
    finish: Finish


def new_id(kind: str) -> str:
    """An identifier such as ``chatcmpl-...``."""
    return f"{kind}-{uuid.uuid4().hex}"


def ended(result: ChatResult, call: Call | None = None) -> tuple[Finish, ChatStatus]:
    """How an answer ended, in OpenAI's words and in ours."""
    if result.finish_reason == "stop" and result.complete:
        return call.finish if call else "stop", "ok"
    return "length", "repetition" if result.finish_reason == "repetition" else "truncated_output"


def usage_of(result: ChatResult) -> TokenUsage:
    """The counts of an answer."""
    return TokenUsage(
        prompt_tokens=result.prompt_tokens,
        completion_tokens=result.completion_tokens,
        total_tokens=result.prompt_tokens + result.completion_tokens,
    )


def chat_completion(
    result: ChatResult, model: str, call: Call | None, *, logprobs: bool
) -> ChatCompletion:
    """The whole answer of a chat."""
    finish, status = ended(result, call)
    message = AnswerMessage(content=None if call else result.text)
    if call:
        function = CalledFunction(name=call.name, arguments=result.text)
        message.tool_calls = [AnsweredCall(id=call.id, function=function)]
    choice = ChatChoice(
        message=message,
        finish_reason=finish,
        status=status,
        logprobs=chat_logprobs(result.logprobs) if logprobs else None,
    )
    return ChatCompletion(
        id=new_id("chatcmpl"),
        created=int(time.time()),
        model=model,
        usage=usage_of(result),
        choices=[choice],
    )


def text_completion(result: ChatResult, model: str, *, logprobs: int | None) -> TextCompletion:
    """The whole answer to a bare prompt."""
    finish, status = ended(result)
    chances = None if logprobs is None else text_logprobs(result.logprobs, logprobs)
    choice = TextChoice(text=result.text, finish_reason=finish, status=status, logprobs=chances)
    return TextCompletion(
        id=new_id("cmpl"),
        created=int(time.time()),
        model=model,
        usage=usage_of(result),
        choices=[choice],
    )


def _top(token: TokenLogprob) -> dict[str, Any]:
    chance = max(token.logprob, LEAST_LOGPROB)
    return {"token": token.text, "logprob": chance, "bytes": list(token.bytes)}


def chat_logprobs(tokens: Iterable[TokenLogprob]) -> ChatLogprobs:
    """Chances as chats have them."""
    content = [
        ContentLogprob(**_top(token), top_logprobs=[TopLogprob(**_top(each)) for each in token.top])
        for token in tokens
    ]
    return ChatLogprobs(content=content)


def text_logprobs(tokens: Iterable[TokenLogprob], most: int, offset: int = 0) -> TextLogprobs:
    """Chances as bare completions have them.

    Args:
        tokens: of the text.
        most: how many others to name beside each.
        offset: characters before the first.
    """
    tokens = list(tokens)
    offsets = []
    decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a character may be of two tokens
    for token in tokens:
        offsets.append(offset)
        offset += len(decoder.decode(token.bytes))
    top = [{each.text: max(each.logprob, LEAST_LOGPROB) for each in t.top} for t in tokens]
    return TextLogprobs(
        tokens=[token.text for token in tokens],
        token_logprobs=[max(token.logprob, LEAST_LOGPROB) for token in tokens],
        top_logprobs=top if most else None,
        text_offset=offsets,
    )


class Chunks:
    """The chunks of one stream.

    Args:
        kind: ``chat.completion.chunk`` or ``text_completion``.
        model: as it was asked for.
        call: the function that the answer calls, if any.
        with_usage: whether the counts come at the end.
    """

    def __init__(self, kind: str, model: str, call: Call | None, *, with_usage: bool) -> None:
        self._chat = kind.startswith("chat")
        self._call, self._with_usage = call, with_usage
        self._head = {
            "id": new_id("chatcmpl" if self._chat else "cmpl"),
            "object": kind,
            "created": int(time.time()),
            "model": model,
            "system_fingerprint": None,
        }

    def _chunk(self, part: dict[str, Any], **more: Any) -> dict[str, Any]:
        choice = {"index": 0, **part, "logprobs": None, "finish_reason": None, **more}
        usage = {"usage": None} if self._with_usage else {}
        return {**self._head, "choices": [choice], **usage}

    def first(self) -> Iterator[dict[str, Any]]:
        """What a chat begins with."""
        if not self._chat:
            return
        delta: dict[str, Any] = {"role": "assistant", "content": None if self._call else ""}
        if self._call:
            function = {"name": self._call.name, "arguments": ""}
            call = {"index": 0, "id": self._call.id, "type": "function", "function": function}
            delta["tool_calls"] = [call]
        yield self._chunk({"delta": delta})

    def grown(self, text: str, logprobs: BaseModel | None) -> dict[str, Any]:
        """What the answer grew by."""
        more = {"logprobs": logprobs.model_dump()} if logprobs else {}
        if not self._chat:
            return self._chunk({"text": text}, **more)
        if self._call:
            calls = [{"index": 0, "function": {"arguments": text}}]
            return self._chunk({"delta": {"tool_calls": calls}}, **more)
        return self._chunk({"delta": {"content": text}}, **more)

    def last(self, result: ChatResult) -> Iterator[dict[str, Any]]:
        """How it ended."""
        finish, status = ended(result, self._call)
        part: dict[str, Any] = {"delta": {}} if self._chat else {"text": ""}
        yield self._chunk(part, finish_reason=finish, status=status)
        if self._with_usage:
            yield {**self._head, "choices": [], "usage": usage_of(result).model_dump()}
