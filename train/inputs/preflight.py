"""Will it fit? Memory and disk, estimated before anything is loaded.

The estimate is deliberately simple and errs upwards: weights, adapter, optimiser state,
activations and logits. A run that would not fit is refused with the numbers and with the settings
that would make it fit, instead of dying of memory an hour later.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil

from setaccio.data.errors import ModelError, TrainError
from setaccio.train.backend.base import Base
from setaccio.train.config.config import TrainConfig
from setaccio.train.inputs.encode import CHUNK, LENGTH_STEP, SELECTED_STEP

MIB = 2**20
# Bytes of activations per token, layer and unit of width in 16-bit training without attention
# scores, which scaled-dot-product kernels never store: Korthikanti et al. 2022, arXiv:2205.05198.
ACTIVATION_BYTES = 34
CHECKPOINTED_BYTES = 2
LOGIT_BYTES = 10  # 16-bit logits, their float32 copy and its gradient
RUNTIME_BYTES = 300 * MIB  # libraries, buffers of the allocator
CPU_RUNTIME_BYTES = 850 * MIB  # the same where all of it is the process's own: 820 were measured
CUDA_LIBRARY_BYTES = 590 * MIB  # what PyTorch's CUDA build has loaded besides, on a CPU too
PART_TOKENS = (128, 1536)  # a part of a batch on a CPU: fewer are slow, more are no faster
TOKENIZER_BYTES = 24 * MIB  # tokenizer and templates that every checkpoint repeats, at most
CGROUP_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


@dataclass(frozen=True)
class MemoryEstimate:
    """What a run needs, in bytes.

    Attributes:
        weights: the base.
        adapter: trained weights in float32, their gradients and AdamW's two moments.
        activations: of one forward pass, at the longest row.
        logits: on completion positions, with their gradient.
        disk: checkpoints, the best weights and the result.
        trained: number of trained parameters.
        parameters: number of parameters of the base.
        runtime: libraries and what the allocator keeps.
        part_tokens: batches are computed in parts of so many tokens at most; None: as they are.
        recompute: whether activations are recomputed so that it fits.
    """

    weights: int
    adapter: int
    activations: int
    logits: int
    disk: int
    trained: int
    parameters: int
    runtime: int = RUNTIME_BYTES
    part_tokens: int | None = None
    recompute: bool = False

    @property
    def memory(self) -> int:
        """Bytes of memory in all."""
        return self.weights + self.adapter + self.activations + self.logits + self.runtime


def _is_target(name: str, module: Any, model: Any, targets: str | list[str]) -> bool:
    """Whether PEFT puts an adapter on a layer."""
    if targets == "all-linear":
        return module is not model.get_output_embeddings()
    if isinstance(targets, str):
        return re.fullmatch(targets, name) is not None
    return any(name == target or name.endswith(f".{target}") for target in targets)


def _check_tied(model: Any, targets: str | list[str]) -> None:
    """Refuse an adapter on one of two layers that are one: no export could merge it."""
    for pair in (getattr(model, "all_tied_weights_keys", None) or {}).items():
        names = [weight.removesuffix(".weight") for weight in pair]
        for name in names:
            if _is_target(name, model.get_submodule(name), model, targets):
                raise TrainError(
                    f"target_modules: {name} can not have an adapter, since {' and '.join(names)} "
                    "share their weights in this base. Leave it out, or set train_embeddings=true, "
                    "which trains both as one."
                )


def _trained(config: TrainConfig, model: Any, text: Any) -> int:
    """Number of weights that an adapter trains, as PEFT would make it."""
    from torch import nn

    if config.target_modules != "all-linear":
        _check_tied(model, config.target_modules)
    lowest = text.num_hidden_layers - (config.adapter_layers or text.num_hidden_layers)
    linear = {name: m for name, m in model.named_modules() if isinstance(m, nn.Linear)}
    chosen = [
        module
        for name, module in linear.items()
        if _is_target(name, module, model, config.target_modules)
        and int(next((part for part in name.split(".") if part.isdigit()), lowest)) >= lowest
    ]
    if not chosen:
        names = {name.rpartition(".")[2] for name in linear}
        raise TrainError(
            f"target_modules: no layer is called {config.target_modules!r}. The base has "
            f"{', '.join(sorted(names))}; or use all-linear."
        )
    trained = sum(config.rank * (m.in_features + m.out_features) for m in chosen)
    if config.dora:
        trained += sum(module.out_features for module in chosen)
    if config.train_embeddings:
        layers = 1 if text.tie_word_embeddings else 2
        trained += layers * text.vocab_size * text.hidden_size
    return int(trained)


def _padded(count: int, step: int) -> int:
    """The next multiple of ``step``: what the trainer pads to."""
    return -(-count // step) * step


def _without_weights(base: Base) -> Any:
    """The model on PyTorch's meta device: every shape, no memory."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        shape = AutoConfig.from_pretrained(
            base.folder, local_files_only=True, trust_remote_code=False
        )
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(shape, trust_remote_code=False)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"{base.folder}: the model can not be loaded ({reason}).") from error


def estimate(
    config: TrainConfig,
    base: Base,
    longest: int,
    completion: int,
    weight_bytes: float,
    *,
    on_cpu: bool = False,
) -> MemoryEstimate:
    """Estimate memory and disk of a run.

    Args:
        config: the run's settings.
        base: the base model; only its ``config.json`` is read.
        longest: tokens of the longest row.
        completion: tokens of the longest completion.
        weight_bytes: bytes per parameter of the base, such as 2 for bf16.
        on_cpu: whether a CPU trains; batches are then computed in parts for ``memory_gib``.

    Raises:
        ModelError: the configuration is none that transformers knows by itself.
        TrainError: no layer of the base matches ``target_modules``.
    """
    model = _without_weights(base)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    text = model.config.get_text_config()
    whole = config.method == "full"
    trained = parameters if whole else _trained(config, model, text)
    row = _padded(config.max_length if config.packing else longest, LENGTH_STEP)
    learned = config.max_length if config.packing else completion
    selected = _padded(config.batch_size * learned, SELECTED_STEP)
    kept_layers = min(config.adapter_layers or text.num_hidden_layers, text.num_hidden_layers)
    # On a CPU bf16 saves nothing here: attention and losses are computed in float32, and oneDNN
    # lays out anew what it multiplies.
    unit = text.hidden_size * kept_layers * (2 if weight_bytes == 4 or on_cpu else 1)
    per_unit = CHECKPOINTED_BYTES if config.gradient_checkpointing else ACTIVATION_BYTES
    # Weights in float32 (the base's own, where it is trained whole), gradients, both moments, and
    # the copy of the gradients that outlives a lack of memory.
    per_weight = (12 if whole else 16) + (4 if config.gradient_accumulation > 1 else 0)
    needed = MemoryEstimate(
        weights=int(parameters * (4 if whole else weight_bytes)),
        adapter=per_weight * trained,
        activations=config.batch_size * row * unit * per_unit,
        logits=selected * text.vocab_size * LOGIT_BYTES,
        disk=(config.keep_checkpoints + 1) * (12 * trained + TOKENIZER_BYTES) + 8 * trained,
        trained=trained,
        parameters=parameters,
    )
    if not on_cpu:
        return needed
    if not whole and not config.train_embeddings:  # logits are made chunk by chunk
        needed = replace(needed, logits=min(selected, CHUNK) * text.vocab_size * LOGIT_BYTES)
    return _in_parts(needed, config, row, unit)


def _in_parts(needed: MemoryEstimate, config: TrainConfig, row: int, unit: int) -> MemoryEstimate:
    """Choose parts, and recomputation where a row alone is too much, for ``memory_gib``.

    ``row`` is the longest row's tokens, ``unit`` the widths of all layers that keep activations,
    in values of 16 bits.
    """
    import torch

    libraries = 0 if torch.version.cuda is None else CUDA_LIBRARY_BYTES
    needed = replace(needed, runtime=CPU_RUNTIME_BYTES + libraries)
    fixed = needed.memory - needed.activations
    limit = int(config.memory_gib * 2**30)
    # Where weights alone are more than that, only what the machine has is a limit.
    left = (limit if fixed < limit else free_memory()) - fixed
    least, most = PART_TOKENS
    recompute = not config.gradient_checkpointing and left < row * unit * ACTIVATION_BYTES
    recomputed = recompute or config.gradient_checkpointing
    each = unit * (CHECKPOINTED_BYTES if recomputed else ACTIVATION_BYTES)
    part = min(max(left // each // least * least, least), most)
    tokens = min(config.batch_size * row, max(part, row))
    return replace(needed, activations=tokens * each, part_tokens=part, recompute=recompute)


def free_memory() -> int:
    """Bytes of memory that this process may still take: of the GPU where one is used, else RAM."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.mem_get_info()[0])
    free = psutil.virtual_memory().available
    for name in CGROUP_FILES:
        limit = Path(name)
        if limit.is_file():
            value = limit.read_text(encoding="ascii").strip()
            if value.isdigit():
                free = min(free, int(value) - psutil.Process().memory_info().rss)
    return free


def _gib(size: int) -> str:
    return f"{size / 2**30:.2f} GiB"


def check_resources(needed: MemoryEstimate, config: TrainConfig, free: int | None = None) -> None:
    """Refuse a run that would not fit.

    Args:
        needed: from :func:`estimate`.
        config: the run's settings.
        free: bytes of memory available; measured by default.

    Raises:
        TrainError: memory or disk will not suffice; says what to lower.
    """
    free = free_memory() if free is None else free
    if needed.memory > free:
        raise TrainError(
            f"Training needs about {_gib(needed.memory)} of memory, {_gib(free)} are free (base "
            f"{_gib(needed.weights)}, adapter and optimiser {_gib(needed.adapter)}, activations "
            f"{_gib(needed.activations)}, logits {_gib(needed.logits)}). With --set, lower "
            "batch_size and raise gradient_accumulation by as much, lower max_length or set "
            "gradient_checkpointing=true; or use --method qlora."
        )
    folder = next(p for p in [config.out.absolute(), *config.out.absolute().parents] if p.exists())
    disk = shutil.disk_usage(folder).free
    if needed.disk > disk:
        raise TrainError(
            f"{config.out}: the run needs about {_gib(needed.disk)} of disk, {_gib(disk)} are "
            "free. Free some, choose another --out, or pass --set keep_checkpoints=1."
        )
