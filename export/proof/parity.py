"""Prove that a GGUF is the model it was made from.

Contract: ``check_parity(hf_dir, gguf, task, texts)`` compares, for real prompts of the task: token
ids, chat template, beginning and end tokens, and the logits at every position of the transformers
model's own greedy answer. Where both choose the same token at every position, both decode the
same answer. On held-out pairs it also measures perplexity, and how far the GGUF is from the
transformers model and from the 16-bit GGUF. It reports numbers and names what is wrong; it raises
only when nothing can be compared. The GGUF runs in a child process, so a crash of llama.cpp becomes
a message.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from setaccio.data.errors import ExportError
from setaccio.data.task.task import Task
from setaccio.export.proof.divergence import HeldOut, answer_path, measure
from setaccio.export.proof.reference import Reference, make_reference
from setaccio.models.gguf_base.answers import Logits, diverge
from setaccio.models.gguf_base.vocabulary import ask_llama
from setaccio.runtime.model.gguf_header import quantisation_name


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
# Where the model itself mostly ends its answers, the GGUF must do so at least half as often.
MOSTLY_ENDS = 0.5
_BOUNDS = {"F32": SIXTEEN_BIT, "F16": SIXTEEN_BIT, "BF16": SIXTEEN_BIT, "Q8_0": EIGHT_BIT}
# An adapter that is put on its base is not rounded together with it, as a merged one is, and
# llama.cpp rounds what it multiplies quantised weights with.
ADAPTER = EIGHT_BIT


class ParityReport(NamedTuple):
    """How a GGUF compares with the transformers model.

    Attributes:
        gguf: the file.
        quantisation: its type, such as ``Q8_0``; of an adapter ``LoRA on`` its base's.
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
        held_out: the GGUF on held-out answers, where there are pairs; it is compared with
            ``transformers`` and, if it is a quantised file, with ``f16``.
        tokens_per_second: read (not generated) while this was measured, on all threads.
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
    held_out: HeldOut | None
    tokens_per_second: float
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
) -> ParityReport:
    """Compare a GGUF with the model folder that it was made from.

    Args:
        hf_dir: the merged model's folder.
        gguf: the exported file.
        task: whose prompts are used; without one a text alone is the user's turn.
        texts: documents, at least one.

    Raises:
        ExportError: one of the two can not be loaded or run.
        MissingExtraError: torch or transformers is not installed.
    """
    reference = make_reference(hf_dir, task, texts)
    return compare_tokens(reference, gguf)


def compare_tokens(
    reference: Reference,
    gguf: Path,
    *,
    lora: Path | None = None,
    same_base: bool = True,
    full: Path | None = None,
    keep: Path | None = None,
) -> ParityReport:
    """Compare a GGUF with a reference that was made before; see :func:`check_parity`.

    Args:
        reference: what the transformers model says.
        gguf: the file.
        lora: an adapter GGUF to put on it.
        same_base: whether the GGUF's weights are, as numbers, those that the adapter was merged
            into for the reference; those of another quantisation may differ by as much as it does.
        full: logits that the 16-bit GGUF left in this folder on the same answers.
        keep: leave the logits of held-out answers in this folder.
    """
    if not gguf.is_file():
        raise ExportError(f"{gguf}: no such file.")
    with tempfile.TemporaryDirectory(prefix="setaccio-parity-") as folder:
        work = keep or Path(folder)
        work.mkdir(parents=True, exist_ok=True)
        facts, logits = _ask(reference, gguf, Path(folder), work, lora)
        held_out = None
        if reference.held_out is not None:
            others = {"transformers": reference.held_out.folder} | ({"f16": full} if full else {})
            held_out = measure(reference.held_out.answers, work, others, reference.stops)
    kind = quantisation_name(facts["file_type"]) or "unknown"
    report = ParityReport(
        gguf=gguf,
        quantisation=f"LoRA on {kind}" if lora else kind,
        prompts=len(reference.prompts),
        ids_equal=facts["ids"] == reference.ids,
        # By lines: files with templates are read with one kind of line end.
        template_equal=(facts["template"] or "").splitlines()
        == (reference.chat.template or "").splitlines(),
        eos_equal=facts["eos"] == reference.eos,
        stops=all(facts["stops"]),
        **_on_greedy_answers(reference, logits),
        held_out=held_out,
        tokens_per_second=round(facts["tokens_per_second"], 1),
        problems=(),
    )
    bounds = _bounds(kind, lora=lora is not None, same_base=same_base)
    return report._replace(problems=tuple(_problems(report, reference, facts, bounds)))


def _bounds(kind: str, *, lora: bool, same_base: bool) -> Bounds:
    """What a file of this type may differ by, or an adapter on it."""
    own = _BOUNDS.get(kind, FEWER_BITS)
    if not lora:
        return own
    return ADAPTER if same_base else max(own, ADAPTER, key=lambda bounds: bounds.mean_kl)


def _ask(
    reference: Reference, gguf: Path, folder: Path, work: Path, lora: Path | None
) -> tuple[dict[str, Any], list[Logits]]:
    outs = [folder / f"greedy-{n}.npy" for n in range(len(reference.continuations))]
    sequences = [
        {"ids": c.prompt + c.tokens[:-1], "first": len(c.prompt) - 1, "out": str(out.resolve())}
        for c, out in zip(reference.continuations, outs, strict=True)
    ]
    if reference.held_out:
        sequences += [
            {"ids": ids[:-1], "first": first - 1, "out": str(answer_path(work, n).resolve())}
            for n, (ids, first) in enumerate(reference.held_out.answers)
        ]
    facts = ask_llama(
        gguf,
        folder,
        doing=f"Running {gguf.name}",
        error=ExportError,
        lora=str(lora.resolve()) if lora else None,
        prompts=reference.prompts,
        sequences=sequences,
        threads=os.cpu_count() or 1,
    )
    said = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    facts["ids"] = [answer["prompt"] for answer in said]
    facts["stops"] = [stop in facts["ends"] for stop in reference.stops]
    return facts, [np.load(out, allow_pickle=False) for out in outs]


def _on_greedy_answers(reference: Reference, logits: list[Logits]) -> dict[str, Any]:
    """What the logits on the transformers model's own answers say, as a report has it."""
    agree: list[bool] = []
    kl: list[float] = []
    widest = 0.0
    for expected, got in zip(reference.continuations, logits, strict=True):
        values, same = diverge(expected.logits, got)
        kl += values.tolist()
        agree += same
        # One of the two may have padded its vocabulary.
        size = min(expected.logits.shape[1], got.shape[1])
        widest = max(widest, float(np.abs(expected.logits[:, :size] - got[:, :size]).max()))
    if not agree:
        raise ExportError("Parity needs at least one text to run the models on.")
    return {
        "positions": len(agree),
        "greedy_equal": all(agree),
        "top1_agreement": float(np.mean(agree)),
        "mean_kl": float(np.mean(kl)),
        "max_logit_difference": widest,
    }


def _problems(
    report: ParityReport, reference: Reference, facts: dict[str, Any], bounds: Bounds
) -> list[str]:
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
    twice = [reference.bos, reference.bos]
    if reference.bos is not None and any(i[:2] == twice for i in [*reference.ids, *facts["ids"]]):
        found.append(
            "The prompt begins with two beginning-of-sequence tokens; training saw it so too. "
            "Take one out of the chat template and train again."
        )
    unheeded = [s for s, heeded in zip(reference.stops, facts["stops"], strict=True) if not heeded]
    if unheeded:
        found.append(f"Token {unheeded[0]} ends an answer, but llama.cpp would go on after it.")
    return found + _divergence(report, bounds) + _on_answers(report, reference, bounds)


def _divergence(report: ParityReport, bounds: Bounds) -> list[str]:
    found = []
    if not report.mean_kl <= bounds.mean_kl:  # Not `>`: a NaN must fail too.
        found.append(
            f"The next-token distributions diverge by {report.mean_kl:.3g} nats on average "
            f"(allowed for {report.quantisation}: {bounds.mean_kl:g})."
        )
    # Ties: where two tokens are all but equal, either may be the most likely one.
    undecided = report.max_logit_difference <= bounds.logit
    if not (report.top1_agreement >= bounds.top1 or undecided):
        found.append(
            f"The most likely token agrees at {report.top1_agreement:.1%} of positions "
            f"(wanted for {report.quantisation}: {bounds.top1:.0%})."
        )
    return found


def _on_answers(report: ParityReport, reference: Reference, bounds: Bounds) -> list[str]:
    """What held-out answers show to be wrong."""
    if report.held_out is None or reference.held_out is None:
        return []
    found = []
    kl = report.held_out.divergence["transformers"].mean_kl
    if not kl <= bounds.mean_kl:
        found.append(
            f"On held-out answers the distributions diverge by {kl:.3g} nats on average "
            f"(allowed for {report.quantisation}: {bounds.mean_kl:g})."
        )
    wanted, ends = reference.held_out.measured.ends, report.held_out.ends
    if wanted >= MOSTLY_ENDS and ends < wanted / 2:
        found.append(
            f"After {ends:.0%} of the held-out answers an end token comes next; in transformers "
            f"after {wanted:.0%}. The answers would not stop."
        )
    return found
