"""A JSON Schema as a constraint on tokens: compiled by Outlines, enforced by llguidance.

Outlines' ``llguidance`` back end turns the schema into a grammar over the model's own vocabulary.
The whitespace settings travel inside the schema, as llguidance's ``x-guidance`` extension
(https://github.com/guidance-ai/llguidance/blob/main/docs/json_schema.md), so that it is Outlines
that compiles them: the answer is compact JSON, the form that training teaches.
"""

from __future__ import annotations

import functools
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import llguidance
import numpy as np
import numpy.typing as npt

from setaccio.data.errors import SchemaError
from setaccio.data.schema.check import check_schema
from setaccio.data.schema.grammar.exact_grammar import COMPACT_JSON, exact_grammar
from setaccio.data.schema.grammar.pattern_limits import explosions
from setaccio.data.schema.grammar.readable import readable
from setaccio.data.schema.keywords import refusal_message, refused_keyword
from setaccio.data.schema.unenforceable import refusals, shorten
from setaccio.data.task.task import dump_compact
from setaccio.runtime.grammar.likely_texts import likely_texts
from setaccio.runtime.model.load import LoadedModel

Constraint = Literal["schema", "none"]

MOST_GRAMMARS = 128
"""Compiled schemas that are kept for a model, the latest used ones."""


_MAKING = threading.Lock()  # filters of warnings and sys.modules belong to all threads


@contextmanager
def _without_transformers() -> Iterator[None]:
    """Keep Outlines from importing transformers for its MLX models, which takes a second.

    Outlines does without where transformers is not installed; nothing changes for a process that
    has transformers loaded already, and afterwards it can be imported as before.
    """
    if "transformers" in sys.modules or "outlines" in sys.modules:
        yield
        return
    sys.modules["transformers"] = None  # type: ignore[assignment]  # importing it fails now
    try:
        yield
    finally:
        del sys.modules["transformers"]


def _make_backend(model: LoadedModel) -> Any:
    with _without_transformers():
        from outlines.backends.llguidance import LLGuidanceBackend
        from outlines.models.llamacpp import LlamaCpp

    class Handle(LlamaCpp):  # type: ignore[misc]
        """Outlines' model without its tokenizer, whose vocabulary this back end never reads."""

        def __init__(self, llama: Any) -> None:
            self.model = llama

    with warnings.catch_warnings():
        # llguidance calls an old name in llama-cpp-python once per token of the vocabulary.
        warnings.filterwarnings("ignore", "llama_token_get_attr is deprecated", DeprecationWarning)
        return LLGuidanceBackend(Handle(model.llama))


class Grammar:
    """A compiled schema. Make one with :func:`compile_schema`; :meth:`start` it per document.

    Attributes:
        text: the grammar in llguidance's own form.
        tokenizer: llguidance's view of the model's vocabulary.
    """

    def __init__(self, processor: Any, schema: dict[str, Any]) -> None:
        self._schema = schema
        self.text: str = processor.grammar
        self.tokenizer: Any = processor.llg_tokenizer
        self._fresh = llguidance.LLMatcher(self.tokenizer, self.text, log_level=0)
        if self._fresh.is_error():
            raise ValueError(shorten(self._fresh.get_error()))

    def start(self) -> Matcher:
        """A matcher at the beginning of an answer; copying a compiled one costs microseconds."""
        size = self.tokenizer.vocab_size
        mask = np.zeros((size + 31) // 32, np.int32)
        return Matcher(self._fresh.deep_copy(), mask, self)

    @functools.cached_property
    def texts(self) -> tuple[str, ...]:
        """Texts that the schema makes likely, for answers that have to be closed."""
        return likely_texts(self._schema)


def is_allowed(mask: npt.NDArray[np.int32], token: int) -> bool:
    """Whether a mask, as :meth:`Matcher.mask` gives it, holds a token id."""
    # Word token // 32, bit token % 32; ids beyond the mask are none that the grammar knows.
    return token >> 5 < mask.size and bool(int(mask[token >> 5]) >> (token & 31) & 1)


class Matcher:
    """Where one answer stands in its grammar."""

    def __init__(self, state: Any, mask: npt.NDArray[np.int32], grammar: Grammar) -> None:
        self.state = state
        self.grammar = grammar
        self._mask = mask
        self._address = mask.ctypes.data

    def copy(self) -> Matcher:
        """Another matcher at the same place; both write their masks to the same memory."""
        return Matcher(self.state.deep_copy(), self._mask, self.grammar)

    @property
    def complete(self) -> bool:
        """Whether the answer is finished: nothing but an end token could follow."""
        return bool(self.state.is_stopped())

    @property
    def may_end(self) -> bool:
        """Whether the answer could end here."""
        return bool(self.state.is_accepting() or self.state.is_stopped())

    def forced(self) -> list[int]:
        """The tokens that must come next because the grammar leaves no choice; often none."""
        return [int(token) for token in self.state.compute_ff_tokens()]

    def count_allowed(self, tokens: Sequence[int]) -> int:
        """How many of these tokens, from the first on, could come next in this order."""
        return int(self.state.validate_tokens(list(tokens)))

    def tokenise(self, text: bytes) -> list[int]:
        """Tokens that make up a text, the longest first."""
        return [int(token) for token in self.grammar.tokenizer.tokenize_bytes(text)]

    def take_back(self, count: int) -> None:
        """Move back by ``count`` tokens."""
        self.state.rollback(count)
        self._refuse_error()

    def mask(self) -> npt.NDArray[np.int32]:
        """Allowed next tokens: one bit per token id, 32 to a word; valid until the next call
        of this or of a copy."""
        # Into our own memory: the safe call makes a new buffer for every token.
        self.state.unsafe_compute_mask_ptr(self._address, self._mask.nbytes)
        self._refuse_error()
        return self._mask

    def accept(self, token: int) -> None:
        """Move on by one token.

        Raises:
            ValueError: the grammar does not allow it here, or a limit of the parser is reached.
        """
        self.state.consume_token(token)
        self._refuse_error()

    def _refuse_error(self) -> None:
        if self.state.is_error():
            raise ValueError(shorten(self.state.get_error()))


def _refusal(schema: dict[str, Any], reason: str) -> SchemaError:
    """The error for a schema that can not be enforced; llguidance's own reason says the least."""
    parts = refusals(schema)
    if parts:
        return SchemaError(refusal_message(list(map(str, parts))))
    keyword = refused_keyword(reason)
    what = f"{f'the keyword {keyword!r}' if keyword else 'it'} ({shorten(reason)})"
    return SchemaError(f"schema: the constraint can not enforce {what}. Change that part of it.")


def _source(schema: dict[str, Any]) -> str:
    """A schema as llguidance is given it."""
    return dump_compact({**readable(schema), "x-guidance": COMPACT_JSON})


def check_enforceable(schema: dict[str, Any]) -> None:
    """Find out without a model whether a schema can be enforced: that depends on no vocabulary.

    Args:
        schema: the JSON Schema of an answer.

    Raises:
        SchemaError: invalid, or with a part that can not be enforced; the message names it.
    """
    check_schema(schema)
    try:
        exact = exact_grammar(schema)
        grammar = exact or llguidance.LLMatcher.grammar_from_json_schema(_source(schema))
    except ValueError as error:
        raise _refusal(schema, str(error)) from error
    matcher = llguidance.LLMatcher(llguidance.LLTokenizer("byte"), grammar, log_level=0)
    if matcher.is_error():
        raise _refusal(schema, shorten(matcher.get_error()))
    _check_patterns(schema)


def _check_patterns(schema: dict[str, Any]) -> None:
    """Refuse patterns that compile, and then fail every document."""
    reason = next(explosions(schema), "")
    if reason:
        raise _refusal(schema, reason)


def compile_schema(model: LoadedModel, schema: dict[str, Any]) -> Grammar:
    """Compile a JSON Schema for a model; a second call with the same schema is free, unless
    :data:`MOST_GRAMMARS` others came between.

    Args:
        model: whose vocabulary.
        schema: the JSON Schema of the answer.

    Returns:
        The grammar, to be started anew for each document.

    Raises:
        SchemaError: invalid, or with a part that can not be enforced; the message names it.
    """
    source = dump_compact(schema)
    grammars = model.state.grammars
    with model.lock:  # threads may take out what others look for
        grammar = grammars.pop(source, None)
        if grammar is not None:
            grammars[source] = grammar  # the latest used is the last
    if grammar is None:
        check_schema(schema)
        with _MAKING:
            if model.state.backend is None:
                model.state.backend = _make_backend(model)
        try:
            backend, exact = model.state.backend, exact_grammar(schema)
            processor = (
                backend.get_cfg_logits_processor(exact)
                if exact
                else backend.get_json_schema_logits_processor(_source(schema))
            )
            grammar = Grammar(processor, schema)
            _check_patterns(schema)  # before it is kept, or a second call would let it pass
        except ValueError as error:
            raise _refusal(schema, str(error)) from error
        with model.lock:
            grammars[source] = grammar
            while len(grammars) > MOST_GRAMMARS:
                del grammars[next(iter(grammars))]
    return grammar
