"""Prove that a tokenizer gives the ids that llama.cpp gives.

Contract: ``write_probes`` leaves the texts for llama.cpp's child process; ``compare_ids`` reads
what it answered, tokenises the same texts the way training does, and raises at the first
difference.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from setaccio.data.errors import ModelError
from setaccio.models.gguf_base.strings import Probe, probe_strings
from setaccio.models.gguf_base.vocabulary import SPECIAL, Vocabulary

_PIECES = 4000  # of the vocabulary, which strings are made of


def make_probes(tokenizer: Any, vocabulary: Vocabulary) -> list[Probe]:
    """The texts for this vocabulary."""
    marked = [i for i, bits in enumerate(vocabulary.attributes) if bits & SPECIAL]
    plain = [i for i, bits in enumerate(vocabulary.attributes) if not bits & SPECIAL]
    step = max(1, len(plain) // _PIECES)
    pieces = [tokenizer.decode([i]) for i in plain[::step]]
    special = tokenizer.convert_ids_to_tokens(marked)
    return probe_strings(special, [piece for piece in pieces if piece])


def write_probes(probes: list[Probe], path: Path) -> None:
    """Write the texts for the child process."""
    path.write_text(json.dumps(probes), encoding="utf-8")


def compare_ids(path: Path, tokenizer: Any, probes: list[Probe], answers: Path) -> None:
    """Tokenise the texts and compare with llama.cpp's ids.

    Args:
        path: the GGUF, for messages.
        tokenizer: the tokenizer that was made from it.
        probes: the texts.
        answers: folder with ``ids.npy`` and ``lengths.npy``.

    Raises:
        ModelError: a text gets other ids; the first one is shown with both.
    """
    ids = np.load(answers / "ids.npy", allow_pickle=False).tolist()
    ends = np.cumsum(np.load(answers / "lengths.npy", allow_pickle=False)).tolist()
    start = 0
    for (text, special), end in zip(probes, ends, strict=True):
        theirs, start = ids[start:end], end
        ours = tokenizer.encode(text, add_special_tokens=False, split_special_tokens=not special)
        if ours != theirs:
            at = next(
                (i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b),
                min(len(ours), len(theirs)),
            )
            raise ModelError(
                f"{path}: can not be a base, for its tokenizer could not be rebuilt. The text "
                f"{text!r} gets the tokens {theirs[at : at + 4]} from llama.cpp and "
                f"{ours[at : at + 4]} from the tokenizer made of the same vocabulary (from token "
                f"{at} on). Use a GGUF from another converter, or the model's safetensors folder."
            )
