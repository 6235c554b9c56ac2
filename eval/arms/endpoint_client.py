"""Ask a model behind an OpenAI-compatible endpoint: retries, a pace, and a cost cap.

The ``openai`` package carries the protocol (``pip install '.[baseline]'``); nothing here touches
the network before :meth:`Client.ask`.

* **Key**: read from an environment variable when it is used; never logged, written or shown.
* **Retries**: refused connections, time-outs, 408, 409, 425, 429, 5xx and answers that are no chat
  completion are asked again, after ``Retry-After`` or an exponentially growing pause with jitter.
  By hand, because the client's own retries take any 200 for an answer, never wait longer than 8 s,
  and go past pace and cap.
* **Pace**: at most so many requests per minute, retries among them; the client has none.
* **Cap**: before each request its greatest possible cost is reckoned (at most one token per byte
  of the prompt, all tokens that the answer may have); where that would go beyond the cap,
  :class:`~setaccio.eval.arms.endpoint.CostCapReached` is raised instead.
"""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Mapping
from typing import Any

from setaccio.data.errors import MissingExtraError, UsageError
from setaccio.data.task.task import Json, dump_compact
from setaccio.eval.arms.endpoint import CostCapReached, Endpoint, EndpointAnswer, Refused

GREATEST_PAUSE = 60.0
GREATEST_REASON = 300
TOKENS_AROUND_MESSAGES = 64
"""Room in the reckoning for what a chat template adds to each message."""

_AGAIN = frozenset({408, 409, 425, 429})
_HIDDEN = "[key]"


class RequestPace:
    """Keeps requests apart.

    Args:
        per_minute: most requests in a minute; None keeps none apart.
        now: a clock, in seconds.
        sleep: waits so many seconds.
    """

    def __init__(
        self,
        per_minute: float | None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._gap = 60 / per_minute if per_minute else 0.0
        self._next = 0.0
        self._now, self._sleep = now, sleep

    def wait(self) -> None:
        """Return when the next request may go."""
        ahead = self._next - self._now()
        if self._gap and ahead > 0:
            self._sleep(ahead)
        self._next = max(self._next, self._now()) + self._gap


class Client:
    """Asks one endpoint.

    Attributes:
        endpoint: where and how.
        spent: cost so far, in the currency of the prices.
    """

    def __init__(self, endpoint: Endpoint, sleep: Callable[[float], None] = time.sleep) -> None:
        """Make ready; nothing is sent.

        Raises:
            MissingExtraError: the ``openai`` package is not installed.
        """
        try:
            import openai
        except ModuleNotFoundError as error:
            raise MissingExtraError("baseline", "openai") from error
        self.endpoint, self.spent = endpoint, 0.0
        self._key = os.environ.get(endpoint.key_variable, "").strip()
        self._openai = openai
        self._sleep = sleep
        self._pace = RequestPace(endpoint.requests_per_minute, sleep=sleep)
        self._client = openai.OpenAI(
            base_url=endpoint.url,
            api_key=self._key or "none",
            max_retries=0,  # see the module
            timeout=endpoint.timeout,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(self, body: Mapping[str, Json]) -> EndpointAnswer:
        """Send one request, again where that may help.

        Args:
            body: as from :meth:`Endpoint.body`.

        Raises:
            CostCapReached: the cap could be exceeded; nothing was sent.
            Refused: the endpoint refused this very request (400, 413, 422).
            UsageError: the key, the URL or the model is wrong, or the endpoint gave up.
        """
        reason = ""
        for attempt in range(self.endpoint.retries + 1):
            most = self._most_tokens(body)
            self._keep_cap(self.endpoint.cost(*most))
            self._pace.wait()
            try:
                reply = self._client.chat.completions.with_raw_response.create(
                    model=body["model"], messages=body["messages"], extra_body=dict(body)
                )
                answer = self._read(reply.text, most, reply.elapsed.total_seconds())
            except (self._openai.APIError, ValueError) as error:
                reason, asked_pause = self._judge(error, most), _retry_after(error)
            else:
                self.spent += answer.cost
                return answer
            if attempt < self.endpoint.retries:
                grown = self.endpoint.pause * 2**attempt * random.uniform(0.5, 1)
                self._sleep(min(GREATEST_PAUSE, grown if asked_pause is None else asked_pause))
        raise UsageError(
            f"{self.endpoint.url}: gave no usable answer in {self.endpoint.retries + 1} tries "
            f"({reason}). Answers so far are kept; run the same command again to go on."
        )

    def _most_tokens(self, body: Mapping[str, Json]) -> tuple[int, int]:
        """Most tokens that prompt and answer can have: no tokeniser makes two of one byte."""
        prompt = len(dump_compact(body).encode("utf-8", "replace"))
        asked = body.get("max_completion_tokens", body.get("max_tokens", 0))
        return prompt + TOKENS_AROUND_MESSAGES * len(body["messages"]), int(asked)

    def _keep_cap(self, most: float) -> None:
        cap = self.endpoint.cost_cap
        if cap is not None and self.spent + most > cap:
            raise CostCapReached(
                f"{self.endpoint.url}: {self.spent:.4f} is spent and the next request may cost "
                f"{most:.4f}, which would go beyond the cap of {cap:g}."
            )

    def _read(self, text: str, most: tuple[int, int], seconds: float) -> EndpointAnswer:
        """An answer from the body of a reply; raises ValueError where it is no completion."""
        try:
            reply: Any = json.loads(text)
            choice = reply["choices"][0]
            message = choice["message"]
            said = message.get("content") or message.get("refusal") or ""
            thought = message.get("reasoning_content") or message.get("reasoning") or ""
            usage = reply.get("usage") or {}
            counts = [usage.get(f"{part}_tokens") for part in ("prompt", "completion")]
            if not isinstance(said, str):
                raise TypeError("content is no text")
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ValueError("the reply is no chat completion") from error
        known = [n if isinstance(n, int) else m for n, m in zip(counts, most, strict=True)]
        return EndpointAnswer(
            text=said,
            finish=str(choice.get("finish_reason") or "stop"),
            prompt_tokens=known[0],
            completion_tokens=known[1],
            seconds=seconds,
            cost=self.endpoint.cost(known[0], known[1]),
            thought=thought if isinstance(thought, str) else "",
        )

    def _judge(self, error: Exception, most: tuple[int, int]) -> str:
        """The reason to ask again; raises where that would not help."""
        reason, where = self._clean(error), self.endpoint.url
        if isinstance(error, ValueError):  # an answer came and will be on the bill
            self.spent += self.endpoint.cost(*most)
            return reason
        code = getattr(error, "status_code", None)
        if code is None:  # no connection, or no answer in time
            return reason
        if code in (401, 403):
            state = "was refused" if self._key else "is not set"
            hint = f"The key in the environment variable {self.endpoint.key_variable} {state}."
        elif code == 404:
            model = self.endpoint.model
            hint = f"Check the URL (most end with /v1) and the model's name, {model}."
        elif getattr(error, "code", None) == "insufficient_quota":
            hint = "The account has no money left."
        elif code in _AGAIN or code >= 500:
            return reason
        else:
            raise Refused(reason) from None
        raise UsageError(f"{where}: {reason}. {hint}") from None

    def _clean(self, error: Exception) -> str:
        """What an error says, on one line and without the key."""
        said = " ".join(str(error).split()) or type(error).__name__
        said = said.replace(self._key, _HIDDEN) if self._key else said
        return said[:GREATEST_REASON].rstrip(". ")


def _retry_after(error: Exception) -> float | None:
    """Seconds that the endpoint asks to wait for; None when it does not say (RFC 9110, 10.2.3)."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None
