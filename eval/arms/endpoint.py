"""A model behind an OpenAI-compatible endpoint: where it is, what is sent, what an answer is.

The protocol is ``POST <url>/chat/completions`` (https://platform.openai.com/docs/api-reference/chat),
which llama.cpp's server, vLLM, Ollama and most hosted models speak.
:class:`setaccio.eval.arms.endpoint_client.Client` does the asking; nothing here touches the
network.

    >>> endpoint = Endpoint("http://localhost:8000/v1", "llama-3.3-70b", cost_cap=5,
    ...                     input_price=0.6, output_price=0.8)
    >>> Client(endpoint).ask(endpoint.body(messages, schema, "recipe", 512)).text
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from setaccio.data.errors import SetaccioError, UsageError
from setaccio.data.task.task import Json, Message

AnswerFormat = Literal["schema", "object", "text"]
KEY_VARIABLE = "SETACCIO_API_KEY"
"""Environment variable that holds the key unless another is named."""

TEMPLATE_SWITCHES = "chat_template_kwargs"
"""Field of a request by which vLLM, SGLang and llama.cpp's server hand switches to a model's chat
template; others ignore or refuse it."""

THOUGHTS_OFF: Mapping[str, Json] = {"enable_thinking": False}
"""What the field says, as the runtime does with templates of its own."""


class CostCapReached(SetaccioError):  # noqa: N818 - it ends the asking, it is no fault
    """The next request could cost more than what the cap leaves."""


class Refused(SetaccioError):  # noqa: N818 - named for what the endpoint did
    """The endpoint will not answer this request, and asking again would not help."""


@dataclass(frozen=True)
class Endpoint:
    """Where and how to ask.

    Attributes:
        url: base URL, such as ``http://localhost:8000/v1``.
        model: name of the model there.
        key_variable: environment variable with the key; unset is right for a server without one.
        answer_format: ``schema`` sends the schema as ``response_format`` of type ``json_schema``;
            ``object`` sends it as ``json_object`` with a ``schema`` (llama-cpp-python's server and
            others); ``text`` sends none, which is free decoding.
        request: further fields of the request; null takes one out, such as ``temperature``, or
            ``chat_template_kwargs``, by which models that think are told not to.
        requests_per_minute: greatest pace; None does not wait.
        input_price: price of a million prompt tokens, in any currency.
        output_price: price of a million tokens of answers, in the same.
        cost_cap: most that one run may spend, in the same; None sets no bound.
        retries: how often one request is asked again.
        pause: seconds before the first repetition; doubled each time.
        timeout: seconds to wait for an answer.
    """

    url: str
    model: str
    key_variable: str = KEY_VARIABLE
    answer_format: AnswerFormat = "schema"
    request: Mapping[str, Json] = field(default_factory=dict)
    requests_per_minute: float | None = None
    input_price: float = 0.0
    output_price: float = 0.0
    cost_cap: float | None = None
    retries: int = 6
    pause: float = 1.0
    timeout: float = 300.0

    def __post_init__(self) -> None:
        """Refuse what can not work.

        Raises:
            UsageError: the URL is none or holds a secret, or a number is out of range.
        """
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{_bare(self.url)}: is no http(s) URL such as http://host:8000/v1.")
        if parts.username or parts.password or parts.query:
            raise UsageError(
                f"{_bare(self.url)}: keep keys out of the URL; put the key into the environment "
                f"variable {self.key_variable}."
            )
        if lost := {"model", "messages"} & self.request.keys():
            raise UsageError(f"--request {min(lost)}: is no further field, but what is asked.")
        if not self.model:
            raise UsageError(f"{self.url}: which model? Name it.")
        if self.cost_cap is not None and not (self.input_price or self.output_price):
            raise UsageError(
                f"A cost cap of {self.cost_cap:g} needs prices. Give the price of a million "
                "tokens in and out."
            )
        numbers = (self.input_price, self.output_price, self.cost_cap or 0, self.retries)
        if min(numbers) < 0 or (
            self.requests_per_minute is not None and self.requests_per_minute <= 0
        ):
            raise UsageError(
                "Prices, caps and retries can not be negative, requests per minute not 0."
            )

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Price of one answer."""
        spent = prompt_tokens * self.input_price + completion_tokens * self.output_price
        return spent / 1e6

    def body(
        self, messages: list[Message], schema: Json, name: str, max_tokens: int
    ) -> dict[str, Json]:
        """The request for one document, as it is sent."""
        body: dict[str, Json] = {
            "model": self.model,
            "messages": messages,
            "temperature": 0,
            "max_tokens": max_tokens,
            TEMPLATE_SWITCHES: dict(THOUGHTS_OFF),
        }
        if self.answer_format == "schema":
            form = {"name": name, "schema": schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        elif self.answer_format == "object":
            body["response_format"] = {"type": "json_object", "schema": schema}
        body |= self.request
        return {key: value for key, value in body.items() if value is not None}


@dataclass(frozen=True)
class EndpointAnswer:
    """What came back for one request.

    Attributes:
        text: the answer, or the words with which the model refused; a thought may stand before it.
        finish: why it ended, as the endpoint says (``stop``, ``length``, ...).
        prompt_tokens: as the endpoint counted; the greatest possible where it did not.
        completion_tokens: likewise.
        seconds: of the request that succeeded, pauses and failed ones left out.
        cost: by the prices given.
        thought: what the endpoint keeps apart from the answer as the model's thought.
    """

    text: str
    finish: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    cost: float
    thought: str = ""


def _bare(url: str) -> str:
    """A URL without what may be secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
