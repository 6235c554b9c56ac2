"""What the engine is asked, and what it answers.

A request says everything about itself: task or schema, adapter, how tokens are drawn, how long it
may take. Requests that differ in all of these are decoded side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from setaccio.data.records import Document
from setaccio.data.task.task import Message, Task
from setaccio.runtime.grammar.constraint import Constraint
from setaccio.runtime.result.grounding_policy import Policy

ChatFinish = Literal["stop", "length", "repetition", "timeout"]
"""Why a chat's answer ended: it was complete (or a stop string came), its tokens were used up, it
went round in circles, or its time was."""

ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
"""Who may say a message; ``developer`` is read as ``system``."""


@dataclass(frozen=True, kw_only=True)
class ExtractRequest:
    """One document to extract from; the options are those of
    :class:`setaccio.runtime.extractor.Extractor`.

    Attributes:
        document: the document, or just its text (the id is then ``document``).
        task: what to extract; None for the task that the adapter, or else the model, carries.
        adapter: name of one of the engine's adapters; None for the bare base.
        constraint: ``schema`` or ``none``.
        max_tokens: most tokens of an answer; None for what document and schema make likely.
        temperature: 0 takes the likeliest token.
        top_p: tokens are drawn from the likeliest that together have this probability.
        seed: of the drawing.
        chunk: whether a document that does not fit the context may be cut.
        require_grounding: what becomes of values that stand nowhere in the document.
        stop_repetition: whether an answer that goes round in circles is ended.
        guard_lists: whether a list is closed where it repeats itself.
        thinking: most tokens of a thought before the answer; None for no thought.
        seconds: time limit from :meth:`Engine.submit` on; None for the engine's. An answer that
            is being written when it is over is closed legally: status ``truncated_output``,
            finish reason ``timeout``. A document that has not begun by then has status ``error``.
        stream: whether the ticket gives the answer's text as it is decoded.
    """

    document: Document | str
    task: Task | None = None
    adapter: str | None = None
    constraint: Constraint = "schema"
    max_tokens: int | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    chunk: bool = True
    require_grounding: Policy | None = None
    stop_repetition: bool = True
    guard_lists: bool = True
    thinking: int | None = None
    seconds: float | None = None
    stream: bool = False


@dataclass(frozen=True, kw_only=True)
class ChatRequest:
    """A conversation, or a bare prompt, to go on with.

    Attributes:
        messages: ``{"role", "content"}`` in order, rendered by the model's chat template; contents
            are data, out of which no control token can come. A text in their place is a prompt
            that no template is put around, and is data as well.
        schema: JSON Schema of the answer; ``{"type": "object"}`` for any JSON object, None for
            free text.
        adapter: name of one of the engine's adapters; None for the bare base.
        max_tokens: most tokens of the answer; None for what the context leaves.
        temperature: 0 takes the likeliest token.
        top_p: tokens are drawn from the likeliest that together have this probability.
        seed: of the drawing.
        stop: texts at whose first appearance the answer ends; they are no part of it. Not together
            with a schema, whose answers end by themselves.
        logprobs: None, or how many of the likeliest tokens to name beside each token of the answer
            (0 for its own chance only).
        seconds: time limit from :meth:`Engine.submit` on; None for the engine's. What is there
            then is the answer, closed legally where there is a schema, with the finish reason
            ``timeout``.
        stream: whether the ticket gives the answer's text as it is decoded.
    """

    messages: Sequence[Message] | str
    schema: Mapping[str, Any] | None = None
    adapter: str | None = None
    max_tokens: int | None = None
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    stop: Sequence[str] = ()
    logprobs: int | None = None
    seconds: float | None = None
    stream: bool = False


@dataclass(frozen=True)
class TokenLogprob:
    """The chance of one token.

    Attributes:
        text: the token; bytes that are no UTF-8 by themselves are U+FFFD in it.
        bytes: its bytes.
        logprob: natural logarithm of its probability: by the model's own distribution, before
            temperature and top-p, and under a schema with the tokens that it forbids left out. So
            a token that the schema leaves no choice about has 0.
        top: the likeliest tokens of that distribution, likeliest first, each without a ``top``.
    """

    text: str
    bytes: bytes
    logprob: float
    top: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True)
class Delta:
    """What an answer grew by.

    Attributes:
        text: whole characters that are certain: neither a part of a stop string nor an item that a
            list may yet be closed before (:mod:`setaccio.runtime.decode.list_guard`).
        reset: whether all that came before is void. Never of a chat; of a document whose answer
            did not fit the context, so that it is begun anew in parts.
        logprobs: of the tokens that end in this text, where they were asked for.
    """

    text: str
    reset: bool = False
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True)
class ChatResult:
    """A chat's answer.

    Attributes:
        text: the answer; of a request with a schema always JSON that fits it, unless the grammar
            found no legal end within its limits (``complete`` is then False).
        finish_reason: why it ended.
        prompt_tokens: tokens of the prompt.
        completion_tokens: tokens generated.
        seconds: wall time of the passes that it took part in, shared among those decoded together.
        logprobs: of each token of the text, where they were asked for.
        complete: False where the text, by its schema, is not whole.
    """

    text: str
    finish_reason: ChatFinish
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    logprobs: tuple[TokenLogprob, ...] = ()
    complete: bool = True


@dataclass(frozen=True)
class EngineStats:
    """The state of an engine, for health checks and metrics.

    Attributes:
        live: whether the thread that decodes is there.
        ready: whether requests are taken: live, warmed up, and not being closed.
        slots: requests, or parts of them, that are decoded at once.
        busy: slots in use.
        queued: requests that wait for a slot.
        queue_limit: most that may wait.
        documents: finished :class:`ExtractRequest`, by status; ``cancelled`` among them.
        chats: finished :class:`ChatRequest`, by finish reason; ``cancelled`` and ``error`` too.
        prompt_tokens: tokens of the prompts of all that are finished.
        completion_tokens: tokens of all answers.
        passes: forward passes.
        pass_seconds: wall time in them.
        oldest_seconds: age of the request that is waiting or in work for longest; 0 without one.
        queue_seconds: the mean time that the latest requests waited for a slot.
        uptime: seconds since the start.
    """

    live: bool
    ready: bool
    slots: int
    busy: int
    queued: int
    queue_limit: int
    documents: Mapping[str, int] = field(default_factory=dict)
    chats: Mapping[str, int] = field(default_factory=dict)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    passes: int = 0
    pass_seconds: float = 0.0
    oldest_seconds: float = 0.0
    queue_seconds: float = 0.0
    uptime: float = 0.0
