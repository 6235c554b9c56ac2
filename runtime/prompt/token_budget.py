"""Does a document fit the context with its answer, and how is it cut where it does not?"""

from __future__ import annotations

from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.prompt.chunks import Chunk, split_text
from setaccio.runtime.prompt.prompts import Prompt, Prompts

SPARE_TOKENS = 256
"""Default budget beyond what document and schema account for."""

LEAST_ANSWER = 64
"""A document does not fit when fewer tokens than this, plus half its own, are left to answer."""

LEAST_CHUNK = 48
"""Tokens of the shortest chunk that a document is cut into; where less fits, it is refused."""


class TokenBudget:
    """The context of a model, shared by prompt and answer.

    Args:
        model: whose context.
        prompts: make the prompts of its task.
        schema_tokens: tokens of the schema, whose keys an answer repeats.
        max_tokens: most tokens of an answer; None for twice the document's tokens, those of the
            schema and :data:`SPARE_TOKENS`.
        chunk: whether documents may be cut.
        thought: tokens that are kept for a thought.
    """

    def __init__(
        self,
        model: LoadedModel,
        prompts: Prompts,
        schema_tokens: int,
        max_tokens: int | None,
        chunk: bool,
        thought: int = 0,
    ) -> None:
        self._context = model.context - thought
        self._prompts = prompts
        self._schema_tokens = schema_tokens
        self._max_tokens = max_tokens
        self._chunk = chunk

    def budget(self, prompt: Prompt) -> int:
        """Tokens that the answer may have."""
        return min(self._wanted(prompt), self._context - prompt.size)

    def fits(self, prompt: Prompt) -> bool:
        """Whether the answer may have as many tokens as it is likely to need."""
        return self.budget(prompt) >= self._least(prompt)

    def is_short(self, prompt: Prompt) -> bool:
        """Whether the context leaves the answer fewer tokens than the budget would allow."""
        return self.budget(prompt) < self._wanted(prompt)

    def parts(self, text: str) -> list[tuple[Chunk, Prompt]]:
        """A document in parts that leave the tokens of full answers.

        Returns:
            Nothing where it must stay whole, or would still not fit.
        """
        left = self._context - self._prompts.fixed
        if self._max_tokens is None:
            # The answer has twice the tokens of the document, so that a third is the document's.
            limit = (left - self._schema_tokens - SPARE_TOKENS) // 3
        else:
            limit = left - self._max_tokens
        if not self._chunk or limit < LEAST_CHUNK:
            return []
        chunks = split_text(text, limit, self._prompts.count)
        parts = [(chunk, self._prompts.make(chunk.text)) for chunk in chunks]
        return parts if all(self.fits(prompt) for _, prompt in parts) else []

    def too_long(self, prompt: Prompt) -> str:
        """The message for a document that is refused."""
        context, own = self._context, self._prompts.fixed
        answer = min(self._max_tokens or LEAST_ANSWER, LEAST_ANSWER)
        if context - own - answer < LEAST_CHUNK:
            return (
                f"The task's own prompt (instruction, schema, examples) has {own} tokens, but the "
                f"context holds {context} for it, the document and the answer. Shorten the task, "
                "or ask for a longer context."
            )
        return (
            f"The prompt has {prompt.size} tokens and the answer needs at least "
            f"{self._least(prompt)}, but the context holds {context}. Shorten or split "
            "the document."
        )

    def _wanted(self, prompt: Prompt) -> int:
        """Tokens that the answer would have where the context has no end."""
        return self._max_tokens or 2 * len(prompt.document) + self._schema_tokens + SPARE_TOKENS

    def _least(self, prompt: Prompt) -> int:
        return min(self._wanted(prompt), LEAST_ANSWER + len(prompt.document) // 2)
