"""The programs under test, each behind the same three calls.

Every arm loads the model, takes a task and answers documents greedily with the same threads,
context and budget. What it is given beyond that is what its own documentation shows.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, NamedTuple

from benchmarks.arms.probe import Meter, meter_forward, meter_methods
from setaccio.data import Task
from setaccio.data.errors import SetaccioError
from setaccio.data.records import Document


class Done(NamedTuple):
    """One document's answer: its number and the text as generated."""

    key: str
    text: str


@dataclass(frozen=True)
class Settings:
    """What all arms share.

    Attributes:
        model: path of the GGUF.
        context: tokens for each document's prompt and answer.
        threads: threads that compute.
        parallel: documents at once, for arms that can.
    """

    model: str
    context: int
    threads: int
    parallel: int


class Arm:
    """A program under test: loaded when it is made, then given a task, then documents.

    Attributes:
        forward: its forward passes; None where they can not be seen.
        masks: everything that its grammar costs (masks, forced tokens, and, where that can not be
            told apart, choosing the token); None where it can not be seen.
        task: what was prepared for.
        max_tokens: likewise.
    """

    forward: Meter | None = None
    masks: Meter | None = None
    task: Task | None = None
    max_tokens = 0

    def prepare(self, task: Task, max_tokens: int) -> None:
        """Compile what is needed for a task."""
        self.task, self.max_tokens = task, max_tokens

    def answer(self, documents: Iterable[Document]) -> Iterator[Done]:
        """Answer documents, in any order."""
        for document in documents:
            yield Done(document.id, self.reply(document))

    def reply(self, document: Document) -> str:
        """Answer one document."""
        raise NotImplementedError


class Ours(Arm):
    """This runtime.

    Args:
        settings: shared ones.
        constraint: ``schema`` or ``none``.
        parallel: documents at once.
    """

    def __init__(self, settings: Settings, constraint: Any, parallel: int) -> None:
        from setaccio.runtime import load_model

        self.forward = meter_forward()
        if constraint == "schema":
            from setaccio.runtime.grammar.constraint import Matcher

            self.masks = meter_methods(Matcher, ("mask", "forced", "accept", "count_allowed"))
        self._model = load_model(settings.model, context=settings.context, threads=settings.threads)
        self._constraint = constraint
        self._parallel = parallel

    def prepare(self, task: Task, max_tokens: int) -> None:
        """See :class:`Arm`."""
        from setaccio.runtime import Extractor

        self._extractor = Extractor(
            self._model,
            task,
            constraint=self._constraint,
            max_tokens=max_tokens,
            parallel=self._parallel,
        )

    def answer(self, documents: Iterable[Document]) -> Iterator[Done]:
        """See :class:`Arm`."""
        for extraction in self._extractor.extract_all(documents):
            yield Done(extraction.id, extraction.raw)


def _llama(settings: Settings) -> Any:
    import llama_cpp

    return llama_cpp.Llama(
        settings.model,
        n_ctx=settings.context,
        n_threads=settings.threads,
        n_threads_batch=settings.threads,
        verbose=False,
    )


class Outlines(Arm):
    """Outlines with llama-cpp-python, as its documentation shows; the generator is kept.

    Args:
        settings: shared ones.
        backend: ``outlines_core``, its default for JSON Schema, or ``llguidance``.
    """

    def __init__(self, settings: Settings, backend: str) -> None:
        import outlines

        self.forward = meter_forward()
        processor = {
            "outlines_core": "OutlinesCoreLogitsProcessor",
            "llguidance": "LLGuidanceLogitsProcessor",
        }[backend]
        home = importlib.import_module(f"outlines.backends.{backend}")
        self.masks = meter_methods(getattr(home, processor), ["process_logits"])
        self._backend = backend
        self._model = outlines.from_llamacpp(_llama(settings))

    def prepare(self, task: Task, max_tokens: int) -> None:
        """See :class:`Arm`."""
        import outlines
        from outlines.types import JsonSchema

        if self.task != task:
            schema = JsonSchema(task.json_schema)
            self._generate = outlines.Generator(self._model, schema, backend=self._backend)
        super().prepare(task, max_tokens)

    def reply(self, document: Document) -> str:
        """See :class:`Arm`."""
        from outlines.inputs import Chat

        chat = Chat([dict(message) for message in self.task.messages(document.text)])
        return self._generate(chat, max_tokens=self.max_tokens, temperature=0)


class Gbnf(Arm):
    """llama-cpp-python's chat completion with a JSON Schema as response format."""

    def __init__(self, settings: Settings) -> None:
        import llama_cpp._internals

        self.forward = meter_forward()
        self.masks = meter_methods(llama_cpp._internals.LlamaSampler, ["sample"])
        self._llama = _llama(settings)

    def reply(self, document: Document) -> str:
        """See :class:`Arm`."""
        answer = self._llama.create_chat_completion(
            messages=self.task.messages(document.text),
            response_format={"type": "json_object", "schema": self.task.json_schema},
            max_tokens=self.max_tokens,
            temperature=0,
        )
        return answer["choices"][0]["message"]["content"]


class Server(Arm):
    """llama.cpp's own server, from the prebuilt package ``xllamacpp``, with parallel slots.

    It runs in this process; requests go straight to its handlers, so no HTTP is paid for.

    Args:
        settings: shared ones; ``parallel`` is the number of slots.
    """

    def __init__(self, settings: Settings) -> None:
        import xllamacpp

        parameters = xllamacpp.CommonParams()
        parameters.model.path = settings.model
        parameters.n_parallel = self._parallel = settings.parallel
        parameters.n_ctx = settings.context * settings.parallel
        parameters.kv_unified = False
        parameters.fit_params = False
        parameters.cache_ram_mib = 0
        parameters.n_gpu_layers = 0
        parameters.cpuparams.n_threads = settings.threads
        parameters.cpuparams_batch.n_threads = settings.threads
        parameters.verbosity = 1  # errors
        self._server = xllamacpp.Server(parameters)

    def answer(self, documents: Iterable[Document]) -> Iterator[Done]:
        """Keep every slot busy; see :class:`Arm`."""
        waiting = iter(documents)
        with ThreadPoolExecutor(self._parallel) as pool:
            running: dict[Future[str], str] = {}
            while True:
                for document in itertools.islice(waiting, self._parallel - len(running)):
                    running[pool.submit(self.reply, document)] = document.id
                if not running:
                    return
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    yield Done(running.pop(done), done.result())

    def reply(self, document: Document) -> str:
        """See :class:`Arm`."""
        schema = {"name": "answer", "schema": self.task.json_schema}
        answer: Any = self._server.handle_chat_completions(
            {
                "messages": self.task.messages(document.text),
                "response_format": {"type": "json_schema", "json_schema": schema},
                "max_tokens": self.max_tokens,
                "temperature": 0,
            }
        )
        if "choices" not in answer:
            raise SetaccioError(f"the server refuses a request: {answer}")
        return str(answer["choices"][0]["message"]["content"])


def make_arm(name: str, settings: Settings) -> Arm:
    """Load an arm.

    Args:
        name: one of :data:`LABELS`.
        settings: what all arms share.
    """
    if name.startswith("ours"):
        _, mode, constraint = name.split("-")
        return Ours(settings, constraint, settings.parallel if mode == "batched" else 1)
    if name.startswith("outlines"):
        return Outlines(settings, name.partition("-")[2])
    if name == "gbnf":
        return Gbnf(settings)
    return Server(settings)


LABELS = {
    "ours-serial-schema": "Setaccio, serial",
    "ours-serial-none": "Setaccio, serial, free",
    "ours-batched-schema": "Setaccio, batched",
    "ours-batched-none": "Setaccio, batched, free",
    "outlines-outlines_core": "Outlines (its default)",
    "outlines-llguidance": "Outlines (llguidance)",
    "gbnf": "llama-cpp-python, response format",
    "server": "llama.cpp's server, as many slots",
}
"""Every arm with its name in tables."""
SERIAL = tuple(name for name in LABELS if "batched" not in name and name != "server")
BATCHED = tuple(name for name in LABELS if name not in SERIAL)
