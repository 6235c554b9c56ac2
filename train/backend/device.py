"""What a training runs on: bf16 or float32, one process or several, and a heap that keeps memory.

Nothing heavy is imported before it is asked for: :func:`keep_heap` runs before PyTorch is loaded.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from functools import cache

# Without one of these a CPU emulates bf16, at a fraction of float32's speed.
_BF16_FEATURES = ("amx_bf16", "avx512_bf16", "avx_ne_convert", "bf16", "arm_bf16")

# glibc returns large blocks to the system when they are freed, and asks for them again in the next
# step, when every page is cleared anew. Training 4 million weights spent 40 % of its time in the
# kernel that way; with these settings a step took half as long.
TUNABLES = ":".join(
    (
        "glibc.malloc.mmap_max=0",  # large blocks from the heap, not from the system
        "glibc.malloc.trim_threshold=17179869184",  # bytes at its end before it shrinks
        "glibc.malloc.top_pad=268435456",  # bytes by which it grows
        "glibc.malloc.hugetlb=1",  # huge pages where the system offers them
    )
)


@cache
def computes_bf16() -> bool:
    """Whether the GPU, or the processor where there is none, has fast matrix products in bf16."""
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    plain = torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2")
    if plain and platform.machine().lower() in ("x86_64", "amd64"):
        return False  # whatever the processor could do besides is switched off
    ask = getattr(torch.cpu, "get_capabilities", None)  # since PyTorch 2.12
    features = ask() if ask else {}
    return any(features.get(name) for name in _BF16_FEATURES)


def world_size() -> int:
    """Number of processes that train together, as ``accelerate launch`` starts them."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def leads() -> bool:
    """Whether this process writes and prints for all."""
    return int(os.environ.get("RANK", "0")) == 0


def wait_for_all() -> None:
    """Return when every process has come here."""
    if world_size() > 1:
        from accelerate import PartialState

        PartialState().wait_for_everyone()


def keep_heap(module: str) -> None:
    """Replace this program by itself with :data:`TUNABLES`, which glibc reads at the start only.

    Does nothing where the C library is not glibc, and nothing where the user has set
    ``GLIBC_TUNABLES`` already.

    Args:
        module: what runs as ``python -m``; the arguments are passed on as they are.
    """
    if platform.libc_ver()[0] != "glibc" or "GLIBC_TUNABLES" in os.environ:
        return
    environment = {**os.environ, "GLIBC_TUNABLES": TUNABLES}
    command = [sys.executable, "-m", module, *sys.argv[1:]]
    os.execve(sys.executable, command, environment)  # noqa: S606


def shrink_heap() -> None:
    """Give back to the system what is free in the heap, which :data:`TUNABLES` would keep."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
