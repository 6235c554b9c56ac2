"""Several processes of one training, as ``accelerate launch`` starts them: who writes, who waits.

Alone, a process leads and never waits. Nothing else here is distributed by hand: gradients,
samplers and devices are accelerate's business.
"""

from __future__ import annotations

import os


def world_size() -> int:
    """Number of processes that train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def leads() -> bool:
    """Whether this process writes and speaks for all."""
    return int(os.environ.get("RANK", "0")) == 0


def wait_for_all() -> None:
    """Return when every process has come here."""
    if world_size() > 1:
        from accelerate import PartialState

        PartialState().wait_for_everyone()
