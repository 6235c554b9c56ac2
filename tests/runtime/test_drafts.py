"""Guesses are as long as measured costs and hits make them pay, and switch themselves off.

Run: pytest tests/runtime/test_drafts.py
"""

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest

from setaccio.runtime.drafts import LONGEST, Pace
from setaccio.runtime.models import LoadedModel
from setaccio.runtime.slot_pool import default_parallel


def settle(pace: Pace, sequences: int, cost_of_one: float, right: float) -> list[int]:
    """Lengths chosen where a guessed token costs this share of a pass and this share is right."""
    lengths = []
    for _ in range(400):
        length = pace.length(sequences)
        pace.measured(sequences, length, 1.0 + cost_of_one * length)
        if length:
            pace.judged(length, round(right * length))
        lengths.append(length)
    return lengths


def test_cheap_guesses_that_are_right_are_long() -> None:
    assert settle(Pace(), 1, cost_of_one=0.01, right=1.0)[-40:].count(LONGEST) >= 39


def test_guesses_that_do_not_pay_are_given_up_but_for_a_look_now_and_then() -> None:
    for cost, right in ((1.0, 1.0), (0.01, 0.0)):
        lengths = settle(Pace(), 1, cost, right)
        assert set(lengths[-200:]) == {0, 2}
        assert lengths[-200:].count(2) <= 5


def test_each_number_of_sequences_has_its_own_costs() -> None:
    pace = Pace()
    assert settle(pace, 1, cost_of_one=0.01, right=1.0)[-1] == LONGEST
    assert settle(pace, 16, cost_of_one=1.5, right=1.0)[-1] == 0
    assert pace.length(1) == LONGEST


def test_guesses_come_back_when_documents_change() -> None:
    pace = Pace()
    assert settle(pace, 4, cost_of_one=0.05, right=0.0)[-1] == 0
    assert max(settle(pace, 4, cost_of_one=0.05, right=1.0)[-40:]) == LONGEST


def test_as_many_documents_at_once_as_threads_and_memory_allow(
    model: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def free(size: int) -> None:
        monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=size))

    free(1 << 40)
    assert default_parallel(model) == 8 * model.threads
    free(1 << 20)
    assert default_parallel(model) == 1
    heads = int(model.metadata["qwen2.attention.head_count"])
    kept = int(model.metadata["qwen2.embedding_length"]) // heads
    kept *= int(model.metadata["qwen2.attention.head_count_kv"])
    layers = int(model.metadata["qwen2.block_count"])
    free(4 * 3 * (2 * 2 * layers * kept * model.context))  # a quarter of it holds three caches
    assert default_parallel(model) == 3
