"""What a run consists of: parts, in an order that favours no arm.

Rounds go through the arms forwards and backwards in turn (A-B-B-A), so that a machine which grows
slower or faster meets all alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.arms.arms import BATCHED, LABELS
from benchmarks.arms.child import Job
from benchmarks.cases import Case
from benchmarks.random_models.models import SUBJECTS, Ready

ROUNDS = 2
COLD_STARTS = 7
GROWTH_TOKENS = 64
"""Most tokens of an answer where growth is measured."""

STREAMS = {
    "ours-batched-schema": (10, 100, 1_000, 10_000),
    "server": (10, 100, 1_000),
    "ours-serial-schema": (10, 100),
    "outlines-llguidance": (10, 100),
    "gbnf": (10, 100),
}
"""Numbers of documents, for each arm as far as it gets in a minute or two."""
LENGTHS = (32, 128, 512, 1024)
FIELDS = (1, 4, 16, 32)
GROWING = (
    "ours-serial-schema",
    "outlines-outlines_core",
    "outlines-llguidance",
    "gbnf",
    "server",
)
"""Arms whose growth with document length and schema size is measured; one document at a time."""
_FEW = 4
_GROWTH_S = {"documents": 30.0, "length": 12.0, "fields": 12.0}
_FIRST_S = 150.0  # the stream of ten thousand


@dataclass(frozen=True)
class Part:
    """One child process.

    Attributes:
        name: tells it from the others; its result's file name.
        group: ``compare``, ``documents``, ``length``, ``fields`` or ``cold``.
        model: a key of :data:`benchmarks.random_models.models.SUBJECTS`.
        arm: one of :data:`benchmarks.arms.arms.LABELS`; ``cli`` for cold starts.
        job: what the child does; None for a cold start.
        seconds: expected.
    """

    name: str
    group: str
    model: str
    arm: str
    job: Job | None
    seconds: float


@dataclass(frozen=True)
class Scope:
    """How much is measured.

    Attributes:
        models: keys of :data:`benchmarks.random_models.models.SUBJECTS`.
        threads: threads that compute.
        parallel: documents at once.
        documents: for every arm in place of each model's own numbers; None keeps those.
        rounds: passes over the arms.
        growth: whether growth and cold starts are measured.
    """

    models: tuple[str, ...]
    threads: int
    parallel: int
    documents: int | None = None
    rounds: int = ROUNDS
    growth: bool = True


def make_plan(scope: Scope, ready: dict[str, Ready]) -> list[Part]:
    """Every part of a run, in its order.

    Args:
        scope: how much.
        ready: each model's files.
    """
    parts = [part for name in scope.models for part in _compare(scope, name, ready[name])]
    if scope.growth and "tiny" in scope.models:
        parts += _growth(scope, ready["tiny"])
        parts += [Part(f"cold-{n}", "cold", "tiny", "cli", None, 2.0) for n in range(COLD_STARTS)]
    return parts


def _compare(scope: Scope, model: str, ready: Ready) -> Iterator[Part]:
    subject = SUBJECTS[model]
    for number in range(scope.rounds):
        for arm in list(LABELS)[:: -1 if number % 2 else 1]:
            several = arm in BATCHED
            count = scope.documents or (subject.batched if several else subject.serial)
            kind = "transcripts" if ready.transcripts else "generated"
            case = Case(kind, count, transcripts=ready.transcripts)  # type: ignore[arg-type]
            job = _job(scope, arm, ready, subject.context, [case])
            seconds = subject.batched_s if several else subject.serial_s
            yield Part(f"{model}-{arm}-{number}", "compare", model, arm, job, seconds)


def _growth(scope: Scope, ready: Ready) -> Iterator[Part]:
    context = SUBJECTS["tiny"].context

    def part(group: str, arm: str, cases: Sequence[Case], slots: int) -> Part:
        job = _job(scope, arm, ready, context, cases)
        job.parallel = slots
        long = group == "documents" and arm == "ours-batched-schema"
        seconds = _FIRST_S if long else _GROWTH_S[group]
        return Part(f"{group}-{arm}", group, "tiny", arm, job, seconds)

    for arm, counts in STREAMS.items():
        cases = [Case("generated", n, max_tokens=GROWTH_TOKENS) for n in counts]
        yield part("documents", arm, cases, scope.parallel)
    for arm in GROWING:
        cases = [Case("long", _FEW, size, GROWTH_TOKENS) for size in LENGTHS]
        yield part("length", arm, cases, 1)
        yield part("fields", arm, [Case("fields", _FEW, size, 768) for size in FIELDS], 1)


def _job(scope: Scope, arm: str, ready: Ready, context: int, cases: Sequence[Case]) -> Job:
    return Job(arm, str(ready.path), context, scope.threads, scope.parallel, list(cases))
