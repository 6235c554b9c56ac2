"""The decoding loop: one sequence, one token at a time, constrained or free.

Both constraints run through the same loop, so a comparison of them is fair. The prompt's fixed
part (scaffold, instruction, schema) is evaluated once and stays in the cache; each document starts
from exactly that state, so no document's answer depends on the ones before it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import llama_cpp
import numpy as np
import numpy.typing as npt

from setaccio.runtime.closing import close
from setaccio.runtime.constraint import Grammar, Matcher, is_allowed
from setaccio.runtime.models import LoadedModel
from setaccio.runtime.repetition import CHECK_EVERY, find_cycle

Logits = npt.NDArray[np.float32]
Choose = Callable[[Logits, "npt.NDArray[np.int32] | None"], int]


@dataclass(frozen=True)
class Completion:
    """What the loop generated.

    Attributes:
        tokens: generated token ids, without the end token; of a constrained answer that did not
            end by itself, with those that close it.
        finish: ``stop``, ``length`` or ``repetition``.
        generated: how many tokens the model generated, those that close the answer left out.
    """

    tokens: tuple[int, ...]
    finish: Literal["stop", "length", "repetition"]
    generated: int


def apply_mask(logits: Logits, mask: npt.NDArray[np.int32]) -> Logits:
    """A copy of the logits in which every token that the mask lacks is minus infinity."""
    bits = np.unpackbits(mask.view(np.uint8), bitorder="little")[: logits.size].astype(bool)
    masked = np.full_like(logits, -np.inf)
    masked[: bits.size][bits] = logits[: bits.size][bits]
    return masked


def choose_greedy(logits: Logits, mask: npt.NDArray[np.int32] | None) -> int:
    """The likeliest allowed token, the lowest id among equals, as llama.cpp's greedy sampler.

    Raises:
        ValueError: no token is allowed, or the model's output is not a number.
    """
    best = int(logits.argmax())
    if mask is not None and not is_allowed(mask, best):
        logits = apply_mask(logits, mask)
        best = int(logits.argmax())
    if not np.isfinite(logits[best]):
        raise ValueError("no token can follow: the model's output is not a number")
    return best


def make_sampler(temperature: float, seed: int) -> Choose:
    """A rule that draws tokens from the allowed ones.

    Args:
        temperature: above 0; logits are divided by it.
        seed: the same seed draws the same tokens.
    """
    generator = np.random.default_rng(seed)

    def choose(logits: Logits, mask: npt.NDArray[np.int32] | None) -> int:
        likeliest = choose_greedy(logits, mask)
        allowed = logits if mask is None else apply_mask(logits, mask)
        weights = np.exp((allowed.astype(np.float64) - float(logits[likeliest])) / temperature)
        return int(generator.choice(weights.size, p=weights / weights.sum()))

    return choose


def _evaluate(model: LoadedModel, tokens: Sequence[int]) -> Logits:
    """Run tokens through the model and view the logits after the last one."""
    llama = model.llama
    llama.eval(tokens)
    pointer: Any = llama_cpp.llama_get_logits_ith(llama.ctx, -1)
    return np.ctypeslib.as_array(pointer, shape=(llama.n_vocab(),))


def _prefill(model: LoadedModel, prefix: Sequence[int], rest: Sequence[int]) -> Logits:
    """Evaluate a prompt, the prefix only if it is not the one in the cache already."""
    llama = model.llama
    held = model.cache.get("prefix")
    # Recurrent memory can not be cut back to the end of the prefix.
    keeps = not (
        llama_cpp.llama_model_is_recurrent(llama.model)
        or llama_cpp.llama_model_is_hybrid(llama.model)
    )
    intact = llama.n_tokens >= len(prefix) and llama.input_ids[: len(prefix)].tolist() == [*prefix]
    if not (keeps and held == tuple(prefix) and intact):
        model.cache["prefix"] = None
        llama.reset()
        if prefix:
            llama.eval(prefix)
        model.cache["prefix"] = tuple(prefix)
    llama.n_tokens = len(prefix)
    return _evaluate(model, rest)


def decode(
    model: LoadedModel,
    prefix: Sequence[int],
    rest: Sequence[int],
    *,
    budget: int,
    grammar: Grammar | None = None,
    choose: Choose = choose_greedy,
    is_loop: Callable[[Sequence[int]], bool] | None = None,
) -> Completion:
    """Generate one answer.

    Args:
        model: what generates.
        prefix: token ids of the prompt's fixed part, kept in the cache for the next call.
        rest: token ids of the prompt's remainder; at least one.
        budget: most tokens to generate; prompt and budget must fit the context.
        grammar: what the answer must follow, or None for free decoding.
        choose: picks a token from logits and mask.
        is_loop: asked about the last cycle (its token ids) when the answer seems to loop; None
            lets loops run.

    Returns:
        The generated tokens and why they ended.

    Raises:
        ValueError: the grammar or the model can not go on.
        RuntimeError: llama.cpp failed.
    """
    with model.lock:
        try:
            logits = _prefill(model, prefix, rest)
            matcher = None if grammar is None else grammar.start()
            return _generate(model, logits, budget, matcher, choose, is_loop)
        except (ValueError, RuntimeError):
            model.cache["prefix"] = None
            raise


def _generate(
    model: LoadedModel,
    logits: Logits,
    budget: int,
    matcher: Matcher | None,
    choose: Choose,
    is_loop: Callable[[Sequence[int]], bool] | None,
) -> Completion:
    tokens: list[int] = []
    while len(tokens) < budget:
        token = choose(logits, matcher.mask() if matcher else None)
        if llama_cpp.llama_vocab_is_eog(model.vocab, token):
            return Completion(tuple(tokens), "stop", len(tokens))
        tokens.append(token)
        if matcher:
            matcher.accept(token)
            if matcher.complete:
                return Completion(tuple(tokens), "stop", len(tokens))
        if is_loop and len(tokens) % CHECK_EVERY == 0:
            period = find_cycle(tokens)
            if period and is_loop(tokens[-period:]):
                return _unfinished(model, matcher, tokens, "repetition")
        if len(tokens) < budget:
            logits = _evaluate(model, [token])
    return _unfinished(model, matcher, tokens, "length")


def _unfinished(
    model: LoadedModel,
    matcher: Matcher | None,
    tokens: Sequence[int],
    finish: Literal["length", "repetition"],
) -> Completion:
    """An answer that did not end by itself: closed by its grammar where there is one."""
    answer = list(tokens)
    if matcher:
        # A grammar with no short end leaves the answer open; what there is must not be lost.
        with contextlib.suppress(ValueError):
            answer = close(model, matcher, tokens)
    return Completion(tuple(answer), finish, len(tokens))
