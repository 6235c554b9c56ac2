"""Drafts are as long as measured costs and hits make them pay, or not made at all.

Run: pytest tests/runtime/decode/test_prompt_lookup.py
"""

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest

from setaccio.runtime.decode.context_pool import default_parallel
from setaccio.runtime.decode.prompt_lookup import (
    MAX_DRAFT,
    Draft,
    DraftLength,
    PromptLookup,
    Proposal,
)
from setaccio.runtime.model.load import PREFILL_BATCH, LoadedModel


def learn(length: DraftLength, piece: float, token: float) -> None:
    """Passes of one document and of many, as a machine with these costs makes them."""
    for tokens in (90, 1, 16, 3, 8, 2 * PREFILL_BATCH) * 4:
        length.pass_measured(tokens, piece * -(-tokens // PREFILL_BATCH) + token * tokens)


def trust(length: DraftLength, right: bool) -> None:
    for _ in range(100):
        length.draft_verified(Proposal(1, 2), [7, 8], [7, 8] if right else [9])


def test_cheap_drafts_that_are_right_are_long() -> None:
    length = DraftLength()
    learn(length, piece=1.0, token=0.01)
    trust(length, right=True)
    assert length.choose([Proposal(1, MAX_DRAFT)]) == 1 + MAX_DRAFT
    assert length.choose([Proposal(1, MAX_DRAFT)] * 16) == 1 + MAX_DRAFT


def test_drafts_that_do_not_pay_are_not_made() -> None:
    for piece, token, right in ((0.01, 1.0, False), (1.0, 0.01, False), (0.0, 1.0, True)):
        length = DraftLength()
        learn(length, piece, token)
        trust(length, right)
        assert length.choose([Proposal(1, MAX_DRAFT)]) == 1
        assert length.choose([Proposal(1, MAX_DRAFT)] * 8) == 1


def test_drafts_of_some_documents_must_pay_for_what_fills_the_others_up() -> None:
    length = DraftLength()
    learn(length, piece=10.0, token=1.0)
    trust(length, right=True)
    assert length.choose([Proposal(1, 2)] * 8) == 3
    assert length.choose([Proposal(1, 2), *[Proposal(1, 0)] * 7]) == 1


def test_weak_drafts_are_judged_apart() -> None:
    length = DraftLength()
    learn(length, piece=1.0, token=0.3)
    trust(length, right=True)
    for _ in range(100):
        length.draft_verified(Proposal(1, 1, weak=True), [7], [9])
    assert length.choose([Proposal(1, 4)]) == 5
    assert length.choose([Proposal(1, 4, weak=True)]) == 1


def test_certain_tokens_go_together_where_one_document_is_alone() -> None:
    length = DraftLength()
    assert length.choose([Proposal(6, 0)]) == 6  # nothing is known yet
    learn(length, piece=1.0, token=0.1)
    trust(length, right=False)
    assert length.choose([Proposal(6, 3)]) == 6
    assert length.choose([Proposal(6, 0), *[Proposal(1, 0)] * 7]) == 1


def test_drafts_come_back_when_documents_change() -> None:
    length = DraftLength()
    learn(length, piece=1.0, token=0.05)
    trust(length, right=False)
    assert length.choose([Proposal(1, MAX_DRAFT)]) == 1
    trust(length, right=True)
    assert length.choose([Proposal(1, MAX_DRAFT)]) == 1 + MAX_DRAFT


def test_costs_that_change_are_followed() -> None:
    length = DraftLength()
    learn(length, piece=1.0, token=0.01)
    for number in range(200):
        length.draft_verified(Proposal(1, 1), [7], [7 + number % 2])  # half of them right
    assert length.choose([Proposal(1, 4)] * 16) > 1
    for tokens in (16, 48, 16, 16, 32) * 100:
        length.pass_measured(tokens, 0.2 * tokens)  # as if the machine had become another one
    assert length.choose([Proposal(1, 4)] * 16) == 1


def test_passes_that_are_all_alike_keep_both_costs_apart() -> None:
    length = DraftLength()
    learn(length, piece=1.0, token=0.01)
    trust(length, right=True)
    for _ in range(2000):
        length.pass_measured(16, 1.16)
    assert length.choose([Proposal(1, 4)] * 16) == 5


def test_a_draft_is_judged_by_what_is_known_of_it() -> None:
    length = DraftLength()
    learn(length, piece=85.0, token=6.5)
    for _ in range(200):
        length.draft_verified(Proposal(1, 8), range(8), [0])  # one token came, as drafted
    assert length.choose([Proposal(1, 8)] * 16) > 1
    for _ in range(200):
        length.draft_verified(Proposal(1, 8), range(8), [])  # nothing came, nothing is known
    assert length.choose([Proposal(1, 8)] * 16) > 1


def test_a_draft_is_what_followed_the_last_two_tokens_else_the_last_one() -> None:
    lookup = PromptLookup([5, 6, 7, 8, 6, 7, 9, 5])
    assert lookup.find([6, 7], 2) == Draft([8, 6], weak=False)
    assert lookup.find([8, 6], 9) == Draft([7, 9, 5], weak=False)
    assert lookup.find([6, 7], 2) == Draft([9, 5], weak=False)  # on from where the last one was
    assert lookup.find([1, 9], 3) == Draft([5], weak=True)
    assert lookup.find([4], 3) == lookup.find([], 3) == Draft((), weak=True)
    assert lookup.find([6, 7], 0).tokens == ()


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
