"""What a merge must show: that it changed the base, and that it gives what base + adapter gives.

Contract: ``judge(report, adapter)`` raises where one of the two is not so. Neither is taken for
granted: an adapter whose weights were never trained, never loaded or vanish in rounding merges into
the base without a word.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from setaccio.data.errors import ExportError

if TYPE_CHECKING:
    import torch

# Greatest logit difference between merged and base + adapter that rounding explains, absolute and
# as a share of what the adapter changes.
LOGIT_TOLERANCE = 0.25
EFFECT_TOLERANCE = 0.25
# Nats per token by which the merged model's loss on held-out answers may exceed base + adapter's.
LOSS_TOLERANCE = 0.1


class MergeReport(NamedTuple):
    """What the merge changed, and how well it agrees with base + adapter.

    Attributes:
        path: the merged model's folder; None where it was merged in memory only.
        dtype: type of the saved weights.
        tensors: how many weights the adapter is about.
        changed: how many of them differ from the base's once saved.
        max_delta: greatest change of a single weight.
        adapter_effect: greatest logit difference between base + adapter and the base.
        disagreement: greatest logit difference between the merged model as saved and base +
            adapter.
        into: which base: ``16-bit``, or ``4-bit`` for the dequantised one.
        streamed: whether tensors were merged one by one; effect and disagreement are then those
            of single layers on a random input.
        losses: mean negative log-likelihood of held-out answers, in nats per token, of ``base``,
            ``base + adapter`` and the model merged into each kind of base; empty without pairs,
            without ``4-bit`` where bitsandbytes is not installed.
        whole: names of layers that the training changed whole beside the adapter, such as
            ``embed_tokens``.
        exact: the same disagreement before anything was rounded or saved; None where streamed.
        lost: names of weights that the saved folder holds otherwise than they were merged.
    """

    path: Path | None
    dtype: str
    tensors: int
    changed: int
    max_delta: float
    adapter_effect: float
    disagreement: float
    into: str
    streamed: bool
    losses: dict[str, float]
    whole: tuple[str, ...] = ()
    exact: float | None = None
    lost: tuple[str, ...] = ()


def judge(report: MergeReport, adapter: Path) -> None:
    """Refuse a merge that changed nothing or went wrong.

    Args:
        report: what was measured.
        adapter: named in the message.

    Raises:
        ExportError: merged equals base, or disagrees with base + adapter.
    """
    if report.tensors == 0:
        raise ExportError(f"{adapter}: the adapter touches no weight of the base.")
    if report.changed == 0:
        raise ExportError(
            f"{adapter}: the merged model equals the base. The adapter's weights are zero or too "
            f"small for {report.dtype}; it was not trained, or trained with a tiny learning rate."
        )
    bound = _bound(report)
    if not report.disagreement <= bound:  # Not `>`: a NaN must fail too.
        raise ExportError(
            f"{adapter}: the merged model disagrees with base + adapter by "
            f"{report.disagreement:.3g} (allowed: {bound:.3g}) on the probe's logits, which the "
            f"adapter changes by {report.adapter_effect:.3g}. {_cause(report, bound)}"
        )
    merged, adapted = report.losses.get(report.into), report.losses.get("base + adapter")
    if merged is not None and adapted is not None and not merged <= adapted + LOSS_TOLERANCE:
        raise ExportError(
            f"{adapter}: on held-out answers the merged model's loss is {merged:.3g} nats per "
            f"token, base + adapter's only {adapted:.3g}. The merge went wrong."
        )


def _bound(report: MergeReport) -> float:
    """Greatest disagreement that is let pass: what differs more than the adapter does is not it."""
    rounding = max(LOGIT_TOLERANCE, EFFECT_TOLERANCE * report.adapter_effect)
    return min(rounding, report.adapter_effect)


def _cause(report: MergeReport, bound: float) -> str:
    """Where the two part, and what to do about it."""
    if report.exact is not None and not report.exact <= bound:
        return (
            "They differ before anything is rounded: layers that share their weights, or a kind of "
            "adapter that can not be merged. Train plain LoRA of the linear layers."
        )
    if report.lost:
        names = ", ".join(report.lost[:3]) + (", ..." if len(report.lost) > 3 else "")
        return (
            f"The saved folder holds other values than were merged for {names}: saving this kind "
            "of model loses them. Report it with the base's config.json."
        )
    return (
        f"That is rounding to {report.dtype}, which takes as much as the adapter gives: it was "
        "hardly trained. Train it longer or with a higher learning rate."
    )


def difference(left: torch.Tensor, right: torch.Tensor) -> float:
    """Greatest absolute difference of two tensors, in float32."""
    return float((left.detach().float() - right.detach().float()).abs().max())
