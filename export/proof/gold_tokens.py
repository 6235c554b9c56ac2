"""Gold answers as tokens: what models are measured on, before and after an export.

Contract: ``encode_answers(tokenizer, chat, task, pairs)`` gives prompt + gold answer + end token of
each pair, exactly as training writes them; ``answer_loss(model, answers)`` the mean negative
log-likelihood that a transformers model gives to the answers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from setaccio.data.errors import ModelError
from setaccio.data.records import Pair
from setaccio.data.task.hf_tokenizer import encode_pieces
from setaccio.data.task.pieces import ChatFormat, Piece, completion_end, prompt_pieces
from setaccio.data.task.task import Task

HELD_OUT_PAIRS = 16
"""Pairs that are measured by default; each costs one forward per model and quantisation."""

# Logits of all measured positions are kept on disk, in float32; this bounds them.
MOST_LOGIT_BYTES = 1 << 29


class GoldTokens(NamedTuple):
    """One pair as tokens.

    Attributes:
        ids: prompt, gold answer and end token.
        first: index of the answer's first token; its length is ``len(ids) - first``.
    """

    ids: list[int]
    first: int


def encode_answers(
    tokenizer: Any,
    chat: ChatFormat,
    task: Task,
    pairs: Iterable[Pair],
    *,
    context: int | None = None,
    vocabulary: int | None = None,
    most: int | None = HELD_OUT_PAIRS,
) -> list[GoldTokens]:
    """Encode pairs in the order given, until there are enough.

    Args:
        tokenizer: a transformers tokenizer.
        chat: its chat format.
        task: renders prompt and gold.
        pairs: documents with gold.
        context: greatest length in tokens; longer pairs are left out.
        vocabulary: logits per position; with it the logits' size on disk is bounded too.
        most: number of pairs to take; None takes all.

    Raises:
        ModelError: the chat template can not render the prompt.
    """
    end = Piece(completion_end(chat), True)
    answers: list[GoldTokens] = []
    budget = MOST_LOGIT_BYTES // (4 * vocabulary) if vocabulary else None
    for pair in pairs:
        if most is not None and len(answers) == most:
            break
        prompt = encode_pieces(tokenizer, prompt_pieces(chat, task.messages(pair.text)))
        said = encode_pieces(tokenizer, [Piece(task.render_gold(pair.gold), False), end])
        if context is not None and len(prompt) + len(said) > context:
            continue
        if budget is not None:
            if len(said) > budget:
                continue
            budget -= len(said)
        answers.append(GoldTokens(prompt + said, len(prompt)))
    return answers


def answer_loss(model: Any, answers: list[GoldTokens]) -> float:
    """Mean negative log-likelihood of the answers' tokens, in nats.

    Args:
        model: a transformers model, or base + adapter.
        answers: at least one.

    Raises:
        ModelError: there is nothing to measure.
    """
    import torch

    if not answers:
        raise ModelError("No pair fits into the context, so no loss can be measured.")
    total, count = 0.0, 0
    with torch.inference_mode():
        for ids, first in answers:
            logits = answer_logits(model, ids, first)
            target = torch.tensor(ids[first:])
            total += float(torch.nn.functional.cross_entropy(logits, target, reduction="sum"))
            count += len(target)
    return total / count


def answer_logits(model: Any, ids: list[int], first: int) -> Any:
    """Logits that predict the answer's tokens: answer length x vocabulary, float32 tensor."""
    import torch

    wanted = len(ids) - first
    # Without the last token: what follows it is not measured.
    with torch.inference_mode():
        out = model(torch.tensor([ids[:-1]]), logits_to_keep=wanted, use_cache=False)
    return out.logits[0, -wanted:].float()
