"""Muon beside AdamW: an optimiser for models that are trained whole.

Muon (Jordan et al. 2024; ``torch.optim.Muon``) makes the update of a matrix orthogonal. It is meant
for the matrices inside the layers; embeddings, norms and biases stay with AdamW. Muon's update is
scaled to AdamW's root mean square, so one learning rate serves both.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

BETAS = (0.9, 0.98)  # of AdamW's averages; the second is short, as runs of few thousand steps want


class MuonAdamW(torch.optim.Optimizer):  # type: ignore[misc]  # torch is not followed
    """Muon for the matrices inside the layers, AdamW for everything else, as one optimiser.

    Args:
        model: what is trained; parameters without gradients are left out.
        rate: learning rate of both; the groups' ``lr`` may be changed between steps.
        weight_decay: decoupled, of the matrices only.
    """

    def __init__(self, model: nn.Module, rate: float, weight_decay: float = 0.0) -> None:
        trained = [p for p in model.parameters() if p.requires_grad]
        outer = _embeddings(model)
        inner = {id(p) for p in trained if p.ndim == 2 and id(p) not in outer}
        self.parts: tuple[Any, Any] = (
            torch.optim.Muon(
                [p for p in trained if id(p) in inner],
                lr=rate,
                weight_decay=weight_decay,
                adjust_lr_fn="match_rms_adamw",
            ),
            torch.optim.AdamW(
                [p for p in trained if id(p) not in inner], lr=rate, betas=BETAS, weight_decay=0.0
            ),
        )
        super().__init__([group for part in self.parts for group in part.param_groups], {})
        self._share()

    def _share(self) -> None:
        """Make groups and state of both parts the very ones that this object has."""
        for part, group in zip(self.parts, self.param_groups, strict=True):
            part.param_groups, part.state = [group], self.state

    @torch.no_grad()  # type: ignore[untyped-decorator]  # as above
    def step(self, closure: Any = None) -> None:
        """Apply the gradients.

        Raises:
            ValueError: a closure is given; Muon and AdamW can not share one evaluation of it.
        """
        if closure is not None:
            raise ValueError("MuonAdamW takes no closure")
        for part in self.parts:
            part.step()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a state that :meth:`state_dict` gave."""
        super().load_state_dict(state_dict)
        self._share()


def _embeddings(model: nn.Module) -> set[int]:
    """Ids of the weights of embeddings and of the output layer."""
    modules = [module for module in model.modules() if isinstance(module, nn.Embedding)]
    if hasattr(model, "get_output_embeddings"):
        modules.append(model.get_output_embeddings())
    return {id(module.weight) for module in modules if module is not None}
