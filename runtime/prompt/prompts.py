"""A task's prompt for a document, as token ids, in the three parts that decoding needs."""

from __future__ import annotations

from dataclasses import dataclass

from setaccio.data.errors import ModelError
from setaccio.data.task.pieces import Piece, prompt_pieces
from setaccio.data.task.task import Task
from setaccio.data.task.thinking import ThoughtMarks, thought_marks
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.model.tokens import tokenise_pieces


@dataclass(frozen=True)
class Prompt:
    """A tokenised prompt.

    Attributes:
        prefix: what stands before the document, the same for all documents.
        document: the document.
        tail: what follows it.
    """

    prefix: list[int]
    document: list[int]
    tail: list[int]

    @property
    def rest(self) -> list[int]:
        """Everything behind the prefix."""
        return self.document + self.tail

    @property
    def size(self) -> int:
        """Tokens of the whole prompt."""
        return len(self.prefix) + len(self.document) + len(self.tail)


class Prompts:
    """Makes a task's prompts for a model.

    Args:
        model: its vocabulary and chat template.
        task: its instruction and schema.
        thinking: whether the model is to think before it answers.

    Attributes:
        prefix: token ids before the document.
        fixed: tokens of the prompt without the document.
        marks: scaffold around a thought; None where there is to be none.

    Raises:
        ModelError: the template can not render the task, or has no switch for thoughts.
    """

    def __init__(self, model: LoadedModel, task: Task, *, thinking: bool = False) -> None:
        self._model = model
        self._task = task
        self.marks: ThoughtMarks | None = None
        try:
            if thinking:
                self.marks = thought_marks(model.chat, task.messages("."))
            self._head, _, tail = self._parts(".")
        except ModelError as error:
            raise ModelError(f"{model.path}: {error}") from error
        self.prefix = tokenise_pieces(model, self._head)
        self.fixed = len(self.prefix) + len(tokenise_pieces(model, tail))

    def make(self, text: str) -> Prompt:
        """The prompt for one document.

        Raises:
            ValueError: the chat template writes something else before this document.
        """
        head, document, tail = self._parts(text)
        if head != self._head:
            raise ValueError("the chat template writes something else before this document")
        return Prompt(
            self.prefix, tokenise_pieces(self._model, document), tokenise_pieces(self._model, tail)
        )

    def count(self, text: str) -> int:
        """Tokens of a document, prompt apart."""
        return len(tokenise_pieces(self._model, self._parts(text)[1]))

    def _parts(self, text: str) -> tuple[list[Piece], list[Piece], list[Piece]]:
        thinking = self.marks is not None
        pieces = prompt_pieces(self._model.chat, self._task.messages(text), thinking=thinking)
        if self.marks:
            pieces.append(Piece(self.marks.opening, True))
        # The document is the last of the contents; what stands before it is the same every time.
        last = max(index for index, piece in enumerate(pieces) if not piece.special)
        return pieces[:last], pieces[last : last + 1], pieces[last + 1 :]
