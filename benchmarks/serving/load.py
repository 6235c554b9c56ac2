"""Many clients at once: each asks, waits for its answer, and asks again."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from benchmarks.serving.servers import Running
from setaccio.data.task.task import Task, dump_compact

_PATIENCE = 900.0
_ROUNDING = 0.02
_SMOOTHED = 5  # samples of memory that make one figure


@dataclass(frozen=True)
class Reply:
    """One answer.

    Attributes:
        text: number of its text.
        seconds: from the question to the whole answer.
        tokens: tokens of it.
        outcome: status, data, spans and confidence as canonical JSON; of a chat what it says.
        problem: what was wrong: a status, another's id; empty for nothing.
    """

    text: int
    seconds: float
    tokens: int
    outcome: str
    problem: str = ""


@dataclass
class Load:
    """What came of a load.

    Attributes:
        seconds: all of it.
        replies: every answer.
        asked: questions.
        memory: (second, bytes) of the server.
    """

    seconds: float = 0.0
    replies: list[Reply] = field(default_factory=list)
    asked: int = 0
    memory: list[tuple[float, int]] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Good answers a second."""
        return sum(not reply.problem for reply in self.replies) / self.seconds

    @property
    def tokens_a_second(self) -> float:
        """Tokens of answers a second."""
        return sum(reply.tokens for reply in self.replies) / self.seconds

    def percentile(self, share: float) -> float:
        """Seconds within which this share of the answers came."""
        times = sorted(reply.seconds for reply in self.replies)
        return times[min(len(times) - 1, math.ceil(share * len(times)) - 1)] if times else math.nan

    def growth(self, since: float) -> float | None:
        """How much memory grew from a second of the load to its end, as a share."""
        early = [size for second, size in self.memory if second >= since][:_SMOOTHED]
        late = [size for _, size in self.memory[-_SMOOTHED:]]
        if not early or not late:
            return None
        return (sum(late) / len(late)) / (sum(early) / len(early)) - 1

    def problems(self) -> Counter[str]:
        """What was wrong, and how often."""
        found = Counter(reply.problem for reply in self.replies if reply.problem)
        if lost := self.asked - len(self.replies):
            found["lost"] = lost
        return found


Ask = Callable[[httpx.AsyncClient, int], Awaitable[Reply]]


async def drive(
    running: Running, ask: Ask, clients: int, *, seconds: float = math.inf, most: float = math.inf
) -> Load:
    """Load a server.

    Args:
        running: the server.
        ask: one question, by its number.
        clients: clients at once.
        seconds: how long new questions are asked.
        most: how many are asked.
    """
    load, numbers, began = Load(), itertools.count(), time.perf_counter()
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)

    async def client(http: httpx.AsyncClient) -> None:
        while time.perf_counter() - began < seconds and (number := next(numbers)) < most:
            load.asked += 1
            load.replies.append(await ask(http, number))

    async def watch() -> None:
        while True:
            load.memory.append((time.perf_counter() - began, running.memory()))
            await asyncio.sleep(1.0)

    async with httpx.AsyncClient(base_url=running.url, timeout=_PATIENCE, limits=limits) as http:
        watcher = asyncio.create_task(watch())
        await asyncio.gather(*(client(http) for _ in range(clients)))
        watcher.cancel()
    load.seconds = time.perf_counter() - began
    return load


def outcome(row: dict[str, Any]) -> str:
    """What must be alike in two rows of one text; :func:`is_alike` compares it."""
    return dump_compact([row["status"], row["data"], row["spans"], row["confidence"]])


def is_alike(one: str, other: str) -> bool:
    """Whether two outcomes say the same.

    Confidence may differ by :data:`_ROUNDING`: which rows a pass adds up together is chance.
    """
    (*said, sure), (*again, sure_again) = json.loads(one), json.loads(other)
    return (
        said == again
        and sure.keys() == sure_again.keys()
        and all(abs(sure[key] - sure_again[key]) <= _ROUNDING for key in sure)
    )


def row_asker(texts: Sequence[str], task: str) -> Ask:
    """Questions to ``/extract``, each under an id of its own that must come back."""

    async def ask(http: httpx.AsyncClient, number: int) -> Reply:
        at, name = number % len(texts), f"question-{number}"
        began = time.perf_counter()
        body = {"documents": [{"id": name, "text": texts[at]}], "task": task}
        try:
            answer = await http.post("/extract", json=body)
            seconds = time.perf_counter() - began
            if answer.status_code != 200:
                return Reply(at, seconds, 0, "", f"status {answer.status_code}")
            rows = answer.json()["rows"]
        except (httpx.TransportError, ValueError) as error:
            return Reply(at, time.perf_counter() - began, 0, "", type(error).__name__)
        if [row["id"] for row in rows] != [name]:
            return Reply(at, seconds, 0, "", "another's answer")
        return Reply(at, seconds, rows[0]["completion_tokens"], outcome(rows[0]))

    return ask


def chat_asker(texts: Sequence[str], task: Task, max_tokens: int, model: str, *, old: bool) -> Ask:
    """Questions in OpenAI's protocol, with the schema of a task.

    Args:
        texts: what they are about, in turn.
        task: writes the messages.
        max_tokens: most tokens of an answer.
        model: name of the model.
        old: whether the schema stands in a ``json_object``, as llama-cpp-python wants it.
    """
    schema = task.json_schema
    form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    if old:
        form = {"type": "json_object", "schema": schema}

    async def ask(http: httpx.AsyncClient, number: int) -> Reply:
        at, began = number % len(texts), time.perf_counter()
        body = {
            "model": model,
            "messages": task.messages(texts[at]),
            "response_format": form,
            "max_tokens": max_tokens,
            "temperature": 0,
        }
        try:
            answer = await http.post("/v1/chat/completions", json=body)
            seconds = time.perf_counter() - began
            if answer.status_code != 200:
                return Reply(at, seconds, 0, "", f"status {answer.status_code}")
            said = answer.json()
            text = said["choices"][0]["message"]["content"]
        except (httpx.TransportError, ValueError) as error:
            return Reply(at, time.perf_counter() - began, 0, "", type(error).__name__)
        whole = said["choices"][0]["finish_reason"] == "stop"
        problem = "not JSON" if whole and not _is_json(text) else ""
        return Reply(at, seconds, said["usage"]["completion_tokens"], text, problem)

    return ask


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
