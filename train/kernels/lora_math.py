"""LoRA layers and gated feed-forward blocks with a backward pass of their own, for a CPU.

PEFT writes a layer as ``base(x) + B(A(x)) * scaling``: two further passes over the widest tensors,
and autograd keeps four of those for each feed-forward block. Here the delta is added by the matrix
product itself, and the block keeps gate and up only; what follows from these is made again in the
backward pass. The same numbers up to rounding, less time, and less memory.
"""

from __future__ import annotations

from types import MethodType
from typing import Any, NamedTuple

import torch
from torch import nn

FACTORS = ("gate_proj", "up_proj", "down_proj")


class Layer(NamedTuple):
    """A frozen linear layer and its adapter.

    Attributes:
        down: (rank, in) the adapter's first factor.
        up: (out, rank) its second one.
        weight: (out, in) frozen.
        bias: (out,) frozen, or None.
    """

    down: torch.Tensor
    up: torch.Tensor
    weight: torch.Tensor
    bias: torch.Tensor | None


def _forward(
    x: torch.Tensor, layer: Layer, scale: float, small: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The layer's output, and its input behind the first factor; ``x`` is (tokens, in)."""
    if small is None:
        small = x @ layer.down.T
    out = nn.functional.linear(x, layer.weight, layer.bias)
    return out.addmm_(small, layer.up.T, alpha=scale), small


def _backward(
    grad: torch.Tensor, x: torch.Tensor, small: torch.Tensor, layer: Layer, scale: float
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What flows into the first factor, and the gradients of both."""
    # y = xW^T + s(xA^T)B^T, so with g = dL/dy: slope = s gB, dA = slope^T x, dB = s g^T(xA^T).
    slope = (grad @ layer.up).mul_(scale)
    return slope, slope.T @ x, (grad.T @ small).mul_(scale)


class LoraLinear(torch.autograd.Function):  # type: ignore[misc]  # torch is not followed
    """(tokens, in) -> (tokens, out)."""

    @staticmethod
    def forward(ctx: Any, x: Any, scale: float, *parts: Any) -> Any:
        """Base and adapter; ``parts`` make a :class:`Layer`."""
        out, small = _forward(x, Layer(*parts), scale)
        ctx.save_for_backward(x, small, *parts)
        ctx.scale = scale
        return out

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        """Gradients of input and factors."""
        x, small, *parts = ctx.saved_tensors
        layer = Layer(*parts)
        slope, of_down, of_up = _backward(grad, x, small, layer, ctx.scale)
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = (grad @ layer.weight).addmm_(slope, layer.down)
        return of_x, None, of_down, of_up, None, None


class GatedMlp(torch.autograd.Function):  # type: ignore[misc]  # torch is not followed
    """``down(silu(gate(x)) * up(x))`` with an adapter on each of the three."""

    @staticmethod
    def forward(ctx: Any, x: Any, scales: tuple[float, ...], *parts: Any) -> Any:
        """The block; ``parts`` make the three layers, gate, up and down."""
        gate_layer, up_layer, down_layer = (Layer(*parts[i : i + 4]) for i in (0, 4, 8))
        # Both read x through their first factors: in one product.
        small = x @ torch.cat((gate_layer.down, up_layer.down)).T
        small_gate, small_up = small.split((len(gate_layer.down), len(up_layer.down)), 1)
        gate, _ = _forward(x, gate_layer, scales[0], small_gate)
        up, _ = _forward(x, up_layer, scales[1], small_up)
        out, small_down = _forward(nn.functional.silu(gate).mul_(up), down_layer, scales[2])
        ctx.save_for_backward(x, gate, up, small_gate, small_up, small_down, *parts)
        ctx.scales = scales
        return out

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        """Gradients of input and factors."""
        x, gate, up, small_gate, small_up, small_down, *parts = ctx.saved_tensors
        gate_layer, up_layer, down_layer = (Layer(*parts[i : i + 4]) for i in (0, 4, 8))
        open_ = nn.functional.silu(gate)
        slope, *of_down = _backward(grad, open_ * up, small_down, down_layer, ctx.scales[2])
        inner = (grad @ down_layer.weight).addmm_(slope, down_layer.down)
        # The product rule: silu(gate) * up has two sides; inner is what flows into it.
        of_gate_out = torch.ops.aten.silu_backward(inner * up, gate)
        of_up_out = inner.mul_(open_)
        del open_
        # Again both first factors at once.
        gate_slope = (of_gate_out @ gate_layer.up).mul_(ctx.scales[0])
        up_slope = (of_up_out @ up_layer.up).mul_(ctx.scales[1])
        slopes = torch.cat((gate_slope, up_slope), 1)
        of_gate, of_up = (slopes.T @ x).split((gate_slope.shape[1], up_slope.shape[1]))
        of_gate_up = (of_gate_out.T @ small_gate).mul_(ctx.scales[0])
        of_up_up = (of_up_out.T @ small_up).mul_(ctx.scales[1])
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = (of_gate_out @ gate_layer.weight).addmm_(of_up_out, up_layer.weight)
            of_x.addmm_(slopes, torch.cat((gate_layer.down, up_layer.down)))
        of_both = (of_gate, of_gate_up, None, None, of_up, of_up_up, None, None)
        return of_x, None, *of_both, *of_down, None, None


class RmsNorm(torch.autograd.Function):  # type: ignore[misc]  # torch is not followed
    """(tokens, width) times a frozen weight, each token scaled to a root mean square of 1."""

    @staticmethod
    def forward(ctx: Any, x: Any, weight: Any, epsilon: float) -> Any:
        """Scale."""
        factor = (x.square().mean(-1, keepdim=True)).add_(epsilon).rsqrt_()
        ctx.save_for_backward(x, factor, weight)
        return (x * factor).mul_(weight)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> Any:
        """Gradient of the input."""
        x, factor, weight = ctx.saved_tensors
        slope = grad * weight
        along = (slope * x).mean(-1, keepdim=True).mul_(factor * factor)
        return slope.addcmul_(x, along, value=-1).mul_(factor), None, None


def _plain(module: Any) -> bool:
    """Whether a module is LoRA on a frozen linear layer and nothing else."""
    from peft.tuners.lora.layer import Linear

    if type(module) is not Linear or type(module.base_layer) is not nn.Linear:
        return False
    names = list(module.active_adapters)
    if len(names) != 1 or names[0] not in module.lora_A or module.lora_variant:
        return False
    frozen = not any(parameter.requires_grad for parameter in module.base_layer.parameters())
    factors = (module.lora_A[names[0]], module.lora_B[names[0]])
    plain = all(type(each) is nn.Linear and each.bias is None for each in factors)
    kinds = {each.weight.dtype for each in (*factors, module.base_layer)}
    still = isinstance(module.lora_dropout[names[0]], nn.Identity)
    return frozen and plain and still and kinds == {torch.float32}


def _parts(module: Any) -> tuple[Any, ...]:
    name = module.active_adapters[0]
    base = module.base_layer
    return module.lora_A[name].weight, module.lora_B[name].weight, base.weight, base.bias


def _scale(module: Any) -> float:
    return float(module.scaling[module.active_adapters[0]])


def _linear(module: Any, x: torch.Tensor) -> torch.Tensor:
    if module.disable_adapters or module.merged:
        return type(module).forward(module, x)
    out = LoraLinear.apply(x.flatten(0, -2), _scale(module), *_parts(module))
    return out.view(*x.shape[:-1], -1)


def _mlp(module: Any, x: torch.Tensor) -> torch.Tensor:
    layers = [getattr(module, name) for name in FACTORS]
    if any(layer.disable_adapters or layer.merged for layer in layers):
        return type(module).forward(module, x)
    parts = [part for layer in layers for part in _parts(layer)]
    scales = tuple(_scale(layer) for layer in layers)
    out = GatedMlp.apply(x.flatten(0, -2), scales, *parts)
    return out.view(*x.shape[:-1], -1)


def _norm(module: Any, x: torch.Tensor) -> torch.Tensor:
    return RmsNorm.apply(x, module.weight, module.variance_epsilon)


def speed_up(model: Any) -> int:
    """Give a PEFT model's layers the passes of this module, where they fit.

    Args:
        model: a PEFT model on a CPU; its weights and names stay as they are.

    Returns:
        How many layers were changed. Layers of another kind keep their own: DoRA, dropout, 16-bit
        weights, several adapters.
    """
    changed = 0
    for module in model.modules():
        own = None
        if _plain(module):
            own = _linear
        elif _gated(module):
            own = _mlp
        elif _normalises(module):
            own = _norm
        if own is not None:
            module.forward = MethodType(own, module)
            changed += 1
    return changed


def _gated(module: Any) -> bool:
    """Whether a module is a gated feed-forward block as Llama has it."""
    from transformers.models.llama.modeling_llama import LlamaMLP
    from transformers.models.qwen2.modeling_qwen2 import Qwen2MLP

    if type(module) not in (LlamaMLP, Qwen2MLP):
        return False
    silent = isinstance(module.act_fn, nn.SiLU) or type(module.act_fn).__name__ == "SiLUActivation"
    return silent and all(_plain(getattr(module, name)) for name in FACTORS)


def _normalises(module: Any) -> bool:
    from transformers.models.llama.modeling_llama import LlamaRMSNorm
    from transformers.models.qwen2.modeling_qwen2 import Qwen2RMSNorm

    return (
        type(module) in (LlamaRMSNorm, Qwen2RMSNorm)
        and module.weight.dtype == torch.float32
        and not module.weight.requires_grad
    )
