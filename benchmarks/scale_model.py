"""How long and how dear a job on many machines is: a model, and a simulation that checks it.

    python -m benchmarks.scale_model --seconds 0.3 --documents 1e9 --machines 1000

The simulation plays the engine's own rules, hand by hand: each worker holds a few hands, a machine
that is taken away loses what it holds and comes back later, what was lost is handed out again, and
the job ends with its last row. It is run at the asked number of machines with as many documents as
it can play in seconds; the model is asked the same.
"""

from __future__ import annotations

import argparse
import heapq
import random
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

HAND = 8  # as setaccio.runtime.batch.ray.documents has it, which can not be imported without Ray
BAG = 65
"""Bytes at the peak in the driver's memory for each row that a resumed job finds done."""
ROW = 1000
"""Bytes of a usual row and of a usual document with what Ray adds, for orders of magnitude."""


@dataclass(frozen=True)
class Job:
    """What is to be done, and with what.

    Attributes:
        documents: in all.
        machines: one worker each.
        seconds: of a machine for a document, many at once, as ``benchmarks.scale`` measures it.
        spread: standard deviation of a hand's time, as a share of its mean.
        start: seconds until a worker that is started gives its first row.
        taken: how often an hour a machine is taken away (spot machines); 0 for never.
        back: seconds until another one is there.
        hands: that a worker holds.
        ceiling: documents a second that the engine moves at most.
        price: of a machine's hour.
    """

    documents: float
    machines: int
    seconds: float
    spread: float = 0.3
    start: float = 15.0
    taken: float = 0.0
    back: float = 180.0
    hands: int = 6
    ceiling: float = 1000.0
    price: float = 0.1


@dataclass(frozen=True)
class Forecast:
    """What comes of it.

    Attributes:
        seconds: from the start to the last row.
        rate: documents a second in between.
        lost: share of the machines' time that deaths cost.
        tail: seconds at the end in which machines have nothing left to do.
        cost: in the unit of the price.
    """

    seconds: float
    rate: float
    lost: float
    tail: float
    cost: float


def forecast(job: Job) -> Forecast:
    """The model: rates add up until the engine is the narrower place."""
    held = job.hands * HAND * job.seconds
    lost = 1.0 - 1.0 / (1.0 + job.taken / 3600 * (job.back + job.start + held / 2))
    rate = min(job.machines * (1.0 - lost) / job.seconds, job.ceiling)
    # At the end each machine works off what it holds; on the average half of that is idle time.
    tail = min(held, job.documents * job.seconds / job.machines) / 2
    seconds = job.start + job.documents / rate + tail
    return Forecast(seconds, rate, lost, tail, seconds * job.machines * job.price / 3600)


def simulate(job: Job, chance: random.Random) -> float:
    """Seconds until the last row, played hand by hand."""
    left = deque(HAND for _ in range(int(job.documents) // HAND))
    if rest := int(job.documents) % HAND:
        left.append(rest)
    events: list[tuple[float, int, int, str]] = []
    holding: list[deque[int]] = [deque() for _ in range(job.machines)]
    life = [0] * job.machines
    moved = 0.0
    done, total, now = 0, len(left), 0.0

    def begin(machine: int, at: float) -> None:
        nonlocal moved
        while left and len(holding[machine]) < job.hands:
            hand = left.popleft()
            moved = max(moved, at) + hand / job.ceiling
            holding[machine].append(hand)
        if holding[machine]:
            mean = holding[machine][0] * job.seconds
            took = max(0.1 * mean, chance.gauss(mean, job.spread * mean))
            ready = max(at, moved) if job.ceiling < job.machines / job.seconds else at
            heapq.heappush(events, (ready + took, machine, life[machine], "done"))

    for machine in range(job.machines):
        heapq.heappush(events, (job.start, machine, 0, "up"))
        if job.taken:
            died = chance.expovariate(job.taken / 3600)
            heapq.heappush(events, (died, machine, 0, "taken"))
    idle: set[int] = set()
    while done < total:
        now, machine, lived, what = heapq.heappop(events)
        if lived != life[machine]:
            continue
        if what == "taken":
            life[machine] += 1
            left.extendleft(holding[machine])
            holding[machine].clear()
            idle.discard(machine)
            up = now + job.back + job.start
            heapq.heappush(events, (up, machine, life[machine], "up"))
            died = up + chance.expovariate(job.taken / 3600)
            heapq.heappush(events, (died, machine, life[machine], "taken"))
            for other in [*idle]:
                idle.discard(other)
                begin(other, now)
            continue
        if what == "done":
            holding[machine].popleft()
            done += 1
        begin(machine, now)
        if not holding[machine]:
            idle.add(machine)
    return now


def report(job: Job) -> str:
    """The model's answer, and what the simulation says at a size that it can play."""
    found = forecast(job)
    small = replace(job, documents=min(job.documents, max(2000, 400 * job.machines)))
    played = simulate(small, random.Random(0))
    said = forecast(small).seconds
    held = job.machines * job.hands * HAND * ROW / 2**20
    lines = [
        f"{job.documents:.0f} documents, {job.machines} machines, {job.seconds} s a document:",
        f"  {found.rate:.1f} documents/s, {found.seconds / 3600:.1f} h, cost {found.cost:,.0f}",
        f"  lost to deaths {found.lost:.1%}, tail {found.tail:.0f} s",
        f"  memory for a resumed job {job.documents * BAG / 2**30:.1f} GiB, "
        f"documents on their way {held:.0f} MiB, journal {job.documents * ROW / 2**40:.2f} TiB",
        f"  simulated with {small.documents:.0f} documents: {played:.0f} s, model {said:.0f} s "
        f"({said / played - 1:+.1%})",
    ]
    if found.rate >= job.ceiling:
        lines.append("  The engine is the narrow place: split the job (docs/scale.md).")
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> None:
    """Print the forecast."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale_model", description=__doc__)
    add = parser.add_argument
    add("--documents", type=float, default=1e6)
    add("--machines", type=int, default=2)
    add("--seconds", type=float, default=0.3, help="of a machine for a document")
    add("--start", type=float, default=Job.start, help="until the first row")
    add("--taken", type=float, default=Job.taken, help="deaths of a machine an hour")
    add("--back", type=float, default=Job.back, help="seconds until another machine is there")
    add("--ceiling", type=float, default=Job.ceiling, help="documents/s that the engine moves")
    add("--price", type=float, default=Job.price, help="of a machine's hour")
    sys.stdout.write(report(Job(**vars(parser.parse_args(arguments)))))


if __name__ == "__main__":
    main(sys.argv[1:])
