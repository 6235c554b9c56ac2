"""Parts that several tests of the export share."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from setaccio.data.records import Pair

TEXTS = [
    "Mix 2 eggs <|im_end|> with ½ cup of flour, then bake it at 180°C for 25 minutes.",
    "Boil the potatoes, peel them and serve with crème fraîche.",
]
GOLDS = [
    {
        "title": "Flat cake",
        "ingredients": ["2 eggs", "½ cup of flour"],
        "directions": ["Mix 2 eggs with ½ cup of flour.", "Bake it at 180°C for 25 minutes."],
    },
    {
        "title": "Potatoes",
        "ingredients": ["potatoes", "crème fraîche"],
        "directions": ["Boil the potatoes.", "Peel them."],
    },
]
PAIRS = [
    Pair(id=str(n), text=text, gold=gold)
    for n, (text, gold) in enumerate(zip(TEXTS, GOLDS, strict=True))
]
CALIBRATION = [
    Pair(id="c0", text="Peel 3 apples and bake them at 200°C.", gold=GOLDS[0]),
    Pair(id="c1", text="Whisk the flour with the eggs, then boil the cake.", gold=GOLDS[1]),
    PAIRS[0],  # A held-out pair, which an export has to leave out.
]


def save_adapter(
    base: Path, folder: Path, *, trained: bool, embeddings: bool = False, tied: bool = True
) -> Path:
    """Save a LoRA adapter; peft starts it as no change, and a trained one is not that any more."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    config = LoraConfig(
        r=4,
        lora_alpha=4,
        target_modules="all-linear",
        modules_to_save=["embed_tokens"] if embeddings else None,
        ensure_weight_tying=embeddings and tied,
        task_type="CAUSAL_LM",
    )
    adapted = get_peft_model(model, config)
    if trained:
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.1)
            elif "embed_tokens.modules_to_save" in name:
                weight.data += 0.05 * torch.randn_like(weight)
    adapted.save_pretrained(folder)
    return folder


def save_lora(base: Path, folder: Path, *, scale: float = 0.02, **settings: Any) -> Path:
    """Save an adapter whose trained weights were all moved a little.

    Args:
        base: model folder.
        folder: where to save it.
        scale: standard deviation of the moves.
        settings: of PEFT's ``LoraConfig``.
    """
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(2)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says itself that layers are tied
        adapted = get_peft_model(
            model, LoraConfig(r=4, lora_alpha=8, task_type="CAUSAL_LM", **settings)
        )
        with torch.no_grad():
            for weight in adapted.parameters():
                if weight.requires_grad:
                    weight.add_(torch.randn_like(weight) * scale)
        adapted.save_pretrained(folder)
    return folder
