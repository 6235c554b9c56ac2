"""The tiny base's shape and its optimiser.

A Qwen2 decoder of 4.2 million parameters: small enough to be committed, and of the architecture
of the real Qwen 2.5 models, so that every later step runs the code that serves those.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import Qwen2Config, Qwen2ForCausalLM

from setaccio.train.base_tokenizer import END_OF_TURN, PAD
from setaccio.train.optimizer import MuonAdamW
from setaccio.train.precision import computes_bf16

LAYERS = 4
WIDTH = 256  # K-quants need widths in multiples of 256
CONTEXT = 4096
SELECTED_STEP = 256  # learned positions are filled up to multiples of this


def new_base(tokenizer: Any, seed: int) -> Qwen2ForCausalLM:
    """A randomly initialised tiny base for a tokenizer's vocabulary, in float32."""
    torch.manual_seed(seed)
    end = tokenizer.convert_tokens_to_ids(END_OF_TURN)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=3 * WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        initializer_range=0.05,  # 0.02, the default, suits widths of thousands
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=tokenizer.convert_tokens_to_ids(PAD),
    )
    model = Qwen2ForCausalLM(config)
    with torch.no_grad():
        start_mimetic(model)
    return model


def start_mimetic(model: Qwen2ForCausalLM) -> None:
    """Start attention near what trained attention looks like: equal tokens attend to each other.

    Query and key projections of a head start alike and value and output projections as each
    other's transpose (after Trockman and Kolter 2023, "Mimetic initialization of self-attention
    layers"). From the usual start copying was not found in 300 steps; from this one, in 150.
    """
    config = model.config
    size = config.hidden_size // config.num_attention_heads
    shared = config.num_attention_heads // config.num_key_value_heads
    for layer in model.model.layers:
        attention = layer.self_attn
        for head in range(config.num_key_value_heads):
            own = slice(head * size, (head + 1) * size)
            key = torch.randn(size, config.hidden_size) * 0.08
            value = torch.linalg.qr(torch.randn(config.hidden_size, size))[0].T
            attention.k_proj.weight[own] = key
            attention.v_proj.weight[own] = 0.8 * value
            for query in range(head * shared, (head + 1) * shared):
                asked = slice(query * size, (query + 1) * size)
                attention.q_proj.weight[asked] = key + 0.02 * torch.randn_like(key)
                attention.o_proj.weight[:, asked] = 0.5 * value.T


def completion_loss(
    model: Qwen2ForCausalLM, input_ids: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    """Mean cross-entropy over the learned positions, logits computed there only.

    Args:
        model: the base, on any device.
        input_ids: int64 (sequences, length), padded on the right; causal attention never looks
            right, so no mask is needed. This and the next are moved to the model's device.
        targets: int64 (sequences, length), -100 where nothing is learned.
    """
    positions = (targets.flatten() != -100).nonzero().squeeze(1)
    # Filled up with an unlearned position: few distinct shapes, as for the batch itself.
    filled = nn.functional.pad(positions, (0, -len(positions) % SELECTED_STEP))
    gold = targets.flatten()[filled]
    gold[len(positions) :] = -100
    # Moved only now: counting the positions on a GPU would wait for all that it has to do.
    device = model.device
    input_ids, filled, gold = input_ids.to(device), filled.to(device), gold.to(device)
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=computes_bf16()):
        hidden = model.model(input_ids=input_ids).last_hidden_state.flatten(0, 1)[filled]
        logits = model.lm_head(hidden)
    return nn.functional.cross_entropy(logits.float(), gold)


class BaseOptimizer:
    """Muon and AdamW (:mod:`setaccio.train.optimizer`), kept in safetensors.

    Args:
        model: what is trained.
        rate: peak learning rate.
    """

    def __init__(self, model: nn.Module, rate: float) -> None:
        self.rate = rate
        self.parts = MuonAdamW(model, rate, weight_decay=0.05).parts

    def step(self, scale: float) -> None:
        """Apply the gradients at ``scale`` times the peak rate, and clear them."""
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = self.rate * scale
            part.step()
            part.zero_grad(set_to_none=True)

    def _slots(self) -> Iterator[tuple[int, int, Any]]:
        for number, part in enumerate(self.parts):
            for index, parameter in enumerate(part.param_groups[0]["params"]):
                yield number, index, parameter

    def save(self, path: Path) -> None:
        """Write the optimiser's state as safetensors (a pickle would run code when loaded)."""
        tensors = {}
        for number, index, parameter in self._slots():
            for name, value in self.parts[number].state.get(parameter, {}).items():
                tensors[f"{number}.{index}.{name}"] = (
                    torch.as_tensor(value).detach().cpu().contiguous()
                )
        save_file(tensors, path)

    def load(self, path: Path) -> None:
        """Read back what :meth:`save` wrote, onto the device of each parameter."""
        slots = {(number, index): parameter for number, index, parameter in self._slots()}
        for key, value in load_file(path).items():
            number, index, name = key.split(".")
            parameter = slots[int(number), int(index)]
            # PyTorch counts AdamW's steps on the CPU wherever the parameter is.
            where = "cpu" if name == "step" else parameter.device
            self.parts[int(number)].state[parameter][name] = value.to(where)


def schedule(step: int, ends: Sequence[int], warmup: int = 40) -> float:
    """Learning-rate factor: 1 while copying is learned, then cycles at 0.4 that fall to 0.

    Each cycle keeps its rate for half of its length and then falls in a straight line; each but
    the first starts warm (Loshchilov and Hutter 2017, "SGDR"), on what the one before has settled.

    Args:
        step: steps done so far.
        ends: where copying ends, and each of the cycles after it.
        warmup: steps until a rate is reached.
    """
    if step < ends[0]:
        return min(1.0, (step + 1) / warmup)
    cycle = next((n for n, end in enumerate(ends) if step < end), len(ends) - 1)
    start, end = ends[cycle - 1], ends[cycle]
    share = (step - start) / (end - start)
    warm = min(1.0, (step - start + 1) / warmup) if cycle > 1 else 1.0
    return 0.4 * warm * min(1.0, max(0.02, 2.0 * (1.0 - share)))
