"""Fewer threads beside a busy program, and all of them again when it is gone."""

from __future__ import annotations

from setaccio.runtime.model.thread_choice import FIRST_PAUSE, GREATEST_PAUSE, PASSES, ThreadChoice


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def passes(choice: ThreadChoice, share: float, count: int = 6 * PASSES) -> list[int]:
    """Make passes in which the threads get a share of the processor; returns how many computed."""
    taken = []
    for _ in range(count):
        threads = choice.next(99)
        taken.append(threads)
        choice.measured(threads, 0.01, 0.01 * threads * (share if threads > 1 else 1.0))
    return taken


def test_a_quiet_machine_keeps_its_threads() -> None:
    choice = ThreadChoice(4, Clock())
    assert set(passes(choice, 0.95)) == {4}
    assert choice.next(2) == 2  # too little to do for more
    assert choice.next(0) == 1


def test_one_slow_pass_is_no_neighbour() -> None:
    choice = ThreadChoice(2, Clock())
    passes(choice, 0.95)
    choice.measured(2, 0.1, 0.02)
    assert choice.now == 2


def test_a_busy_neighbour_takes_threads_away_and_gives_them_back() -> None:
    clock = Clock()
    choice = ThreadChoice(2, clock)
    assert passes(choice, 0.6)[-1] == 1
    assert choice.next(99) == 1
    clock.now += FIRST_PAUSE
    assert choice.next(99) == 2  # tried again
    assert passes(choice, 0.6)[-1] == 1
    clock.now += FIRST_PAUSE
    assert choice.next(99) == 1  # but less often
    for _ in range(10):
        clock.now += GREATEST_PAUSE
        passes(choice, 0.6)
    clock.now += GREATEST_PAUSE
    assert set(passes(choice, 0.95)) == {2}
    clock.now += 100
    assert set(passes(choice, 0.95)) == {2}
