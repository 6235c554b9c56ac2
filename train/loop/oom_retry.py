"""Out of memory in the middle of a step: the same step again, in smaller parts.

A batch that does not fit is halved, and again until it does; the parts' gradients are accumulated.
The effective batch, the order of the pairs and the learning rate stay as they were, so the run goes
on from the very step in which it happened, and later steps keep to the smaller parts. By hand,
because accelerate's ``find_executable_batch_size`` starts the whole training again.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import torch

CPU_MESSAGES = ("can't allocate memory", "not enough memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on a GPU or in PyTorch's CPU allocator."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in CPU_MESSAGES)


def parts_of(inputs: dict[str, Any], count: int) -> Iterator[dict[str, Any]]:
    """Cut a batch into at most ``count`` batches of as many rows, the last perhaps smaller."""
    rows = len(inputs["input_ids"])
    size = -(-rows // count)
    for start in range(0, rows, size):
        yield {
            name: value[start : start + size] if isinstance(value, torch.Tensor) else value
            for name, value in inputs.items()
        }


def gradients(model: torch.nn.Module) -> list[torch.Tensor | None]:
    """Copies of all gradients, in the order of the parameters."""
    return [None if p.grad is None else p.grad.clone() for p in model.parameters()]


def put_back(model: torch.nn.Module, kept: list[torch.Tensor | None] | None) -> None:
    """Restore gradients; ``None`` means that there were none."""
    for index, parameter in enumerate(model.parameters()):
        parameter.grad = None if kept is None else kept[index]


def padded_tokens(inputs: dict[str, Any]) -> int:
    """Tokens of a batch, padding included."""
    return int(inputs["input_ids"].numel())


class OomRetry:
    """Runs work on a batch, in as many parts as memory demands.

    Args:
        tell: called with a sentence when the parts become smaller.
        tokens: a part has at most so many, as ``measure`` counts them, or a single row; None
            leaves batches whole.
        measure: counts the tokens of a batch.

    Attributes:
        parts: into how many parts every batch is cut because memory ran out.
    """

    def __init__(
        self,
        tell: Callable[[str], None],
        tokens: int | None = None,
        measure: Callable[[dict[str, Any]], int] = padded_tokens,
    ) -> None:
        self.tell = tell
        self.tokens = tokens
        self.measure = measure
        self.parts = 1

    def cuts(self, inputs: dict[str, Any]) -> int:
        """Into how many parts a batch is cut."""
        if self.tokens is None:
            return self.parts
        rows = len(inputs["input_ids"])
        count = max(self.parts, min(-(-self.measure(inputs) // self.tokens), rows))
        # Every part has the shared prefix anew, and rows differ in length.
        while count < rows and max(map(self.measure, parts_of(inputs, count))) > self.tokens:
            count += 1
        return count

    def run(
        self,
        inputs: dict[str, Any],
        work: Callable[[dict[str, Any]], torch.Tensor],
        undo: Callable[[], None] = lambda: None,
    ) -> torch.Tensor:
        """Sum of what ``work`` gives for each part of a batch.

        Args:
            inputs: the batch.
            work: gives a part's share of the result.
            undo: reverts an attempt in which memory ran out.

        Raises:
            torch.OutOfMemoryError: a single row does not fit.
        """
        rows = len(inputs["input_ids"])
        while True:
            try:
                cuts = self.cuts(inputs)
                if cuts == 1:
                    return work(inputs)
                return torch.stack([work(part) for part in parts_of(inputs, cuts)]).sum()
            except RuntimeError as error:
                if not is_out_of_memory(error) or cuts >= rows:
                    raise
            # Outside the handler: its traceback holds the tensors that must be freed.
            undo()
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.parts = 2 * cuts
            self.tell(
                f"out of memory: batches are cut into {self.parts} parts of "
                f"{-(-rows // self.parts)} from now on; what is learned is the same"
            )
