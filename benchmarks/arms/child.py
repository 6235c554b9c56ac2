"""One arm in a process of its own: reads a job from standard input, writes its numbers.

    echo '{...}' | python -m benchmarks.arms.child result.json

Memory is the whole process's greatest resident size, so each arm needs a process to itself.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
import warnings
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.cases import Case, warming
from setaccio.data.files.atomic import atomic_write

KEPT_ANSWERS = 256
"""Answers that come back word by word; of more documents only these."""


@dataclass
class Job:
    """What a child does.

    Attributes:
        arm: one of :data:`benchmarks.arms.arms.LABELS`.
        model: path of the GGUF.
        context: tokens of context for each document.
        threads: threads that compute.
        parallel: documents at once, for arms that can.
        cases: what to extract from, one after the other.
    """

    arm: str
    model: str
    context: int
    threads: int
    parallel: int
    cases: list[Case] = field(default_factory=list)

    @classmethod
    def from_json(cls, text: str) -> Job:
        """A job from what :func:`dataclasses.asdict` made of one."""
        raw = json.loads(text)
        return cls(**{**raw, "cases": [Case(**case) for case in raw["cases"]]})


def peak_bytes() -> int:
    """Greatest resident size of this process so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) * (1 if sys.platform == "darwin" else 1024)


def run(job: Job) -> dict[str, Any]:
    """Do a job.

    Returns:
        ``setup_s``, from start to a model ready for the first task, and ``cases``, one
        dictionary for each, as :func:`_measure` makes them.
    """
    began = time.perf_counter()
    from benchmarks.arms.arms import Settings, make_arm

    arm = make_arm(job.arm, Settings(job.model, job.context, job.threads, job.parallel))
    loaded = time.perf_counter() - began
    return {"setup_s": loaded, "cases": [_measure(arm, case) for case in job.cases]}


def _measure(arm: Any, case: Case) -> dict[str, Any]:
    task = case.task()
    warm = warming(case)
    began = time.perf_counter()
    arm.prepare(task, warm.max_tokens)
    for _ in arm.answer(warm.documents()):
        pass
    compiled = time.perf_counter() - began
    arm.prepare(task, case.max_tokens)
    for meter in (arm.forward, arm.masks):
        if meter is not None:
            meter.reset()
    answers: dict[str, str] = {}
    first = 0.0
    count = 0
    began = time.perf_counter()
    for done in arm.answer(case.documents()):
        count += 1
        first = first or time.perf_counter() - began
        if count <= KEPT_ANSWERS:
            answers[done.key] = done.text
    seconds = time.perf_counter() - began
    return {
        "case": asdict(case),
        "documents": count,
        "seconds": seconds,
        "first_s": first,
        "compile_s": compiled,
        "peak_bytes": peak_bytes(),
        "forward": asdict(arm.forward) if arm.forward else None,
        "masks": asdict(arm.masks) if arm.masks else None,
        "answers": answers,
    }


def main(path: str) -> None:
    """Read a job from standard input, do it, write the result to a file."""
    warnings.simplefilter("ignore")
    result = run(Job.from_json(sys.stdin.read()))
    with atomic_write(path) as stream:
        json.dump(result, stream)
    sys.stdout.flush()
    # Some libraries' threads hang or crash while an interpreter is taken down.
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
