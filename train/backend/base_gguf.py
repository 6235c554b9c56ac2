"""A GGUF as a base, prepared with a word to the person who waits for it."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from setaccio.models.gguf_base import GgufBase, base_folder


def prepare_gguf(path: Path) -> GgufBase:
    """Find or make the folder of a GGUF; what is done the first time is said on standard error.

    Raises:
        ModelError: it can not be a base; see :func:`setaccio.models.gguf_base.base_folder`.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    last = ""
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        row = bar.add_task("", total=1.0, visible=False)

        def advance(doing: str, share: float) -> None:
            nonlocal last
            if not last:
                console.print(
                    f"Making {path.name} a base, once: it is dequantised and proved.", markup=False
                )
            if doing != last and not console.is_terminal:
                console.print(f"{doing} ...", markup=False)
            last = doing
            bar.update(row, description=doing, completed=share, visible=True)

        base = base_folder(path, advance)
    if last:
        proof = base.record["proof"]
        console.print(
            f"Proved in {base.record['seconds']:.0f} s: the same token ids as llama.cpp on "
            f"{proof['strings']:,} texts, answers that diverge by {proof['mean_kl']:.2g} nats. "
            f"Kept in {base.folder}",
            markup=False,
        )
    return base
