"""A request is read: checked, its schema compiled, its prompt made. In the thread that asks."""

from __future__ import annotations

import functools
import logging
import threading
import zlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from setaccio.data.errors import DataError, ModelError, UsageError
from setaccio.data.records import Document
from setaccio.data.task.pieces import Piece, prompt_pieces
from setaccio.data.task.task import Message, Task
from setaccio.runtime.decode.list_guard import ListGuard, make_times
from setaccio.runtime.decode.repetition import make_judge
from setaccio.runtime.decode.request import Request, Start
from setaccio.runtime.decode.sampling import make_sampler
from setaccio.runtime.extractor import check_options
from setaccio.runtime.grammar.constraint import compile_schema
from setaccio.runtime.model.adapters import Adapter, join_names
from setaccio.runtime.model.load import LoadedModel, can_cut
from setaccio.runtime.model.tokens import decode_tokens, encode_text, token_bytes, tokenise_pieces
from setaccio.runtime.planner import Planner
from setaccio.runtime.prompt.prompts import Prompts
from setaccio.runtime.result.carried_budget import carried_budget
from setaccio.runtime.result.outcome import Outcomes
from setaccio.runtime.result.review import ReviewBudget
from setaccio.runtime.server.request_types import ROLES, ChatRequest, ExtractRequest
from setaccio.runtime.server.work import ChatWork, ExtractWork
from setaccio.runtime.task_choice import resolve_task

_LOG = logging.getLogger(__name__)

MOST_TASKS = 64
"""Tasks whose prompts are kept, the latest used ones."""

MOST_LOGPROBS = 20
"""Likeliest tokens that may be named beside each token."""


class ChatPrompt(NamedTuple):
    """A tokenised conversation.

    Attributes:
        prefix: token ids up to the last message, which the next request may share.
        rest: the others.
        contents: token ids of what the messages say.
        text: what they say.
    """

    prefix: tuple[int, ...]
    rest: list[int]
    contents: list[int]
    text: str


class Intake:
    """Makes work of requests; safe to use from several threads.

    Args:
        model: the base.
        adapters: by name.
        limit: seconds of requests that name none, or None.
    """

    def __init__(
        self, model: LoadedModel, adapters: Mapping[str, Adapter], limit: float | None
    ) -> None:
        self._model = model
        self._adapters = adapters
        self._limit = limit
        carriers = model.path, *(adapter.path for adapter in adapters.values())
        self._budgets = {path: _carried(path) for path in carriers}
        self._prompts: OrderedDict[tuple[str, bool], Prompts] = OrderedDict()
        self._lock = threading.Lock()

    def read_extract(self, request: ExtractRequest) -> ExtractWork:
        """Plan a document.

        Raises:
            SchemaError: the schema is invalid or can not be enforced.
            TaskError: nothing says what to extract.
            ModelError: the template can not render the task.
            UsageError: an option is out of range.
        """
        _check(request)
        adapter = self._adapter(request.adapter)
        task = resolve_task(adapter or self._model, request.task, None).task
        prompts = self._prompts_for(task, request.thinking is not None)
        planner = Planner(
            self._model,
            task,
            request.constraint,
            max_tokens=request.max_tokens,
            sampling=(request.temperature, request.top_p, request.seed),
            chunk=request.chunk,
            stop_repetition=request.stop_repetition,
            guard_lists=request.guard_lists,
            prompts=prompts,
            thinking=request.thinking,
        )
        name = join_names(self._model.name, adapter.path if adapter else None)
        document = request.document
        if isinstance(document, str):
            document = Document("document", document)
        return ExtractWork(
            self._model,
            adapter,
            request.seconds or self._limit,
            plan=planner.plan(document),
            prefix=prompts.prefix,
            outcomes=Outcomes(
                self._model, task, request.constraint, request.require_grounding, name
            ),
            stream=request.stream,
            budget=self._budget_for(adapter, task, request),
        )

    def _budget_for(
        self, adapter: Adapter | None, task: Task, request: ExtractRequest
    ) -> ReviewBudget | None:
        """The review budget that the model or adapter carries, where it speaks of this request."""
        budget = self._budgets[(adapter or self._model).path]
        if budget is None:
            return None
        options = {field.name: getattr(request, field.name) for field in fields(request)}
        tasks = {task.digest, *([request.task.digest] if request.task else [])}
        hashes = self._model.sha256, adapter.sha256 if adapter else None
        asked = options | {"context": self._model.context}
        return None if budget.refusal(*hashes, tasks, asked) else budget

    def _adapter(self, name: str | None) -> Adapter | None:
        if name is None:
            return None
        if name not in self._adapters:
            known = ", ".join(map(repr, self._adapters)) or "none"
            raise UsageError(f"There is no adapter {name!r}. There are: {known}.")
        return self._adapters[name]

    def _prompts_for(self, task: Task, thinking: bool = False) -> Prompts:
        key = task.digest, thinking
        with self._lock:
            prompts = self._prompts.pop(key, None)
        prompts = prompts or Prompts(self._model, task, thinking=thinking)
        with self._lock:
            self._prompts[key] = prompts
            while len(self._prompts) > MOST_TASKS:
                self._prompts.popitem(last=False)
        return prompts

    def read_chat(self, request: ChatRequest) -> ChatWork:
        """Make the prompt of a chat.

        Raises:
            SchemaError: the schema is invalid or can not be enforced.
            UsageError: an option is out of range, or the chat can not be answered.
        """
        _check(request)
        _check_chat(request)
        adapter = self._adapter(request.adapter)
        schema = None if request.schema is None else dict(request.schema)
        grammar = None if schema is None else compile_schema(self._model, schema)
        prompt = chat_prompt(self._model, request.messages)
        size = len(prompt.prefix) + len(prompt.rest)
        left = self._model.context - size
        if left < 1:
            raise UsageError(
                f"The prompt has {size} tokens, but the context holds {self._model.context} for it "
                "and the answer. Shorten the conversation."
            )
        choose = None
        if request.temperature > 0:
            stream = zlib.crc32(prompt.text.encode("utf-8", "replace"))
            choose = make_sampler(
                request.temperature, request.seed * (1 << 32) + stream, request.top_p
            )
        decoded = Request(
            None,
            prompt.rest,
            min(request.max_tokens or left, left),
            document=prompt.contents,
            grammar=grammar,
            choose=choose,
            start=Start(adapter, prompt.prefix),
            ranked=request.logprobs,
            **self._guards(prompt.text, schema),
        )
        return ChatWork(self._model, adapter, request.seconds or self._limit, request, decoded)

    def _guards(self, text: str, schema: dict[str, Any] | None) -> dict[str, Any]:
        """What keeps an answer with a schema from going round in circles; prose may repeat."""
        if schema is None:
            return {}
        guards: dict[str, Any] = {
            "is_loop": make_judge(functools.partial(decode_tokens, self._model), text)
        }
        if can_cut(self._model):
            make_guard = functools.partial(ListGuard, make_times(text, schema))
            guards["guard"] = make_guard, functools.partial(token_bytes, self._model)
        return guards


def _carried(path: Path) -> ReviewBudget | None:
    try:
        return carried_budget(path)
    except DataError as error:
        _LOG.warning("%s No row says whether it must be reviewed.", error)
        return None


def chat_prompt(model: LoadedModel, messages: Sequence[Message] | str) -> ChatPrompt:
    """Tokenise a conversation, or a bare prompt, whose words stay words.

    Raises:
        UsageError: there is nothing, or the template can not render it.
    """
    if isinstance(messages, str):
        words = encode_text(model, messages)
        begin = [Piece(model.chat.bos, True)] if model.chat.add_bos else []
        rest = [*tokenise_pieces(model, begin), *words]
        if not rest:
            raise UsageError("The prompt is empty. Give it some text.")
        return ChatPrompt((), rest, words, messages)
    turns = [_turn(number, message) for number, message in enumerate(messages)]
    if not turns:
        raise UsageError("messages is empty. Give at least one message.")
    try:
        pieces = prompt_pieces(model.chat, turns)
    except ModelError as error:
        raise UsageError(f"messages: {error}") from error
    spoken = [number for number, piece in enumerate(pieces) if not piece.special]
    last = spoken[-1] if spoken else 0
    prefix, rest = (tokenise_pieces(model, part) for part in (pieces[:last], pieces[last:]))
    contents = tokenise_pieces(model, [pieces[number] for number in spoken])
    text = "\n".join(pieces[number].text for number in spoken)
    return ChatPrompt(tuple(prefix), rest, contents, text)


def _turn(number: int, message: Message) -> Message:
    """A message as templates know it. Its role is scaffold, so it may not be any text."""
    role, content = message.get("role"), message.get("content")
    if role not in ROLES:
        raise UsageError(f"messages[{number}]: the role is one of {', '.join(sorted(ROLES))}.")
    if not isinstance(content, str):
        raise UsageError(f"messages[{number}]: the content is not a text.")
    return {"role": "system" if role == "developer" else str(role), "content": content}


def _check(request: ExtractRequest | ChatRequest) -> None:
    constraint, thinking = "schema", None
    if isinstance(request, ExtractRequest):
        constraint, thinking = request.constraint, request.thinking
    options = request.max_tokens, request.temperature, request.top_p
    check_options(constraint, *options, None, thinking)
    if request.seed < 0:
        raise UsageError(f"seed is {request.seed}. Choose 0 or a whole number above it.")
    if request.seconds is not None and not request.seconds > 0:
        raise UsageError(f"seconds is {request.seconds}. Allow more than 0.")


def _check_chat(request: ChatRequest) -> None:
    if not all(request.stop):
        raise UsageError("stop holds an empty text, which would stop every answer. Leave it out.")
    if request.stop and request.schema is not None:
        raise UsageError(
            "stop can not be combined with a schema: an answer that fits the schema ends by "
            "itself, and one that was cut would not fit it. Leave one of them out."
        )
    if request.logprobs is not None and not 0 <= request.logprobs <= MOST_LOGPROBS:
        raise UsageError(f"logprobs is {request.logprobs}. Choose 0 to {MOST_LOGPROBS}.")
