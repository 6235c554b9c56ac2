"""Prove that a dequantised model answers as llama.cpp does on the GGUF.

Contract: ``compare_answers`` runs the transformers model along llama.cpp's own greedy answers and
raises where prompts get other ids, or where the two choose differently by more than the rounding of
llama.cpp's products explains.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from setaccio.data.errors import ModelError

Logits = npt.NDArray[np.float32]

NEW_TOKENS = 24
# llama.cpp rounds activations to 8 bits before it multiplies them with quantised weights; that is
# all that the two may differ by. In nats, on average over the answers' positions.
GREATEST_MEAN_KL = 0.1
LEAST_TOP1 = 0.8


class AnswerAgreement(NamedTuple):
    """How two models agree.

    Attributes:
        positions: how many next-token distributions were compared.
        mean_kl: mean divergence KL(llama.cpp || transformers), in nats.
        top1: share of positions with the same most likely token.
    """

    positions: int
    mean_kl: float
    top1: float


def log_softmax(logits: Logits) -> npt.NDArray[np.float64]:
    """Natural logarithms of probabilities, along the last axis."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    result: npt.NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result


def diverge(reference: Logits, logits: Logits) -> tuple[npt.NDArray[np.float64], list[bool]]:
    """Divergence, and agreement of the most likely token, at each position.

    Args:
        reference: positions x vocabulary.
        logits: the same; padding rows of the vocabulary that only one side has say nothing.
    """
    size = min(reference.shape[1], logits.shape[1])
    ours, theirs = reference[:, :size], logits[:, :size]
    left, right = log_softmax(ours), log_softmax(theirs)
    kl: npt.NDArray[np.float64] = (np.exp(left) * (left - right)).sum(axis=1)
    return kl, (ours.argmax(axis=1) == theirs.argmax(axis=1)).tolist()


def compare_answers(
    path: Path, model: Any, folder: Path, prompts: list[list[int]], *, first: int = 0
) -> AnswerAgreement:
    """Compare along llama.cpp's greedy answers.

    Args:
        path: the GGUF, for messages.
        model: the transformers model, in float32.
        folder: what llama.cpp's child process left.
        prompts: ids of the prompts as the tokenizer has them.
        first: how many of the child's prompts come before these.

    Raises:
        ModelError: they differ.
    """
    import torch

    answers = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    kl: list[float] = []
    same: list[bool] = []
    # Of a long prompt the logits of a large vocabulary would take gigabytes.
    sparing = "logits_to_keep" in inspect.signature(model.forward).parameters
    for number, prompt in enumerate(prompts, first):
        answer = answers[number]
        if answer["prompt"] != prompt:
            raise ModelError(
                f"{path}: can not be a base: a prompt in its chat template gets the tokens "
                f"{answer['prompt'][:8]}... from llama.cpp and {prompt[:8]}... from the tokenizer."
            )
        ids = prompt + answer["answer"][:-1]
        with torch.inference_mode():
            keep = {"logits_to_keep": len(answer["answer"])} if sparing else {}
            ours = model(torch.tensor([ids]), use_cache=False, **keep).logits[0]
        theirs = np.load(folder / f"logits-{number}.npy", allow_pickle=False)
        values, agree = diverge(theirs, ours[-len(theirs) :].float().numpy())
        kl += values.tolist()
        same += agree
    found = AnswerAgreement(len(kl), float(np.mean(kl)), float(np.mean(same)))
    # Not `>`: a NaN must fail too.
    if not (found.mean_kl <= GREATEST_MEAN_KL and found.top1 >= LEAST_TOP1):
        raise ModelError(
            f"{path}: can not be a base: dequantised, it answers otherwise than in llama.cpp (the "
            f"next-token distributions diverge by {found.mean_kl:.3g} nats on average, at most "
            f"{GREATEST_MEAN_KL:g} are allowed; the same token is most likely at {found.top1:.0%} "
            f"of positions{', after a long prompt' if first else ''}). Use the model's safetensors "
            "folder."
        )
    return found
