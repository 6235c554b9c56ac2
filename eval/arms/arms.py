"""What may stand in one comparison: a GGUF, an endpoint, outputs that were made elsewhere.

An arm says what it is; ``open`` turns it into a :class:`OutputSource` that makes its outputs. Every
source gives rows of one form (``id``, ``status``, ``raw``, ``data``, ``seconds``, token counts),
so that :mod:`setaccio.eval.compare` scores all of them alike. The other kinds of arm are
:class:`setaccio.eval.arms.baseline.EndpointArm` and
:class:`setaccio.eval.arms.predictions.RecordedArm`.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType

import llama_cpp

from setaccio.data.errors import ModelError
from setaccio.data.records import Document, Pair
from setaccio.data.task.task import Json, Task, dump_compact
from setaccio.eval.result import make_label
from setaccio.eval.stats.cost import Cost, peak_bytes, watch_cost
from setaccio.models import gguf_path
from setaccio.runtime import Adapter, Extractor, LoadedModel, load_adapter, load_model
from setaccio.runtime.decode.decoder import Watch
from setaccio.runtime.grammar.constraint import Constraint
from setaccio.runtime.model.adapters import join_names
from setaccio.runtime.model.gguf_header import read_header
from setaccio.runtime.model.llama_log import silence_llama
from setaccio.runtime.model.load import TASK_KEY

Row = dict[str, Json]
"""One output: a document's id and what came out for it."""


class ModelPool:
    """Holds the GGUF that was used last, so that arms with the same file load it once.

    Attributes:
        threads: threads that compute; None takes one per physical core.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads
        self._loaded: LoadedModel | None = None

    def get(self, path: Path) -> LoadedModel:
        """The loaded model of a file, or of a known model's name; any other one is freed.

        Raises:
            ModelError: the GGUF can not be loaded.
        """
        path = gguf_path(path)
        if self._loaded is None or self._loaded.path != path:
            self.close()
            self._loaded = load_model(path, threads=self.threads)
        return self._loaded

    def close(self) -> None:
        """Free the model."""
        if self._loaded is not None:
            self._loaded.close()
            self._loaded = None


@dataclass(frozen=True)
class Setting:
    """What all arms of a comparison share.

    Attributes:
        task: what is extracted.
        max_tokens: most tokens of an answer; None leaves it to the source.
        thinking: most tokens that GGUFs may think before each answer; None: they do not think.
        models: where GGUFs are loaded.
        tell: given a sentence about what makes the outputs of an arm doubtful.
        watch: told after every pass of a model how far its documents are.
    """

    task: Task
    max_tokens: int | None = None
    thinking: int | None = None
    models: ModelPool = field(default_factory=ModelPool)
    tell: Callable[[str], None] | None = None
    watch: Watch | None = None


class OutputSource(ABC):
    """Where one arm's outputs come from.

    Attributes:
        model: file name of the model, or whatever makes the outputs.
        size_bytes: size of the model's file; None when unknown.
        sha256: hash of the model's file; empty when unknown.
    """

    model: str
    size_bytes: int | None = None
    sha256: str = ""

    @property
    @abstractmethod
    def facts(self) -> dict[str, Json]:
        """What else ``config.json`` should say about it, never a secret."""

    @abstractmethod
    def key(self, pair: Pair) -> str:
        """Name of one output: the same for two runs that must give the same."""

    @abstractmethod
    def rows(self, pairs: Sequence[Pair]) -> Iterator[Row]:
        """Outputs for these pairs, one each, in order."""


class AnyArm(ABC):
    """One row of the comparison.

    Attributes:
        name: what the table calls it; unique with the constraint.
        constraint: ``schema``, ``none``, or empty when unknown.
        aliases: key name of its outputs to the task's; none where the prompt names the task's own.
    """

    name: str
    constraint: str
    aliases: Mapping[str, str] = MappingProxyType({})

    @property
    def label(self) -> str:
        """Name and decoding, such as ``tuned constrained``."""
        return make_label(self.name, self.constraint)

    @abstractmethod
    def open(self, setting: Setting) -> OutputSource:
        """Make ready to run."""


def hash_parts(*parts: Json) -> str:
    """A short name for JSON values taken together."""
    return hashlib.sha256(dump_compact(parts).encode("utf-8", "replace")).hexdigest()[:32]


@dataclass(frozen=True)
class Arm(AnyArm):
    """A GGUF with or without the constraint.

    Attributes:
        name: what the table calls the model, such as ``base``; unique with the constraint.
        path: the GGUF, or the name of a known model.
        constraint: ``schema`` or ``none``.
        adapter: a LoRA adapter that works beside it.
    """

    name: str
    path: Path
    constraint: Constraint
    adapter: Path | None = None

    def open(self, setting: Setting) -> OutputSource:
        """Load the GGUF, if it is not the one that is loaded already, and the adapter.

        Raises:
            ModelError: one of the two can not be loaded.
        """
        loaded = setting.models.get(self.path)
        adapter = None if self.adapter is None else load_adapter(loaded, self.adapter)
        if adapter is not None and adapter.warning and setting.tell:
            setting.tell(adapter.warning)
        return _GgufSource(loaded, self.constraint, setting, adapter)

    def carried_task(self) -> Task | None:
        """The task that the adapter carries, or the GGUF where there is none; None without one.

        Raises:
            ModelError: the file is no GGUF.
            TaskError: it carries a task that can not be read.
        """
        path = self.adapter or gguf_path(self.path)
        stored = read_header(path).metadata.get(TASK_KEY)
        return None if stored is None else Task.from_metadata(stored, source=str(path))


class _GgufSource(OutputSource):
    """Extracts with a loaded model, and an adapter beside it where there is one."""

    def __init__(
        self,
        loaded: LoadedModel,
        constraint: Constraint,
        setting: Setting,
        adapter: Adapter | None = None,
    ) -> None:
        self.loaded, self.constraint, self.setting = loaded, constraint, setting
        self.adapter = adapter
        self.model = join_names(loaded.name, adapter.path if adapter else None)
        beside = adapter.path.stat().st_size if adapter else 0
        self.size_bytes, self.sha256 = loaded.size_bytes + beside, loaded.sha256
        self._cost: Cost | None = None

    @property
    def facts(self) -> dict[str, Json]:
        parameters = llama_cpp.llama_model_n_params(self.loaded.llama.model)
        known: dict[str, Json] = {
            "parameters": int(parameters),
            "context": self.loaded.context,
        }
        if self.adapter is not None:
            known |= {"adapter": self.adapter.path.name, "adapter_sha256": self.adapter.sha256}
        # Of the documents that this run extracted; those of an earlier one are not among them.
        return known | ({"cost": asdict(self._cost)} if self._cost else {})

    def key(self, pair: Pair) -> str:
        return hash_parts(
            self.loaded.sha256,
            self.setting.task.digest,
            self.constraint,
            str(self.setting.max_tokens),
            pair.id,
            pair.text,
            *([self.adapter.sha256] if self.adapter else []),
            *([f"thinking {self.setting.thinking}"] if self.setting.thinking else []),
        )

    def rows(self, pairs: Sequence[Pair]) -> Iterator[Row]:
        task = self.setting.task
        extractor = Extractor(
            self.loaded,
            task,
            adapter=self.adapter,
            constraint=self.constraint,
            max_tokens=self.setting.max_tokens,
            thinking=self.setting.thinking,
        )
        # The first run pays for reading weights and setting up caches; no document should.
        first = Extractor(self.loaded, task, adapter=self.adapter, constraint="none", max_tokens=1)
        first.extract("warm-up")
        with watch_cost() as watch:
            documents = (Document(pair.id, pair.text) for pair in pairs)
            for extraction in extractor.extract_all(documents, watch=self.setting.watch):
                watch.documents += 1
                yield {**extraction.to_dict(), "peak_memory": peak_bytes()}
        self._cost = watch.cost


def gguf_parameters(path: str | Path) -> int:
    """Weights in a GGUF, counted from its list of tensors without loading them.

    Raises:
        ModelError: not a usable GGUF.
    """
    path = Path(path)
    read_header(path)  # names what is wrong with a file, which llama.cpp does not
    silence_llama()
    options = llama_cpp.llama_model_default_params()
    options.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), options)
    if not model:
        raise ModelError(f"{path}: llama.cpp can not read it. Fetch or export it again.")
    try:
        return int(llama_cpp.llama_model_n_params(model))
    finally:
        llama_cpp.llama_model_free(model)
