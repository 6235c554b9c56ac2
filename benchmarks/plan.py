"""What a run consists of: parts, in an order that favours no arm.

Rounds go through the arms forwards and backwards in turn (A-B-B-A), so that a machine which grows
slower or faster meets all alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from benchmarks.arms.arms import BATCHED, LABELS
from benchmarks.cases import AGREEMENT, ROOFLINE, SETS, Case, DocumentSet, Job
from benchmarks.subjects import Subject

ROUNDS = 1
COMMANDS = {"cold": 5, "help": 5, "peak": 1}
"""How often each command of the command line is timed."""
BUSY = {"ours-serial-schema": 4, "ours-batched-schema": 16}
"""Documents of the arms that also run beside a program which keeps one core busy, where a model
runs in all arms."""
ENDURANCE_SET = "bookings"
_SLOWER_BUSY, _FASTER_BATCHED, _START = 2.0, 0.6, 5.0


@dataclass(frozen=True)
class Part:
    """One child process.

    Attributes:
        name: tells it from the others; its result's file name.
        group: ``roofline``, ``compare``, ``agreement``, ``endurance`` or a command's name.
        subject: name of the model.
        documents: name of the document set.
        arm: one of :data:`benchmarks.arms.arms.LABELS`, or the group.
        job: what the child does; None for a command.
        seconds: expected.
        arguments: of a command.
        asks: the documents that a command is given; None for a note or none.
    """

    name: str
    group: str
    subject: str
    documents: str
    arm: str
    job: Job | None
    seconds: float
    arguments: tuple[str, ...] = ()
    asks: Case | None = None


@dataclass(frozen=True)
class Scope:
    """How much is measured.

    Attributes:
        threads: threads that compute.
        parallel: documents at once.
        context: tokens of each document's prompt and answer.
        documents: for every arm in place of each set's numbers; None keeps those.
        rounds: passes over the arms.
        busy: whether to measure beside a busy core, and the command line.
        agreement: documents of the comparison with one at a time; None for each set's number.
        endurance: documents of the endurance run; 0 for none.
    """

    threads: int
    parallel: int
    context: int = 2048
    documents: int | None = None
    rounds: int = ROUNDS
    busy: bool = True
    agreement: int | None = None
    endurance: int = 0


def make_plan(
    scope: Scope, subjects: Sequence[Subject], sets: dict[str, DocumentSet] = SETS
) -> list[Part]:
    """Every part of a run, in its order.

    Args:
        scope: how much.
        subjects: the models.
        sets: the documents, by name; the adapter's own come first.
    """
    parts: list[Part] = []
    for subject in subjects:
        chosen = {name: of for name, of in sets.items() if name in (subject.sets or sets)}
        own = next(iter(chosen))
        roofline = _part(scope, subject, own, ROOFLINE, chosen[own].case, 10.0)
        parts.insert(0, roofline)  # before everything
        for name, documents in chosen.items():
            parts += _compare(scope, subject, name, documents)
        parts += _once(scope, subject, own, chosen[own])
    if scope.endurance and subjects:
        name = ENDURANCE_SET if ENDURANCE_SET in sets else next(iter(sets))
        case = replace(sets[name].case, count=scope.endurance)
        seconds = scope.endurance * sets[name].seconds * _FASTER_BATCHED
        part = _part(scope, subjects[0], name, "ours-batched-schema", case, seconds)
        parts.append(replace(part, name=f"endurance-{subjects[0].name}", group="endurance"))
    if scope.busy and subjects:
        parts += _commands(scope, subjects[-1], sets)
    return parts


def _compare(scope: Scope, subject: Subject, name: str, documents: DocumentSet) -> Iterator[Part]:
    for number in range(scope.rounds):
        arms = [arm for arm in LABELS if arm in (subject.arms or LABELS)]
        for arm in arms[:: -1 if number % 2 else 1]:
            usual = documents.case.count if arm in BATCHED else documents.serial
            count = scope.documents or usual
            each = documents.seconds * (_FASTER_BATCHED if arm in BATCHED else 1.0)
            case = replace(documents.case, count=count)
            yield _part(scope, subject, name, arm, case, _START + each * count, f"-{number}")


def _once(scope: Scope, subject: Subject, name: str, documents: DocumentSet) -> Iterator[Part]:
    """What is measured on one set of documents only."""
    count = scope.agreement or scope.documents or documents.case.count
    case = replace(documents.case, count=count)
    seconds = _START + count * documents.seconds * (1 + _FASTER_BATCHED)
    yield _part(scope, subject, name, AGREEMENT, case, seconds)
    for arm, most in BUSY.items() if scope.busy and not subject.arms else ():
        count = min(most, scope.documents or most)
        case = replace(documents.case, count=count, busy=True)
        each = documents.seconds * _SLOWER_BUSY * (_FASTER_BATCHED if arm in BATCHED else 1.0)
        yield _part(scope, subject, name, arm, case, _START + count * each, "-busy")


def _part(
    scope: Scope, subject: Subject, name: str, arm: str, case: Case, seconds: float, end: str = ""
) -> Part:
    job = Job(
        arm, subject.gguf, subject.adapter, scope.context, scope.threads, scope.parallel, case
    )
    group = arm if arm in (AGREEMENT, ROOFLINE) else "compare"
    title = f"{subject.name}-{name}-{arm}{end}"
    return Part(title, group, subject.name, name, arm, job, seconds)


def _commands(scope: Scope, subject: Subject, sets: dict[str, DocumentSet]) -> Iterator[Part]:
    name, documents = next(iter(sets.items()))
    peak = ["--jsonl", "--parallel", str(scope.parallel), "--context", str(scope.context)]
    peak += ["--max-tokens", "64", "--threads", str(scope.threads)]
    for group, times in COMMANDS.items():
        given = () if group == "help" else subject.command
        extra = {"help": ("--help",), "cold": (), "peak": tuple(peak)}[group]
        asks = replace(documents.case, count=scope.parallel) if group == "peak" else None
        for number in range(times):
            title, wanted = f"{group}-{subject.name}-{number}", (*given, *extra)
            seconds = 30.0 if asks else 2.0
            yield Part(title, group, subject.name, name, group, None, seconds, wanted, asks)
