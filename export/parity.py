"""Prove that a GGUF is the model it was made from.

Contract: ``check_parity(hf_dir, gguf, task, texts)`` compares, for real prompts of the task: token
ids, chat template, beginning and end tokens, and the logits at every position of the transformers
model's own greedy answer. Where both choose the same token at every position, both decode the
same answer. It reports numbers and names what is wrong; it raises only when nothing can be
compared. The GGUF runs in a child process, so a crash of llama.cpp becomes a message.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from setaccio.data.errors import ExportError
from setaccio.data.task import Task
from setaccio.export._child import run_child
from setaccio.export.quantise import quantisations
from setaccio.export.reference import MAX_NEW_TOKENS, Reference, make_reference

Logits = npt.NDArray[np.float32]


class Bounds(NamedTuple):
    """What a file type may differ by.

    Attributes:
        mean_kl: greatest mean Kullback-Leibler divergence of next-token distributions, in nats.
        top1: least share of positions with the same most likely token, or
        logit: greatest logit difference that excuses a lower share (ties of an undecided model).
    """

    mean_kl: float
    top1: float = 0.0
    logit: float = float("inf")


# The one place of thresholds. A 16-bit file must reproduce the model; 8 bits change it hardly;
# fewer bits are a choice that the numbers inform, so only gross divergence is an error.
SIXTEEN_BIT = Bounds(mean_kl=0.01, top1=0.99, logit=0.25)
EIGHT_BIT = Bounds(mean_kl=0.1)
FEWER_BITS = Bounds(mean_kl=2.0)
_BOUNDS = {"F32": SIXTEEN_BIT, "F16": SIXTEEN_BIT, "BF16": SIXTEEN_BIT, "Q8_0": EIGHT_BIT}


class ParityReport(NamedTuple):
    """How a GGUF compares with the transformers model.

    Attributes:
        gguf: the file.
        quantisation: its type, such as ``Q8_0``.
        prompts: how many prompts' token ids were compared.
        positions: how many next-token distributions were compared.
        ids_equal: same prompt token ids.
        template_equal: same chat template.
        eos_equal: same end-of-sequence id.
        stops: every token that ends an answer ends it in llama.cpp too.
        greedy_equal: same greedy answer for every prompt.
        top1_agreement: share of positions with the same most likely token.
        mean_kl: mean divergence KL(transformers || GGUF), in nats.
        max_logit_difference: greatest absolute difference of two logits.
        problems: what is wrong, one sentence each; empty when the GGUF can be trusted.
    """

    gguf: Path
    quantisation: str
    prompts: int
    positions: int
    ids_equal: bool
    template_equal: bool
    eos_equal: bool
    stops: bool
    greedy_equal: bool
    top1_agreement: float
    mean_kl: float
    max_logit_difference: float
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def check_parity(
    hf_dir: Path,
    gguf: Path,
    task: Task | None,
    texts: list[str],
    *,
    max_new_tokens: int = MAX_NEW_TOKENS,
) -> ParityReport:
    """Compare a GGUF with the model folder that it was made from.

    Args:
        hf_dir: the merged model's folder.
        gguf: the exported file.
        task: whose prompts are used; without one a text alone is the user's turn.
        texts: documents, at least one.
        max_new_tokens: how far to decode each.

    Raises:
        ExportError: one of the two can not be loaded or run.
        MissingExtraError: torch or transformers is not installed.
    """
    reference = make_reference(hf_dir, task, texts, max_new_tokens=max_new_tokens)
    return compare(reference, gguf)


def compare(reference: Reference, gguf: Path) -> ParityReport:
    """Compare a GGUF with a reference that was made before; see :func:`check_parity`."""
    if not gguf.is_file():
        raise ExportError(f"{gguf}: no such file.")
    with tempfile.TemporaryDirectory(prefix="setaccio-parity-") as folder:
        facts, logits = _ask(reference, gguf, Path(folder))
    measured = _measure(reference, logits)
    names = {str(number): name for name, number in quantisations().items()}
    report = ParityReport(
        gguf=gguf,
        quantisation=names.get(facts["file_type"] or "", "unknown"),
        prompts=len(reference.prompts),
        positions=measured.positions,
        ids_equal=facts["ids"] == reference.ids,
        template_equal=facts["template"] == reference.chat.template,
        eos_equal=facts["eos"] == reference.eos,
        stops=all(facts["stops"]),
        greedy_equal=measured.top1 == 1.0,
        top1_agreement=measured.top1,
        mean_kl=measured.mean_kl,
        max_logit_difference=measured.max_difference,
        problems=(),
    )
    return report._replace(problems=tuple(_problems(report, reference, facts)))


def _ask(reference: Reference, gguf: Path, folder: Path) -> tuple[dict[str, Any], list[Logits]]:
    job = {
        "gguf": str(gguf.resolve()),
        "prompts": reference.prompts,
        "stops": reference.stops,
        "sequences": [
            {"ids": c.prompt + c.tokens[:-1], "first": len(c.prompt) - 1}
            for c in reference.continuations
        ],
        "out": str(folder),
    }
    run_child("_run_gguf.py", job, f"Running {gguf.name}")
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    count = len(reference.continuations)
    return facts, [np.load(folder / f"logits-{n}.npy", allow_pickle=False) for n in range(count)]


class _Measured(NamedTuple):
    positions: int
    top1: float
    mean_kl: float
    max_difference: float


def _measure(reference: Reference, logits: list[Logits]) -> _Measured:
    agree, kl, widest = [], [], 0.0
    for expected, got in zip(reference.continuations, logits, strict=True):
        size = min(expected.logits.shape[1], got.shape[1])  # Padding rows of one side say nothing.
        ours, theirs = expected.logits[:, :size], got[:, :size]
        agree += (ours.argmax(axis=1) == theirs.argmax(axis=1)).tolist()
        left, right = _log_softmax(ours), _log_softmax(theirs)
        kl += (np.exp(left) * (left - right)).sum(axis=1).tolist()
        widest = max(widest, float(np.abs(ours - theirs).max()))
    if not agree:
        raise ExportError("Parity needs at least one text to run the models on.")
    return _Measured(len(agree), float(np.mean(agree)), float(np.mean(kl)), widest)


def _log_softmax(logits: Logits) -> npt.NDArray[np.float64]:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    result: npt.NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def _problems(report: ParityReport, reference: Reference, facts: dict[str, Any]) -> list[str]:
    found = []
    if not report.ids_equal:
        pairs = zip(facts["ids"], reference.ids, strict=True)
        index = next(i for i, (got, expected) in enumerate(pairs) if got != expected)
        found.append(f"Prompt {index + 1} gets other token ids than in transformers.")
    if not report.template_equal:
        found.append("The chat template differs from the tokenizer's.")
    if not report.eos_equal:
        found.append(f"The end token is {facts['eos']}, but {reference.eos} in transformers.")
    if reference.chat.bos and facts["add_bos"] != reference.chat.add_bos:
        found.append("Only one of the two puts a beginning-of-sequence token in front.")
    unheeded = [s for s, heeded in zip(reference.stops, facts["stops"], strict=True) if not heeded]
    if unheeded:
        found.append(f"Token {unheeded[0]} ends an answer, but llama.cpp would go on after it.")
    return found + _divergence(report)


def _divergence(report: ParityReport) -> list[str]:
    bounds = _BOUNDS.get(report.quantisation, FEWER_BITS)
    found = []
    if not report.mean_kl <= bounds.mean_kl:  # Not `>`: a NaN must fail too.
        found.append(
            f"The next-token distributions diverge by {report.mean_kl:.3g} nats on average "
            f"(allowed for {report.quantisation}: {bounds.mean_kl:g})."
        )
    undecided = report.max_logit_difference <= bounds.logit
    if not (report.top1_agreement >= bounds.top1 or undecided):
        found.append(
            f"The most likely token agrees at {report.top1_agreement:.1%} of positions "
            f"(wanted for {report.quantisation}: {bounds.top1:.0%})."
        )
    return found
