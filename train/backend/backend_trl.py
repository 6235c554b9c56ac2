"""The back end for every machine: transformers + PEFT under TRL's trainer.

On a CPU the frozen base is held in bf16 where the processor computes in it, else in float32; the
adapter and its optimiser state are float32 always, matrix products run under autocast. (Measured
on a base of 4 million parameters with AMX: bf16 weights under autocast take 0.7 s a step, float32
weights under autocast 1.0 s, bf16 without autocast more than 1.3 s, pure float32 more than 7 s.)
"""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from peft import LoraConfig

from setaccio.data.errors import MissingExtraError, TrainError
from setaccio.train.backend.base import Base, load_base_model
from setaccio.train.backend.device import computes_bf16
from setaccio.train.config.config import TrainConfig

NF4_BYTES = 0.55  # per parameter: 4 bits and the doubly quantised scales


def uses_bf16(config: TrainConfig) -> bool:
    """Whether matrix products run in bf16 on this machine with this configuration.

    Raises:
        TrainError: bf16 is demanded of a GPU that has none.
    """
    if config.precision != "auto":
        wanted = config.precision == "bf16"
        if wanted and torch.cuda.is_available() and not torch.cuda.is_bf16_supported():
            raise TrainError("precision: this GPU has no bf16. Use --precision fp32.")
        return wanted
    return computes_bf16()


def weight_bytes(config: TrainConfig) -> float:
    """Bytes per parameter that the base is computed with."""
    if config.method == "qlora":
        return NF4_BYTES
    return 2 if uses_bf16(config) else 4


def _nf4() -> Any:
    if importlib.util.find_spec("bitsandbytes") is None:
        raise MissingExtraError("gpu", "bitsandbytes")
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )


def keep_trainable_on_cpu(model: Any) -> None:
    """Switch off bitsandbytes' repacking of 4-bit weights for AVX512-BF16 processors.

    It happens at the first forward pass without gradients, such as an evaluation, and loses the
    path of the gradients: every later one is None.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def adapter_settings(config: TrainConfig, model: Any) -> dict[str, Any]:
    """What PEFT and Unsloth call alike about an adapter."""
    whole = embedding_names(model) if config.train_embeddings else []
    return {
        "r": config.rank,
        "lora_alpha": config.alpha,
        "lora_dropout": config.dropout,
        "use_rslora": config.rslora,
        "use_dora": config.dora,
        "target_modules": config.target_modules,
        "modules_to_save": whole or None,
        "ensure_weight_tying": len(whole) == 1,
        "bias": "none",
    }


def lora_config(config: TrainConfig, model: Any) -> LoraConfig:
    """PEFT's description of the adapter on a model."""
    settings = adapter_settings(config, model)
    if config.adapter_layers is not None:
        count = model.config.get_text_config().num_hidden_layers
        lowest = max(0, count - config.adapter_layers)
        settings["layers_to_transform"] = list(range(lowest, count))
        if isinstance(config.target_modules, str):  # PEFT chooses layers by names only
            settings["target_modules"] = linear_names(model)
    return LoraConfig(**settings, task_type="CAUSAL_LM")


def linear_names(model: Any) -> list[str]:
    """Names of the linear layers inside a model, its output layer left out."""
    own = model.get_output_embeddings()
    return sorted(
        {
            name.rpartition(".")[2]
            for name, module in model.named_modules()
            if isinstance(module, torch.nn.Linear) and module is not own
        }
    )


def embedding_names(model: Any) -> list[str]:
    """Names of the input embeddings and, where it is not tied to them, of the output layer."""
    wanted = [model.get_input_embeddings()]
    if not model.config.get_text_config().tie_word_embeddings:
        wanted.append(model.get_output_embeddings())
    return [
        name.rpartition(".")[2]
        for module in wanted
        for name, own in model.named_modules()
        if own is module
    ]


def prepare_trl(config: TrainConfig, base: Base) -> tuple[Any, LoraConfig | None]:
    """Load the base for training.

    Returns:
        The base, and the adapter that the trainer is to make; None where it is trained whole.

    Raises:
        MissingExtraError: QLoRA without bitsandbytes.
        ModelError: the base can not be loaded.
        TrainError: training aware of quantisation is asked for, which only Unsloth offers here.
    """
    if config.quantisation_aware:
        raise TrainError(
            "quantisation_aware: only the Unsloth back end offers it, on an NVIDIA GPU. Leave it "
            "out: export proves each quantised file and weighs it with --imatrix."
        )
    # Trained in 16 bits, small updates of a weight would be rounded away.
    whole = config.method == "full"
    dtype = torch.bfloat16 if uses_bf16(config) and not whole else torch.float32
    quantization = _nf4() if config.method == "qlora" else None
    model = load_base_model(base, dtype, quantization)
    keep_trainable_on_cpu(model)
    model.config.use_cache = False
    return model, None if whole else lora_config(config, model)
