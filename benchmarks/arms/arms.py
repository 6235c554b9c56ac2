"""The programs under test, each behind the same three calls.

Every arm loads the model, takes a task and answers documents greedily with the same threads,
context and budget. What it is given beyond that is what its own documentation shows.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

from benchmarks.arms.probe import Meter, meter_forward, meter_methods
from benchmarks.cases import Job
from setaccio.data import Task
from setaccio.data.errors import MissingExtraError, SetaccioError
from setaccio.data.records import Document


class Done(NamedTuple):
    """One document's answer: its number and the text as generated."""

    key: str
    text: str


class Arm:
    """A program under test: loaded when it is made, then given a task, then documents.

    Attributes:
        forward: its forward passes; None where they can not be seen.
        prompts: of these, those that read prompts.
        masks: everything that its grammar costs (masks, forced tokens, and, where that can not be
            told apart, choosing the token); None where it can not be seen.
        task: what was prepared for.
        max_tokens: likewise.
    """

    forward: Meter | None = None
    prompts: Meter | None = None
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
        job: model, adapter, threads, context.
        constraint: ``schema`` or ``none``.
        parallel: documents at once.
    """

    def __init__(self, job: Job, constraint: Any, parallel: int) -> None:
        from setaccio.runtime import load_model

        self.forward, self.prompts = meter_forward()
        if constraint == "schema":
            from setaccio.runtime.grammar.constraint import Matcher

            self.masks = meter_methods(Matcher, ("mask", "forced", "accept", "count_allowed"))
        self._model = load_model(job.model, context=job.context, threads=job.threads)
        self._adapter = job.adapter or None
        self._constraint = constraint
        self._parallel = parallel

    def prepare(self, task: Task, max_tokens: int) -> None:
        """See :class:`Arm`."""
        from setaccio.runtime import Extractor

        self._extractor = Extractor(
            self._model,
            task,
            adapter=self._adapter,
            constraint=self._constraint,
            max_tokens=max_tokens,
            parallel=self._parallel,
        )

    def answer(self, documents: Iterable[Document]) -> Iterator[Done]:
        """See :class:`Arm`."""
        for extraction in self._extractor.extract_all(documents):
            yield Done(extraction.id, extraction.raw)


def _llama(job: Job) -> Any:
    import llama_cpp

    return llama_cpp.Llama(
        job.model,
        n_ctx=job.context,
        n_threads=job.threads,
        n_threads_batch=job.threads,
        lora_path=job.adapter or None,
        verbose=False,
    )


class Outlines(Arm):
    """Outlines with llama-cpp-python, as its documentation shows; the generator is kept.

    Args:
        job: model, adapter, threads, context.
        backend: ``outlines_core``, its default for JSON Schema, or ``llguidance``.
    """

    def __init__(self, job: Job, backend: str) -> None:
        import outlines

        if backend == "outlines_core" and importlib.util.find_spec("numba") is None:
            # Its callback would fail, and the answers come out unconstrained.
            raise MissingExtraError("bench", "numba")
        self.forward, self.prompts = meter_forward()
        processor = {
            "outlines_core": "OutlinesCoreLogitsProcessor",
            "llguidance": "LLGuidanceLogitsProcessor",
        }[backend]
        home = importlib.import_module(f"outlines.backends.{backend}")
        self.masks = meter_methods(getattr(home, processor), ["process_logits"])
        self._backend = backend
        self._model = outlines.from_llamacpp(_llama(job))

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

    def __init__(self, job: Job) -> None:
        import llama_cpp._internals

        self.forward, self.prompts = meter_forward()
        self.masks = meter_methods(llama_cpp._internals.LlamaSampler, ["sample"])
        self._llama = _llama(job)

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
        job: model, adapter, threads, context; ``parallel`` is the number of slots.
    """

    def __init__(self, job: Job) -> None:
        import xllamacpp

        parameters = xllamacpp.CommonParams()
        parameters.model.path = job.model
        if job.adapter:
            parameters.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(job.adapter, 1.0)]
        parameters.n_parallel = self._parallel = job.parallel
        parameters.n_ctx = job.context * job.parallel
        parameters.kv_unified = False
        parameters.fit_params = False
        parameters.cache_ram_mib = 0
        parameters.n_gpu_layers = 0
        parameters.cpuparams.n_threads = job.threads
        parameters.cpuparams_batch.n_threads = job.threads
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


def make_arm(job: Job) -> Arm:
    """Load an arm.

    Args:
        job: model, adapter, threads, context, documents at once.
    """
    name = job.arm
    if name.startswith("ours"):
        _, mode, constraint = name.split("-")
        return Ours(job, constraint, job.parallel if mode == "batched" else 1)
    if name.startswith("outlines"):
        return Outlines(job, name.partition("-")[2])
    if name == "gbnf":
        return Gbnf(job)
    return Server(job)


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
