"""A large model as an arm: any OpenAI-compatible endpoint, its answers cached on disk.

The endpoint gets the messages that a local model gets, so that prompts can not differ. Each answer
is kept in a cache folder under the hash of URL, model, messages and options, written whole or not
at all: what was paid for once is never asked twice, and a run that stopped goes on.

    >>> endpoint = Endpoint("http://localhost:8000/v1", "llama-3.3-70b", cost_cap=5,
    ...                     input_price=0.6, output_price=0.8)
    >>> compare([EndpointArm("Llama 3.3 70B", endpoint)], pairs, load_task("recipe"))
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import platformdirs

from setaccio.data.errors import UsageError
from setaccio.data.records import Pair, atomic_write
from setaccio.data.task.task import Json, Task, dump_compact
from setaccio.eval.arms.arms import AnyArm, OutputSource, Row, Setting, hash_parts
from setaccio.eval.arms.endpoint import (
    TEMPLATE_SWITCHES,
    CostCapReached,
    Endpoint,
    EndpointAnswer,
    Refused,
)
from setaccio.eval.arms.endpoint_client import Client
from setaccio.runtime.result.parsing import parse_for, split_thought

__all__ = ["CostCapReached", "Endpoint", "EndpointArm", "answer_folder"]

SPARE_TOKENS = 256
BYTES_PER_TOKEN = 3
"""A low guess for the default budget; the endpoint's tokeniser is not known here."""


def answer_folder() -> Path:
    """Where answers are kept unless a folder is named: in the user's cache."""
    return platformdirs.user_cache_path("setaccio") / "answers"


@dataclass(frozen=True)
class EndpointArm(AnyArm):
    """A model behind an endpoint.

    Attributes:
        name: what the table calls it.
        endpoint: where and how to ask.
        cache: folder of answers; None takes :func:`answer_folder`.
    """

    name: str
    endpoint: Endpoint
    cache: Path | None = None

    @property
    def constraint(self) -> str:  # type: ignore[override]
        """``none`` where no schema is sent along, else ``schema``."""
        return "none" if self.endpoint.answer_format == "text" else "schema"

    def open(self, setting: Setting) -> OutputSource:
        """Make ready; nothing is sent before the first document that is not in the cache."""
        return EndpointSource(self, setting)


class EndpointSource(OutputSource):
    """Answers of one endpoint.

    Its hash stays unknown: what an endpoint serves may change behind its name.

    Attributes:
        spent: what this run cost, in the currency of the prices; answers from the cache are free.
        asked: answers that had to be asked for.
        switchable: whether the endpoint takes the field that switches thoughts off; None before
            that is known.
    """

    def __init__(self, arm: EndpointArm, setting: Setting) -> None:
        self.endpoint, self.setting = arm.endpoint, setting
        self.model, self.constraint = arm.endpoint.model, arm.constraint
        self.folder = arm.cache or answer_folder()
        self.spent, self.asked = 0.0, 0
        self.switchable: bool | None = None

    @property
    def facts(self) -> dict[str, Json]:
        """The endpoint's settings (the variable's name, not the key) and what this run spent."""
        known: dict[str, Json] = {"spent": round(self.spent, 6), "asked": self.asked}
        if self.asked and TEMPLATE_SWITCHES not in self.endpoint.request:
            known["thoughts_switched_off"] = self.switchable
        return {"endpoint": asdict(self.endpoint), **known}

    def key(self, pair: Pair) -> str:
        """Hash of everything that decides about the answer."""
        return hash_parts(self.endpoint.url, self._body(pair.text), self.setting.task.digest)

    def rows(self, pairs: Sequence[Pair]) -> Iterator[Row]:
        """Ask for one document after another, those in the cache left out.

        Raises:
            CostCapReached: the cap leaves too little for the next document.
            UsageError: the endpoint can not be used or gave up.
        """
        client: Client | None = None
        try:
            for done, pair in enumerate(pairs):
                answer: EndpointAnswer | str | None = self._kept(pair)
                if answer is None:
                    client = client or Client(self.endpoint)
                    answer = self._ask(client, pair, f"{done} of {len(pairs)}")
                    self.spent = client.spent
                yield self._row(pair, answer)
        finally:
            if client:
                client.close()

    def _body(self, text: str) -> dict[str, Json]:
        task = self.setting.task
        # Lone surrogates, which JSON can smuggle in, can not be sent.
        clean = text.encode("utf-8", "replace").decode()
        budget = self.setting.max_tokens or default_budget(task, clean)
        messages = task.showing_schema().messages(clean)
        return self.endpoint.body(messages, task.json_schema, task.name, budget)

    def _ask(self, client: Client, pair: Pair, done: str) -> EndpointAnswer | str:
        """The answer, now in the cache too; or why the endpoint refused this document."""
        try:
            answer = self._send(client, self._body(pair.text))
        except CostCapReached as stop:
            raise CostCapReached(
                f"{stop} Of the documents that had no answer yet {done} have one, kept in "
                f"{self.folder}. Run again to go on, or use --limit to score those that are done."
            ) from None
        except Refused as refusal:
            if not self.asked:  # the very first request: the request is wrong, not a document
                raise UsageError(
                    f"{self.endpoint.url}: refuses the request ({refusal}). If it does not know "
                    f"the answer format {self.endpoint.answer_format!r}, try another one."
                ) from None
            return f"The endpoint refused this document: {refusal}."
        self.asked += 1
        with atomic_write(self._file(pair)) as stream:
            stream.write(dump_compact({"model": self.endpoint.model, **asdict(answer)}) + "\n")
        return answer

    def _send(self, client: Client, body: dict[str, Json]) -> EndpointAnswer:
        """The answer, with thoughts switched off where the endpoint knows of that."""
        if TEMPLATE_SWITCHES in self.endpoint.request:
            return client.ask(body)
        plain = {name: value for name, value in body.items() if name != TEMPLATE_SWITCHES}
        try:
            answer = client.ask(plain if self.switchable is False else body)
        except Refused:
            if self.switchable is not None:
                raise
            # Perhaps for the field alone; if so, the other request is answered.
            answer = client.ask(plain)
            self.switchable = False
        else:
            self.switchable = self.switchable is not False
        return answer

    def _file(self, pair: Pair) -> Path:
        name = hash_parts(self.endpoint.url, self._body(pair.text))
        return self.folder / name[:2] / f"{name}.json"

    def _kept(self, pair: Pair) -> EndpointAnswer | None:
        """The answer in the cache; None when there is none or its file is damaged."""
        try:
            kept: dict[str, Any] = json.loads(self._file(pair).read_text(encoding="utf-8"))
            del kept["model"]
            return EndpointAnswer(**kept)
        except (OSError, ValueError, TypeError, LookupError):
            return None

    def _row(self, pair: Pair, answer: EndpointAnswer | str) -> Row:
        task = self.setting.task
        if isinstance(answer, str):
            status, message = "error", answer
            answer = EndpointAnswer("", "error", 0, 0, 0.0, 0.0)
        else:
            status, message = _judge(task, answer)
        thought, text = split_thought(answer.text)
        thought = "\n\n".join(filter(None, (answer.thought.strip(), thought)))
        value = parse_for(text, task).value
        return {
            "id": pair.id,
            "status": status,
            "data": None if status == "truncated_output" else value,
            "raw": text,
            "finish_reason": answer.finish,
            "prompt_tokens": answer.prompt_tokens,
            "completion_tokens": answer.completion_tokens,
            "seconds": round(answer.seconds, 6),
            "cost": answer.cost,
            "message": message,
            "task": task.name,
            "model": self.endpoint.model,
            "constraint": self.constraint,
            **({"thought": thought} if thought else {}),
        }


def _judge(task: Task, answer: EndpointAnswer) -> tuple[str, str]:
    """Status and message, with the words of :class:`setaccio.runtime.extraction.Extraction`."""
    value = parse_for(answer.text, task).value
    if answer.finish == "length":
        return "truncated_output", "The answer is incomplete. Allow more tokens."
    if value is None:
        return "invalid_json", f"The answer holds no JSON (it ended with {answer.finish!r})."
    problems = task.problems(value)
    return ("invalid_schema", f"{problems[0]}.") if problems else ("ok", "")


def default_budget(task: Task, text: str) -> int:
    """Tokens that an answer may have: as for a local model, from a guess of the token counts."""
    sizes = [
        len(part.encode()) // BYTES_PER_TOKEN for part in (text, dump_compact(task.json_schema))
    ]
    return 2 * sizes[0] + sizes[1] + SPARE_TOKENS
