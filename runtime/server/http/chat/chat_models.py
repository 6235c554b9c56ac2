"""What OpenAI's clients send to ``/v1``.

A parameter that would change the answer and that is not listed here is refused by name; those that
change nothing (``user``, ``metadata`` ...) are taken and not read.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from setaccio.runtime.server.http.body import StrictModel

Name = Annotated[str, Field(max_length=200)]
_None = Annotated[float, Field(ge=0, le=0)]


class TextPart(StrictModel):
    """A part of a message."""

    type: Literal["text"]
    text: str


class FunctionCall(StrictModel):
    """A function that an earlier answer called."""

    name: Name
    arguments: str = Field(description="JSON")


class ToolCall(StrictModel):
    """A call of an earlier answer."""

    id: Name | None = None
    type: Literal["function"] = "function"
    index: int | None = None
    function: FunctionCall


class ChatMessage(StrictModel):
    """A turn of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None
    name: Name | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: Name | None = None
    refusal: None = None

    def turn(self) -> dict[str, str]:
        """The message with one text."""
        parts = self.content if isinstance(self.content, list) else None
        text = "".join(part.text for part in parts) if parts else str(self.content or "")
        if not text and self.tool_calls:  # what was answered in the form of calls
            text = "\n".join(call.function.arguments for call in self.tool_calls)
        return {"role": self.role, "content": text}


class NamedSchema(StrictModel):
    """A JSON Schema under a name."""

    name: Name
    description: str | None = None
    schema_: dict[str, Any] = Field(alias="schema", description="JSON Schema of the answer")
    strict: bool | None = Field(None, description="the schema is always enforced")


class TextFormat(StrictModel):
    """An answer in words."""

    type: Literal["text"]


class ObjectFormat(StrictModel):
    """An answer that is some JSON object."""

    type: Literal["json_object"]


class SchemaFormat(StrictModel):
    """An answer that fits a JSON Schema."""

    type: Literal["json_schema"]
    json_schema: NamedSchema


ResponseFormat = Annotated[TextFormat | ObjectFormat | SchemaFormat, Field(discriminator="type")]


class Function(StrictModel):
    """A function that the model may be made to call."""

    name: Name
    description: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict, description="JSON Schema")
    strict: bool | None = None


class Tool(StrictModel):
    """A tool."""

    type: Literal["function"]
    function: Function


class FunctionName(StrictModel):
    """Which function."""

    name: Name


class ToolChoice(StrictModel):
    """The function that the answer calls."""

    type: Literal["function"]
    function: FunctionName


class StreamOptions(StrictModel):
    """What a stream tells beside the answer."""

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class _Common(StrictModel):
    """What both kinds of completions take."""

    model: Name = Field(description="an adapter, or the base; see /v1/models")
    max_tokens: int | None = Field(None, ge=1, le=1_000_000, description="most tokens to write")
    temperature: float | None = Field(None, ge=0, le=2, description="0 takes the likeliest token")
    top_p: float | None = Field(None, gt=0, le=1)
    seed: int | None = Field(None, ge=0, lt=2**63)
    stop: str | list[str] | None = Field(
        None, description="texts that end the answer: at most four, none of them empty"
    )
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: int | None = Field(None, ge=1, le=1, description="one answer a request")
    frequency_penalty: _None | None = Field(None, description="0: not supported")
    presence_penalty: _None | None = Field(None, description="0: not supported")
    logit_bias: dict[str, float] | None = Field(None, max_length=0, description="not supported")
    # Of no effect on the answer.
    user: str | None = None
    metadata: dict[str, str] | None = None
    store: bool | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None

    @property
    def with_usage(self) -> bool:
        """Whether a stream ends with the counts."""
        return bool(self.stream_options and self.stream_options.include_usage)

    @property
    def stops(self) -> list[str]:
        """The texts that end the answer."""
        return [self.stop] if isinstance(self.stop, str) else list(self.stop or [])


class ChatBody(_Common):
    """A request for a chat completion."""

    messages: list[ChatMessage] = Field(min_length=1, max_length=1000)
    max_completion_tokens: int | None = Field(
        None, ge=1, le=1_000_000, description="the newer name of `max_tokens`"
    )
    response_format: ResponseFormat | None = None
    tools: list[Tool] | None = Field(None, max_length=100)
    tool_choice: Literal["none", "auto", "required"] | ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = Field(None, ge=0, le=20)
    modalities: list[Literal["text"]] | None = None


class CompletionBody(_Common):
    """A request for a completion of a bare text, without a chat template."""

    prompt: str | list[str] = Field(description="one text")
    logprobs: int | None = Field(None, ge=0, le=5)
    echo: Literal[False] | None = None
    best_of: int | None = Field(None, ge=1, le=1)
    suffix: None = None
