"""Judge what was generated for a document: the :class:`Extraction`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar, get_args

from setaccio.data.schema.key_order import order_like
from setaccio.data.task.task import Task
from setaccio.data.text.evidence import Span, ground
from setaccio.data.text.places import SourceMap
from setaccio.runtime.decode.request import Completion
from setaccio.runtime.decode.scheduler import DecodeJob
from setaccio.runtime.extraction import Extraction, FinishReason, Status
from setaccio.runtime.grammar.constraint import Constraint
from setaccio.runtime.model.load import LoadedModel
from setaccio.runtime.model.tokens import decode_tokens, text_ranges
from setaccio.runtime.prompt.chunks import Chunk
from setaccio.runtime.result.confidence import LeafChance, leaf_chances
from setaccio.runtime.result.grounding_policy import Policy, apply_grounding
from setaccio.runtime.result.merging import Part, merge_answers
from setaccio.runtime.result.parsing import parse_for

Value = TypeVar("Value")
_WORST_LAST: tuple[Status, ...] = get_args(Status)  # its members are declared in that order


class _Answer(NamedTuple):
    """One completion, judged."""

    status: Status
    data: Any
    raw: str
    finish: FinishReason
    message: str
    chances: dict[str, LeafChance]
    spans: dict[str, Span]


class Outcomes:
    """Judges completions of one task.

    Args:
        model: what generated them.
        task: what they answer.
        constraint: ``schema`` or ``none``.
        require_grounding: what becomes of values that stand nowhere in the document; None leaves
            them.
        name: what the results call the model.
    """

    def __init__(
        self,
        model: LoadedModel,
        task: Task,
        constraint: Constraint,
        require_grounding: Policy | None,
        name: str,
    ) -> None:
        self._name = name
        self._model = model
        self._task = task
        self._constraint = constraint
        self._policy = require_grounding

    def judge(self, job: DecodeJob) -> Extraction:
        """The result of a document; never raises for what is wrong with it."""
        try:
            if job.error is not None:
                return self._failed(job, job.error)
            refusal = job.plan.refusal
            if refusal is None:
                return self._finished(job)
            return self._extraction(
                job,
                status=refusal.status,
                finish="refused",
                message=refusal.message,
                prompt=refusal.prompt_tokens,
            )
        except Exception as error:  # one document's misfortune must not end the others
            return self._failed(job, error)

    def _failed(self, job: DecodeJob, error: Exception) -> Extraction:
        message = _reason(str(error) or type(error).__name__)
        return self._extraction(job, status="error", finish="error", message=message)

    def _finished(self, job: DecodeJob) -> Extraction:
        completions = [job.completions[place] for place in range(len(job.parts))]
        chunks = [part.chunk for part in job.parts]
        answers = [self._judge(c, d) for c, d in zip(chunks, completions, strict=True)]
        answer = answers[0] if len(answers) == 1 else self._merge(chunks, answers)
        # After merging, which may have preferred another chunk's value already.
        answer = self._require_grounding(answer)
        places = job.plan.document.source_map
        return self._extraction(
            job,
            status=answer.status,
            finish=answer.finish,
            message=f"{answer.message} {places.note if places else ''}".strip(),
            prompt=sum(part.prompt.size for part in job.parts),
            data=answer.data,
            raw=answer.raw,
            completion=sum(completion.generated for completion in completions),
            confidence={key: chance.confidence for key, chance in answer.chances.items()},
            removed={key: chance.removed for key, chance in answer.chances.items()},
            spans=_located(answer.spans, places),
            chunks=len(chunks),
            closed_lists=sum(completion.closed_lists for completion in completions),
            thought=self._thought(job, completions),
        )

    def _thought(self, job: DecodeJob, completions: Sequence[Completion]) -> str | None:
        """What was thought for each part, by blank lines apart; None where nothing was asked."""
        if job.parts[0].request.thought is None:
            return None
        texts = (decode_tokens(self._model, done.thought).strip() for done in completions)
        return "\n\n".join(text for text in texts if text)

    def _judge(self, chunk: Chunk, completion: Completion) -> _Answer:
        if completion.finish == "error":
            return _Answer("error", None, "", "error", _reason(completion.message), {}, {})
        raw = decode_tokens(self._model, completion.tokens)
        status, data, message = self._status(raw, completion)
        known = len(completion.probabilities)
        chances = leaf_chances(
            raw,
            text_ranges(self._model, completion.tokens),
            # Tokens that only complete a truncated answer are not the model's choice.
            [*completion.probabilities, *[1.0] * (len(completion.tokens) - known)],
            [*completion.removed, *[0.0] * (len(completion.tokens) - known)],
        )
        spans = {} if data is None else ground(chunk.text, data)
        return _Answer(status, data, raw, completion.finish, message, chances, spans)

    def _status(self, raw: str, completion: Completion) -> tuple[Status, Any, str]:
        """Status, data and message for a generated text."""
        answer = parse_for(raw, self._task)
        constrained = self._constraint == "schema"
        closed = answer.value if constrained and not self._task.problems(answer.value) else None
        if completion.finish == "length":
            message = (
                f"The answer is incomplete after {completion.generated} tokens. Allow more, or "
                "split the text."
            )
            return "truncated_output", closed, message
        if completion.finish == "timeout":
            message = (
                f"The time limit was over after {completion.generated} tokens of the answer. "
                "Allow more time, or split the text."
            )
            return "truncated_output", closed, message
        if completion.finish == "repetition":
            message = (
                "The answer went round in circles and was stopped. Split the text, or bound the "
                "schema's lists and strings with maxItems and maxLength."
            )
            return "repetition", closed, message
        if not answer.found:
            return "invalid_json", None, "The answer holds no JSON. Try the schema constraint."
        problems = self._task.problems(answer.value)
        if problems:
            return "invalid_schema", answer.value, _first(problems)
        extra = "" if answer.strict else "Text around the JSON was left out."
        if completion.closed_lists:
            extra = (
                f"{completion.closed_lists} of its lists or texts began to repeat themselves and "
                "were closed there; look whether something is missing."
            )
        return "ok", answer.value, extra

    def _merge(self, chunks: Sequence[Chunk], answers: Sequence[_Answer]) -> _Answer:
        """One answer from those of a document's chunks, as good as the worst of them."""
        parts = [
            Part(chunk, answer.data, answer.chances, answer.spans)
            for chunk, answer in zip(chunks, answers, strict=True)
        ]
        merged = merge_answers(parts, self._task.merge)
        # Keys come in the order in which chunks met them; a constrained answer has the schema's.
        data = order_like(merged.data, self._task.json_schema)
        worst = max(answers, key=lambda answer: _WORST_LAST.index(answer.status))
        status, message = worst.status, f"{worst.message} {len(chunks)} chunks were merged.".strip()
        problems = [] if data is None else self._task.problems(data)
        if problems and _WORST_LAST.index(status) < _WORST_LAST.index("invalid_schema"):
            # Lists that became longer than the schema allows, say.
            status, message = "invalid_schema", f"{_first(problems)} {message}"
        raw = "\n".join(answer.raw for answer in answers)
        return _Answer(status, data, raw, worst.finish, message, merged.chances, merged.spans)

    def _require_grounding(self, answer: _Answer) -> _Answer:
        if self._policy is None or answer.data is None:
            return answer
        grounded = apply_grounding(answer.data, answer.spans, self._task.json_schema, self._policy)
        chances = _moved(answer.chances, grounded.moved)
        spans = _moved(answer.spans, grounded.moved)
        status, message = answer.status, answer.message
        if grounded.changed:
            done = "set to null" if self._policy == "null" else "removed"
            message = f"{message} {len(grounded.changed)} ungrounded values were {done}.".strip()
        if grounded.unresolved:
            named = ", ".join(grounded.unresolved[:3])
            more = len(grounded.unresolved) - 3
            named += f" and {more} more" if more > 0 else ""
            message = f"{message} Not found in the document: {named}.".strip()
            status = "error"
        return answer._replace(
            status=status, data=grounded.data, message=message, chances=chances, spans=spans
        )

    def _extraction(
        self,
        job: DecodeJob,
        *,
        status: Status,
        finish: FinishReason,
        message: str,
        prompt: int = 0,
        data: Any = None,
        raw: str = "",
        completion: int = 0,
        **leaves: Any,
    ) -> Extraction:
        return Extraction(
            id=job.plan.document.id,
            status=status,
            data=data,
            raw=raw,
            finish_reason=finish,
            prompt_tokens=prompt,
            completion_tokens=completion,
            seconds=job.seconds,
            message=message,
            task=self._task.name,
            model=self._name,
            constraint=self._constraint,
            **leaves,
        )


def _located(spans: dict[str, Span], places: SourceMap | None) -> dict[str, Span]:
    """Spans that say where they stand in the file that the text was read from."""
    if places is None:
        return spans
    located = {key: places.locate(span.start, span.end) for key, span in spans.items()}
    return {key: replace(span, source=located[key]) for key, span in spans.items()}


def _moved(values: dict[str, Value], moved: dict[str, str]) -> dict[str, Value]:
    """Values by new pointer, from those by old pointer."""
    return {new: values[old] for new, old in moved.items() if old in values}


def _reason(message: str) -> str:
    """The message for a document that an error ended."""
    return f"Could not extract: {' '.join(message.split()).rstrip('.')}."


def _first(problems: Sequence[str]) -> str:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{problems[0]}{more}."
