"""The inputs of a training, ready for a trainer: encoded rows, and what the run will need."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from setaccio.data.errors import TrainError
from setaccio.train.backend.base import Base, load_tokenizer
from setaccio.train.backend.device import world_size
from setaccio.train.config.idle import refuse_without_evaluation
from setaccio.train.config.settings import TrainConfig
from setaccio.train.inputs.parent import Parent
from setaccio.train.inputs.preflight import MemoryEstimate, check_resources, estimate
from setaccio.train.inputs.sources import Rows, Sources, check_trackers, encode_sources


@dataclass(frozen=True)
class TrainInputs:
    """What a trainer is made of.

    Attributes:
        config: every setting.
        base: the base model on disk.
        tokenizer: the base's, with its chat template.
        rows: encoded pairs.
        backend: ``trl`` or ``unsloth``.
        needed: memory and disk that the run needs.
        parent: the adapter to go on from, or None.
    """

    config: TrainConfig
    base: Base
    tokenizer: Any
    rows: Rows
    backend: str
    needed: MemoryEstimate
    parent: Parent | None = None


def prepare_inputs(config: TrainConfig, sources: Sources, backend: str) -> TrainInputs:
    """Encode the pairs, and check them, the settings and the machine against each other.

    Args:
        config: every setting; ``threads`` takes effect here.
        sources: task, base and pairs.
        backend: ``trl`` or ``unsloth``.

    Raises:
        TrainError: the data, the memory or the disk would not serve.
        ModelError: the base can not be read, or has no chat template.
        UsageError: a package behind ``report_to`` is not installed.
    """
    import torch

    check_trackers(config)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    tokenizer = load_tokenizer(sources.base)
    rows = encode_sources(config, sources, tokenizer)
    refuse_without_evaluation(config, len(rows.train), len(rows.eval))
    inputs = make_inputs(config, sources.base, tokenizer, rows, backend)
    check_resources(inputs.needed, config)
    return replace(inputs, parent=sources.parent)


def make_inputs(
    config: TrainConfig, base: Base, tokenizer: Any, rows: Rows, backend: str
) -> TrainInputs:
    """Put inputs together that go together, with an estimate of what they need.

    Raises:
        TrainError: pairs can not be packed or weighed here, several processes can not train, or
            no layer of the base matches ``target_modules``.
    """
    import torch

    from setaccio.train.backend.backend_trl import weight_bytes

    on_cpu = not torch.cuda.is_available()
    special = config.packing or any(row.weight != 1 for row in rows.train)
    if backend == "unsloth" and special:
        raise TrainError("packing and weights: not with Unsloth's own loss. Use --backend trl.")
    if world_size() > 1 and (special or on_cpu):
        raise TrainError(
            "Several processes train together on GPUs only, without packing and weights. Start "
            "the command without accelerate launch."
        )
    longest = max(len(row.input_ids) for row in rows.train)
    completion = max(sum(row.completion_mask) for row in rows.train)
    needed = estimate(config, base, longest, completion, weight_bytes(config), on_cpu=on_cpu)
    return TrainInputs(config, base, tokenizer, rows, backend, needed)
