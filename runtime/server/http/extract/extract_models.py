"""What ``/extract`` takes and gives. A row is the one that the command line writes."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, Field

from setaccio.data.documents.extracted import unpack_places
from setaccio.data.errors import SetaccioError
from setaccio.data.records import Document, Problem
from setaccio.data.task.task import Task
from setaccio.data.text.places import SourceMap
from setaccio.runtime.extraction import Extraction, FinishReason, Status
from setaccio.runtime.model.adapters import join_names
from setaccio.runtime.server.engine import Engine
from setaccio.runtime.server.http.body import StrictModel
from setaccio.runtime.server.http.catalogue import Catalogue
from setaccio.runtime.server.http.errors import HttpError
from setaccio.runtime.server.request_types import ExtractRequest

MOST_DOCUMENTS = 1000
"""Documents of one request; more go through ``/extract/stream``."""

Name = Annotated[str, Field(max_length=200)]
Id = Annotated[str, Field(max_length=1000)]


class File(NamedTuple):
    """A file that is to be read."""

    name: str
    content: bytes


class Options(StrictModel):
    """How an answer is decoded; the names and defaults are those of ``setaccio extract``."""

    constraint: Literal["schema", "none"] = Field(
        default="schema", description="`none` decodes freely, which nothing else does"
    )
    max_tokens: int | None = Field(
        default=None, ge=1, le=1_000_000, description="most tokens to write"
    )
    temperature: float = Field(default=0.0, ge=0, le=2, description="0 takes the likeliest token")
    top_p: float = Field(default=1.0, gt=0, le=1)
    seed: int = Field(default=0, ge=0, lt=2**63)
    chunk: bool = Field(default=True, description="cut documents that do not fit the context")
    require_grounding: Literal["null", "drop", "fail"] | None = Field(
        default=None, description="what becomes of values that stand nowhere in the document"
    )
    guard_lists: bool = Field(default=True, description="close lists that repeat themselves")
    thinking: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="most tokens to think before the answer; by default what the server says",
    )


class _What(StrictModel):
    """What to extract, and how."""

    task: Name | None = Field(None, description="a task's name; see /tasks")
    schema_: dict[str, Any] | None = Field(
        None, alias="schema", description="a JSON Schema instead of a task"
    )
    instruction: str | None = Field(None, description="what is asked, beside a schema")
    adapter: Name | None = Field(
        None, description="a model's name; by default the adapter that was trained for the task"
    )
    options: Options = Field(default_factory=Options)


class PlacesBody(StrictModel):
    """What stands where in a file, packed by `/texts`; nobody else need make any."""

    arrays: list[str]
    names: list[str]


class DocumentBody(StrictModel):
    """A document: its `text`, or the file's `content`; or what `/texts` gave, as it is."""

    id: Id = Field(description="of a file its name, which helps to tell what it is")
    text: str | None = None
    content: str | None = Field(None, description="a file, in base 64")
    note: str = Field("", description="what of the file is not in the text")
    places: PlacesBody | None = Field(None, description="what stands where in the file")

    def document(self) -> Document | File:
        """The document, or the file that is to be read.

        Raises:
            HttpError: there is not exactly one of text and content, or the places are none.
        """
        if (self.text is None) == (self.content is None):
            raise HttpError(
                400, "documents: each has either a text or a content.", param="documents"
            )
        if self.text is None:
            try:
                return File(self.id, base64.b64decode(self.content or "", validate=True))
            except ValueError as error:
                raise HttpError(400, "content: is not in base 64.", param="documents") from error
        if not self.places:
            return Document(self.id, self.text, SourceMap(note=self.note) if self.note else None)
        try:
            places = unpack_places(self.places.model_dump(), self.note)
        except ValueError as error:
            raise HttpError(400, f"places: {error}.", param="documents") from error
        return Document(self.id, self.text, places)


class LineBody(_What):
    """A line of ``/extract/stream``."""

    id: Id | None = None
    text: str


class ExtractBody(_What):
    """One of ``text``, ``texts`` and ``documents``, and what to extract from it."""

    text: str | None = Field(None, description="one document")
    texts: list[str] | None = Field(None, min_length=1, max_length=MOST_DOCUMENTS)
    documents: list[DocumentBody] | None = Field(None, min_length=1, max_length=MOST_DOCUMENTS)
    stream: bool = Field(False, description="server-sent events, of one `text` or document")

    def given(self) -> list[Document | File]:
        """The documents, and the files that are to be read.

        Raises:
            HttpError: there is not exactly one kind of them.
        """
        kinds = [self.text, self.texts, self.documents]
        if sum(kind is not None for kind in kinds) != 1:
            raise HttpError(400, "text: give one of text, texts and documents.", param="text")
        if self.documents is not None:
            return [each.document() for each in self.documents]
        if self.texts is not None:
            return [Document(str(place), text) for place, text in enumerate(self.texts, 1)]
        return [Document("document", str(self.text))]


class SpanBody(BaseModel):
    """Where a value stands."""

    start: int = Field(description="its first character in the document")
    end: int = Field(description="the one behind its last")
    how: str = Field(description="how it was found")
    score: float = Field(description="likeness from 0 to 1")
    page: int = Field(0, description="of a PDF; absent elsewhere")
    box: list[float] = Field([], description="left, top, right, bottom in points; of a PDF")
    part: str = Field("", description="of an e-mail, a Word or an Excel file")


class ExtractionRow(BaseModel):
    """What came out for one document."""

    id: str
    status: Status = Field(description="`ok`: complete and valid; nothing else is passed off as it")
    data: Any = Field(description="the answer; null where there is none")
    raw: str = Field(description="the text that was generated")
    finish_reason: FinishReason = Field(description="why it ended")
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    message: str = Field(description="what is wrong and what to do; empty when nothing is")
    task: str
    model: str
    constraint: Literal["schema", "none"]
    confidence: dict[str, float] = Field(description="by the JSON pointer of each leaf")
    removed: dict[str, float] = Field(description="probability that the mask took, by leaf")
    spans: dict[str, SpanBody] = Field(description="where each leaf stands")
    chunks: int
    closed_lists: int
    thought: str = Field("", description="what was thought before; absent where nothing was asked")


class ExtractionRows(BaseModel):
    """What came out for several documents, in their order."""

    rows: list[ExtractionRow]


def extract_requests(
    what: _What, documents: list[Document], catalogue: Catalogue, seconds: float, *, stream: bool
) -> list[ExtractRequest]:
    """What the engine is asked for documents.

    Args:
        what: task or schema, adapter, options.
        documents: the documents.
        catalogue: what there is.
        seconds: time limit of each.
        stream: whether the answer's text is wanted as it is decoded.

    Raises:
        HttpError: it is not said what to extract, or what is named is not there.
    """
    task, adapter = _choice(what, catalogue)
    options = {"thinking": catalogue.thinking, **what.options.model_dump(exclude_unset=True)}
    return [
        ExtractRequest(
            document=document, task=task, adapter=adapter, seconds=seconds, stream=stream, **options
        )
        for document in documents
    ]


def _choice(what: _What, catalogue: Catalogue) -> tuple[Task | None, str | None]:
    """The task, None where adapter or base carry it, and the adapter."""
    if what.task is not None and what.schema_ is not None:
        raise HttpError(400, "schema: not together with task. Give one of them.", param="schema")
    if what.instruction is not None and what.schema_ is None:
        raise HttpError(400, "instruction: belongs to a schema.", param="instruction")
    named = None if what.adapter is None else catalogue.adapter_of(what.adapter, "adapter")
    if what.schema_ is not None:
        return read_schema(what.schema_, what.instruction), named
    if what.task is None and what.adapter is not None:
        return None, named
    offer = catalogue.default() if what.task is None else catalogue.offer(what.task)
    if what.adapter is None:
        return (None if offer.carried else offer.task), offer.adapter
    return (None if offer.carried and named == offer.adapter else offer.task), named


def read_schema(schema: dict[str, Any], instruction: str | None, param: str = "schema") -> Task:
    """A task of a schema that came in a parameter.

    Raises:
        HttpError: it is none, or can not be enforced; each keyword is named with its place.
    """
    try:
        return Task.from_schema(schema, instruction or None)
    except (SetaccioError, ValueError) as error:  # such as a pattern that searches too long
        raise HttpError(400, str(error), param=param, code="unsupported_schema") from error


def fault_row(problem: Problem, what: _What, engine: Engine, catalogue: Catalogue) -> str:
    """The row of a file that can not be read, or of what is attached to one.

    Args:
        problem: what is wrong.
        what: what was to be extracted.
        engine: what would have answered.
        catalogue: what there is.
    """
    task, name = _choice(what, catalogue)
    adapter = None if name is None else engine.adapters[name]
    task = task or (adapter or engine.model).task
    return Extraction.refused(
        problem.source,
        str(problem),
        task=task.name if task else "",
        model=join_names(engine.model.name, adapter.path if adapter else None),
        constraint=what.options.constraint,
    ).to_json()


def error_row(name: str, message: str) -> str:
    """The row of a line that could not be read."""
    return Extraction.refused(name, message).to_json()
