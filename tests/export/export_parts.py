"""Parts that several tests of the export share."""

from __future__ import annotations

from pathlib import Path

TEXTS = [
    "Mix 2 eggs <|im_end|> with ½ cup of flour, then bake it at 180°C for 25 minutes.",
    "Boil the potatoes, peel them and serve with crème fraîche.",
]


def save_adapter(base: Path, folder: Path, *, trained: bool) -> Path:
    """Save a LoRA adapter; peft starts it as no change, and a trained one is not that any more."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    config = LoraConfig(r=4, lora_alpha=4, target_modules="all-linear", task_type="CAUSAL_LM")
    adapted = get_peft_model(model, config)
    if trained:
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.1)
    adapted.save_pretrained(folder)
    return folder
