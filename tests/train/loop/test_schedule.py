"""Progress and learning rate, with a clock that the test moves by hand."""

from types import SimpleNamespace

import pytest

pytest.importorskip("transformers")

from setaccio.train.loop.schedule import Clock, rate_at


class HandClock:
    """Seconds that stand still until they are moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def drive(clock: Clock, hand: HandClock, step_seconds: float, most: int) -> list[float]:
    """Take steps until the clock stops them; return the progress after each."""
    seen = []
    for step in range(1, most + 1):
        control = SimpleNamespace(
            should_training_stop=False, should_evaluate=False, should_save=False
        )
        clock.on_step_begin(None, None, control)
        hand.seconds += step_seconds
        clock.on_step_end(None, None, control)
        seen.append(clock.progress(step))
        if control.should_training_stop:
            assert control.should_evaluate
            assert control.should_save
            break
    return seen


@pytest.mark.parametrize("shape", ["cosine", "linear"])
def test_the_rate_rises_to_its_peak_and_falls_to_nothing(shape):
    rates = [rate_at(i / 100, shape, 0.1) for i in range(101)]
    assert max(rates) == pytest.approx(1.0)
    assert rates[10] == pytest.approx(1.0)
    assert rates[:11] == sorted(rates[:11])
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[0] > 0
    assert rates[-1] == pytest.approx(0.0)


def test_a_constant_rate_stays():
    assert rate_at(0.5, "constant", 0.1) == rate_at(1.0, "constant", 0.1) == 1.0


@pytest.mark.parametrize("step_seconds", [0.5, 7.0])
def test_a_time_budget_ends_with_the_schedule_on_any_machine(step_seconds):
    hand = HandClock()
    clock = Clock(4, started=1000.0, now=hand)
    clock.on_train_begin(None, SimpleNamespace(max_steps=10**6), None)
    hand.seconds += 20  # loading and the first evaluation
    clock.on_evaluate(None, None, None)
    seen = drive(clock, hand, step_seconds, 10**5)
    assert clock.out_of_time
    assert seen == sorted(seen)
    assert seen[0] < 0.05
    assert seen[-1] > 0.9
    # What is left covers the last evaluation, which took 20 seconds the first time.
    assert 240 - clock.elapsed >= 20


def test_steps_alone_make_progress_without_a_budget():
    hand = HandClock()
    clock = Clock(None, started=1000.0, now=hand)
    clock.on_train_begin(None, SimpleNamespace(max_steps=4), None)
    assert drive(clock, hand, 100.0, 4) == [0.25, 0.5, 0.75, 1.0]
    assert not clock.out_of_time


def test_an_evaluation_that_no_longer_fits_becomes_the_last_one():
    hand = HandClock()
    clock = Clock(1, started=1000.0, now=hand)
    clock.on_train_begin(None, SimpleNamespace(max_steps=100), None)
    hand.seconds += 10
    clock.on_evaluate(None, None, None)
    control = SimpleNamespace(should_training_stop=False, should_evaluate=True, should_save=False)
    clock.on_step_begin(None, None, control)
    hand.seconds += 25
    clock.on_step_end(None, None, control)
    assert control.should_training_stop
