"""A heap that keeps its memory, for training on a CPU.

glibc gives large blocks back to the system as soon as they are freed and asks for them again in
the next step, and every page of them is then cleared anew. Training 4 million weights spent 40 % of
its time in the kernel that way; with the settings here a step took half as long. They can only be
given before a process starts, so the program replaces itself once.
"""

from __future__ import annotations

import os
import platform
import sys

TUNABLES = ":".join(
    (
        "glibc.malloc.mmap_max=0",  # large blocks from the heap, not from the system
        "glibc.malloc.trim_threshold=17179869184",  # bytes at its end before it shrinks
        "glibc.malloc.top_pad=268435456",  # bytes by which it grows
        "glibc.malloc.hugetlb=1",  # huge pages where the system offers them
    )
)


def keep_heap(module: str) -> None:
    """Start this program again with a heap that keeps its memory, unless that was done already.

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
