"""Weights on disk: the result of a run, and the best state that it went through.

Everything is written under another name first and renamed when it is complete.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from setaccio.data.errors import TrainError
from setaccio.models.gguf_base import VOCABULARY_FILE

WEIGHTS = "trained.safetensors"
STATE = "state.json"


class Kept(NamedTuple):
    """A state whose weights are worth keeping.

    Attributes:
        step: after how many optimiser steps.
        eval_loss: its evaluation loss.
        l3: share of held-out documents that come out right; None where it was not measured.
    """

    step: int
    eval_loss: float
    l3: float | None = None


@contextmanager
def _complete(target: Path) -> Iterator[Path]:
    """A folder to write into, which takes the target's place at the end."""
    part = target.parent / f".{target.name}.{secrets.token_hex(4)}.part"
    part.mkdir(parents=True)
    try:
        yield part
        shutil.rmtree(target, ignore_errors=True)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def save_adapter(model: Any, tokenizer: Any, out: Path) -> None:
    """Write adapter and tokenizer as ``out / "adapter"``."""
    with _complete(out / "adapter") as part:
        # Trained embeddings are saved as modules; "auto" would ask the Hub about the base.
        model.save_pretrained(part, safe_serialization=True, save_embedding_layers=False)
        (part / "README.md").unlink(missing_ok=True)
        tokenizer.save_pretrained(part)


def put_adapter(model: Any, weights: dict[str, Any], source: Path) -> None:
    """Put another adapter's weights into a model's adapter.

    Args:
        model: with an adapter of the same shape.
        weights: tensors by PEFT's names.
        source: where they are from, for messages.

    Raises:
        TrainError: a tensor has no place in the model, or one of the model's is not among them.
    """
    from peft import get_peft_model_state_dict, set_peft_model_state_dict

    own = get_peft_model_state_dict(model, save_embedding_layers=False)
    lacking, homeless = sorted(own.keys() - weights.keys()), sorted(weights.keys() - own.keys())
    if lacking or homeless:
        names = [f"lacks {lacking[0]}"] if lacking else []
        names += [f"has {homeless[0]}, which has no place"] if homeless else []
        raise TrainError(
            f"{source}: is no adapter of this training's shape: it {' and '.join(names)}. Leave "
            "rank, target_modules and adapter_layers out, or train anew without continue_from."
        )
    set_peft_model_state_dict(model, weights)


def save_model(model: Any, tokenizer: Any, out: Path, base: Path, record: dict[str, Any]) -> None:
    """Write a model that was trained whole as ``out / "model"``, with task and provenance.

    Args:
        model: its weights are cast to the type in which the base was stored.
        tokenizer: its tokenizer.
        out: the run folder; its ``task.json`` is copied.
        base: the base's folder.
        record: what ``run.json`` says about the base and the data.
    """
    import torch

    stored = json.loads((base / "config.json").read_text(encoding="utf-8"))
    name = stored.get("dtype") or stored.get("torch_dtype") or "float32"
    model.to(getattr(torch, str(name)))
    model.config.use_cache = True
    with _saved_whole(model, tokenizer, out) as part:
        if (base / VOCABULARY_FILE).is_file():
            shutil.copy(base / VOCABULARY_FILE, part / VOCABULARY_FILE)
        shutil.copy(out / "task.json", part / "task.json")
        (part / "run.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def save_present(model: Any, tokenizer: Any, folder: Path, *, whole: bool) -> None:
    """Write a model during its training, unchanged, as ``adapter/`` or ``model/`` of a folder."""
    if not whole:
        save_adapter(model, tokenizer, folder)
        return
    with _saved_whole(model, tokenizer, folder):
        pass


@contextmanager
def _saved_whole(model: Any, tokenizer: Any, out: Path) -> Iterator[Path]:
    with _complete(out / "model") as part:
        model.save_pretrained(part, safe_serialization=True)
        tokenizer.save_pretrained(part)
        yield part


def _trained(model: Any) -> dict[str, Any]:
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def save_weights(model: Any, folder: Path, state: Kept) -> None:
    """Write all trained weights of a model."""
    from safetensors.torch import save_file

    with _complete(folder) as part:
        weights = {name: p.detach().cpu().contiguous() for name, p in _trained(model).items()}
        save_file(weights, part / WEIGHTS)
        (part / STATE).write_text(json.dumps(state._asdict()), encoding="utf-8")


def read_kept(folder: Path) -> Kept | None:
    """What :func:`save_weights` kept in a folder, or None."""
    path = folder / STATE
    return Kept(**json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else None


def load_weights(model: Any, folder: Path) -> None:
    """Read what :func:`save_weights` wrote back into the model."""
    import torch
    from safetensors.torch import load_file

    saved = load_file(folder / WEIGHTS)
    with torch.no_grad():
        for name, parameter in _trained(model).items():
            parameter.copy_(saved[name])
