"""Whether this machine's matrix products are faster in bf16 than in float32."""

from __future__ import annotations

import platform
from functools import cache

import torch

# Without one of these a CPU emulates bf16, at a fraction of float32's speed.
_BF16_FEATURES = ("amx_bf16", "avx512_bf16", "avx_ne_convert", "bf16", "arm_bf16")


@cache
def computes_bf16() -> bool:
    """Whether the GPU, or the processor where there is none, computes in bf16."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    plain = torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2")
    if plain and platform.machine().lower() in ("x86_64", "amd64"):
        return False  # whatever the processor could do besides is switched off
    ask = getattr(torch.cpu, "get_capabilities", None)  # since PyTorch 2.12
    features = ask() if ask else {}
    return any(features.get(name) for name in _BF16_FEATURES)
