"""One training run in a process of its own: ``python -m scripts.gpu_check.arm JOB.json``.

It trains through ``setaccio.train.train``, the path that users take, and measures from a callback:
the loss of each step, tokens and seconds of the steps after the warm-up, and peak memory. The
adapter is started from values that depend on each matrix's name alone, so that both stacks begin
at the same point.
"""

from __future__ import annotations

import json
import math
import resource
import sys
import time
import zlib
from pathlib import Path
from typing import Any

from scripts.gpu_check.child import run_job

from setaccio.train import load_config, train


def start_adapter(model: Any) -> int:
    """Set each first factor to uniform values from its name, as PEFT's default range has them.

    Rounded to bf16, because one stack holds adapters in it. The second factors stay 0.

    Returns:
        How many matrices were set.
    """
    import torch

    count = 0
    for name, weight in model.named_parameters():
        if "lora_A" not in name:
            continue
        seed = zlib.crc32(name[name.index("layers.") :].encode())
        draw = torch.rand(weight.shape, generator=torch.Generator().manual_seed(seed))
        values = (2 * draw - 1) / math.sqrt(weight.shape[1])
        with torch.no_grad():
            weight.copy_(values.to(torch.bfloat16).to(weight))
        count += 1
    return count


def make_meter(warm_up: int, began: float) -> Any:
    """A callback that measures; made late, because transformers must be imported after Unsloth."""
    import torch
    from transformers import TrainerCallback

    gpu = torch.cuda.is_available()

    class Meter(TrainerCallback):  # type: ignore[misc]  # transformers is not typed for mypy here
        """Times steps, with the GPU's work finished at both ends, and keeps losses."""

        def __init__(self) -> None:
            self.losses: list[float] = []
            self.marks: list[tuple[float, int]] = []  # after each step: seconds, tokens so far
            self.first = 0.0
            self.before: list[int] = []
            self.adapters = 0

        def mark(self) -> float:
            if gpu:
                torch.cuda.synchronize()
            return time.perf_counter()

        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            """Give the adapter its common start."""
            self.adapters = start_adapter(kwargs["model"])

        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            """Start the clock and the memory count of the training proper."""
            if not self.first:
                self.before = peaks()
                if gpu:
                    torch.cuda.empty_cache()
                    torch.cuda.reset_peak_memory_stats()
                self.first = self.mark()

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            """Note time and tokens."""
            self.marks.append((self.mark(), int(state.num_input_tokens_seen)))

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            """Keep the loss."""
            if logs and "loss" in logs:
                self.losses.append(float(logs["loss"]))

        def result(self) -> dict[str, Any]:
            timed = min(warm_up, len(self.marks) - 1)
            start, end = self.marks[timed - 1], self.marks[-1]
            reserved, allocated = peaks()
            return {
                "losses": self.losses,
                "adapter_matrices": self.adapters,
                "load_seconds": self.first - began,
                "warm_up_seconds": start[0] - self.first,
                "timed_steps": len(self.marks) - timed,
                "timed_seconds": end[0] - start[0],
                "timed_tokens": end[1] - start[1],
                "peak_bytes": reserved,
                "peak_allocated_bytes": allocated,
                "peak_with_load_bytes": max(reserved, self.before[0]),
            }

    return Meter()


def peaks() -> list[int]:
    """Peak bytes reserved and allocated on the GPU; without one, of the process, twice."""
    import torch

    if torch.cuda.is_available():
        return [torch.cuda.max_memory_reserved(), torch.cuda.max_memory_allocated()]
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return [used, used]


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Train as the job says."""
    began = time.perf_counter()
    config = load_config(None, job["config"])
    if config.backend == "unsloth":
        from setaccio.train.backend import backend_unsloth

        backend_unsloth.load()  # before transformers
    meter = make_meter(job["warm_up"], began)
    trained = train(config, callbacks=(meter,))
    record = json.loads((Path(trained.run) / "run.json").read_text(encoding="utf-8"))
    return {
        "backend": record["backend"],
        "data_sha256": record["training_data_sha256"],
        "versions": record["versions"],
        "seconds": time.perf_counter() - began,
        **meter.result(),
    }


if __name__ == "__main__":
    sys.exit(run_job(run))
