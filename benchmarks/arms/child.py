"""One arm in a process of its own: reads a job from standard input, writes its numbers.

    echo '{...}' | python -m benchmarks.arms.child result.json

Memory is the whole process's greatest resident size, so each arm needs a process to itself.
"""

from __future__ import annotations

import json
import os
import sys
import time
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.cases import AGREEMENT, ROOFLINE, Job, choose_task
from setaccio.data.files.atomic import atomic_write

KEPT_ANSWERS = 512
"""Answers that come back word by word; of more documents only these."""


def memory(key: str) -> int:
    """Bytes of this process: ``VmHWM``, the greatest resident size, or ``VmRSS``, now's."""
    with Path("/proc/self/status").open(encoding="utf-8") as lines:
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith(key))


def measure_arm(job: Job) -> dict[str, Any]:
    """Let an arm answer a job's documents."""
    began = time.perf_counter()
    from benchmarks.arms.arms import make_arm

    arm = make_arm(job)
    task = choose_task(job.case, job.model, job.adapter)
    warm = job.case.warming()
    arm.prepare(task, warm.max_tokens)
    for _ in arm.answer(warm.documents()):
        pass
    setup = time.perf_counter() - began
    arm.prepare(task, job.case.max_tokens)
    meters = {"forward": arm.forward, "prompts": arm.prompts, "masks": arm.masks}
    for meter in filter(None, meters.values()):
        meter.reset()
    answers: dict[str, str] = {}
    resident: list[int] = []
    first = 0.0
    checks = {max(1, share * job.case.count // 10) for share in (1, 5, 10)}
    began = time.perf_counter()
    for count, done in enumerate(arm.answer(job.case.documents()), 1):
        first = first or time.perf_counter() - began
        if count in checks:
            resident.append(memory("VmRSS"))
        if count <= KEPT_ANSWERS:
            answers[done.key] = done.text
    seconds = time.perf_counter() - began
    return {
        "setup_s": setup,
        "documents": job.case.count,
        "seconds": seconds,
        "first_s": first,
        "peak_bytes": memory("VmHWM"),
        "resident_bytes": resident,
        "answers": answers,
        "valid": [_is_valid(task, text) for text in answers.values()],
        "tokens": _count_tokens(job.model, answers.values()),
        **{name: asdict(meter) if meter else None for name, meter in meters.items()},
    }


def _is_valid(task: Any, text: str) -> bool:
    try:
        return not task.problems(json.loads(text))
    except ValueError:
        return False


def _count_tokens(model: str, texts: Any) -> int:
    """Tokens of the answers under the model's tokenizer."""
    import llama_cpp

    llama = llama_cpp.Llama(model, vocab_only=True, verbose=False)
    return sum(len(llama.tokenize(t.encode(), add_bos=False, special=False)) for t in texts)


def run(job: Job) -> dict[str, Any]:
    """Do a job; what comes out depends on its kind."""
    if job.arm == AGREEMENT:
        from benchmarks.arms.agreement import compare_answers

        return compare_answers(job)
    if job.arm == ROOFLINE:
        from benchmarks.roofline import measure_machine

        return measure_machine(job.model, job.threads)
    return measure_arm(job)


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
