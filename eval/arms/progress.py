"""How far a comparison is, as its runner tells it; ``cli/terminal/arm_progress`` shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class ArmProgress:
    """How far one arm is.

    Attributes:
        arm: its label.
        done: documents that are finished.
        total: documents in all.
        running: documents that are being decoded; 0 where nothing is known of it.
        read: prompt and answer tokens that went through the model.
        written: tokens of answers, those of unfinished ones among them.
        seconds: since the first document of this run was begun.
    """

    arm: str
    done: int
    total: int
    running: int = 0
    read: int = 0
    written: int = 0
    seconds: float = 0.0

    @property
    def flow(self) -> str:
        """What is going on besides finished documents; empty where nothing is known of it."""
        if not self.running:
            return ""
        if not self.written:
            return f"{self.running} running, {self.read:,} prompt tokens read"
        rate = self.written / self.seconds if self.seconds else 0.0
        return f"{self.running} running, {self.written:,} tokens written, {rate:.1f} a second"

    @property
    def line(self) -> str:
        """All of it in words."""
        counted = f"{self.arm}: {self.done} of {self.total} documents"
        return f"{counted}, {self.flow}" if self.flow else counted


Progress = Callable[[ArmProgress], None]
"""Told how far an arm is: when it begins, after every pass of the model, after every document."""
