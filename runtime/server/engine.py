"""One base, many adapters, one decoder: requests from any thread, decoded side by side.

    >>> engine = Engine(load_model("base.gguf"), {"recipe": load_adapter(model, "recipe.gguf")})
    >>> ticket = engine.submit(ExtractRequest(document="Beat 2 eggs.", adapter="recipe"))
    >>> ticket.result().data

A thread of its own runs llama.cpp. A request that comes while others are decoded joins them at the
next pass; nobody waits for the others' end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import overload

from setaccio.runtime.extraction import Extraction
from setaccio.runtime.model.adapters import Adapter
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.server.request_types import (
    ChatRequest,
    ChatResult,
    EngineStats,
    ExtractRequest,
)
from setaccio.runtime.server.ticket import Ticket

QUEUE_LIMIT = 256
"""Requests that wait for a slot, by default; one more is refused."""


class Engine:
    """Answers requests with one model; to be closed, or used in a ``with`` statement.

    Attributes:
        model: the base.
        adapters: by the name that requests know them by.
        slots: requests, or parts of long documents, that are decoded at once.
        seconds: time limit of requests that name none; None for no limit.
    """

    def __init__(
        self,
        model: LoadedModel,
        adapters: Mapping[str, Adapter] | None = None,
        *,
        parallel: int | None = None,
        queue_limit: int = QUEUE_LIMIT,
        seconds: float | None = None,
    ) -> None:
        """Start the thread that decodes.

        Args:
            model: the base; it stays open when the engine is closed.
            adapters: adapters of that base, by name.
            parallel: what is decoded at once; by default as
                :func:`setaccio.runtime.decode.context_pool.default_parallel` finds right.
            queue_limit: requests that may wait for a slot.
            seconds: time limit of a request that names none.

        Raises:
            UsageError: an option is out of range.
        """
        raise NotImplementedError

    @overload
    def submit(self, request: ExtractRequest) -> Ticket[Extraction]: ...
    @overload
    def submit(self, request: ChatRequest) -> Ticket[ChatResult]: ...
    def submit(
        self, request: ExtractRequest | ChatRequest
    ) -> Ticket[Extraction] | Ticket[ChatResult]:
        """Take up a request. It is read, and its schema compiled, in the caller's thread.

        Args:
            request: what is asked.

        Returns:
            Where its answer comes. What is wrong with a document (empty, too long) becomes the
            status of its extraction.

        Raises:
            QueueFullError: as many wait as may, or the engine is being closed.
            SchemaError: the schema is invalid or can not be enforced; each keyword is named with
                its place.
            TaskError: nothing says what to extract.
            UsageError: no such adapter, an option is out of range, or a chat that can not be
                answered: it does not fit the context, or the template can not render it.
        """
        raise NotImplementedError

    def stats(self) -> EngineStats:
        """The state now; cheap enough to be asked often."""
        raise NotImplementedError

    def drain(self, timeout: float | None = None) -> bool:
        """Take no more requests, and wait for those that were taken.

        Args:
            timeout: seconds at most; None for as long as it takes.

        Returns:
            Whether all were finished in time.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Cancel what is left, end the thread and free the contexts. Harmless to call again."""
        raise NotImplementedError

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
