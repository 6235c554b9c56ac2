"""llama.cpp's own server, from the prebuilt package ``xllamacpp``, with parallel slots.

It runs in this process; requests go straight to its handlers, so no HTTP is paid for.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from benchmarks.arms.arms import Done, Settings
from benchmarks.arms.probe import Meter
from setaccio.data import Task
from setaccio.data.errors import MissingExtraError, SetaccioError
from setaccio.data.records import Document

VERBOSITY_ERRORS = 1


class Server:
    """The server.

    Args:
        settings: shared ones; ``parallel`` is the number of slots.

    Raises:
        MissingExtraError: xllamacpp is not installed.
    """

    def __init__(self, settings: Settings) -> None:
        try:
            import xllamacpp
        except ImportError as error:
            raise MissingExtraError("bench", "xllamacpp") from error
        self.forward: Meter | None = None
        self.masks: Meter | None = None
        parameters = xllamacpp.CommonParams()
        parameters.model.path = settings.model
        parameters.n_parallel = settings.parallel
        parameters.n_ctx = settings.context * settings.parallel
        parameters.kv_unified = False
        parameters.fit_params = False
        parameters.cache_ram_mib = 0
        parameters.n_gpu_layers = 0
        parameters.cpuparams.n_threads = settings.threads
        parameters.cpuparams_batch.n_threads = settings.threads
        parameters.verbosity = VERBOSITY_ERRORS
        self._server = xllamacpp.Server(parameters)
        self._parallel = settings.parallel
        self._task: Task | None = None
        self._max_tokens = 0

    def prepare(self, task: Task, max_tokens: int) -> None:
        """See :class:`benchmarks.arms.arms.Arm`."""
        self._task, self._max_tokens = task, max_tokens

    def answer(self, documents: Iterable[Document]) -> Iterator[Done]:
        """See :class:`benchmarks.arms.arms.Arm`."""
        waiting = iter(documents)
        lock = threading.Lock()
        done: queue.Queue[Done | BaseException | None] = queue.Queue()

        def work() -> None:
            try:
                while True:
                    with lock:
                        document = next(waiting, None)
                    if document is None:
                        break
                    done.put(Done(document.id, self._ask(document)))
            except BaseException as error:
                done.put(error)
            done.put(None)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(self._parallel)]
        for thread in threads:
            thread.start()
        running = len(threads)
        while running:
            item = done.get()
            if item is None:
                running -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item

    def _ask(self, document: Document) -> str:
        if self._task is None:
            return ""
        reply: Any = self._server.handle_chat_completions(
            {
                "messages": self._task.messages(document.text),
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "answer", "schema": self._task.json_schema},
                },
                "max_tokens": self._max_tokens,
                "temperature": 0,
            }
        )
        if "choices" not in reply:
            raise SetaccioError(f"the server refuses a request: {reply}")
        return str(reply["choices"][0]["message"]["content"])
