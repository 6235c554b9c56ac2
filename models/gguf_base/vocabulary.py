"""What llama.cpp makes of a GGUF's vocabulary: asked, not guessed.

Contract: ``ask_vocabulary(path)`` loads the vocabulary in a child process and says which tokens
are special, where text ends, and what is put in front. Files leave keys out, name wrong types and
wrong ends; llama.cpp has a rule for each such case, and this way training follows the same rules.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from setaccio.data.errors import ModelError, SetaccioError
from setaccio.models.child import run_child

_SCRIPT = Path(__file__).parent / "_ask_llama.py"
# llama.h: LLAMA_TOKEN_ATTR_*
UNKNOWN, CONTROL, USER_DEFINED, LSTRIP, RSTRIP = 1 << 0, 1 << 3, 1 << 4, 1 << 7, 1 << 8
SPECIAL = UNKNOWN | CONTROL | USER_DEFINED
"""What llama.cpp looks for in a text before anything else."""


@dataclass(frozen=True)
class Vocabulary:
    """A GGUF's vocabulary as llama.cpp sees it.

    Attributes:
        kind: ``bpe``, ``spm`` or what else it is.
        size: number of tokens.
        attributes: of each token, llama.h's bits.
        ends: ids at which generation stops.
        bos: id of the beginning-of-sequence token; None where the file names none.
        eos: id of the end-of-sequence token.
        pad: id of the padding token, or None.
        unk: id of the unknown token, or None.
        add_bos: whether text begins with ``bos`` unasked.
    """

    kind: str
    size: int
    attributes: tuple[int, ...]
    ends: tuple[int, ...]
    bos: int | None
    eos: int | None
    pad: int | None
    unk: int | None
    add_bos: bool


def ask_llama(
    path: Path,
    out: Path,
    *,
    doing: str | None = None,
    error: type[SetaccioError] = ModelError,
    **asked: Any,
) -> dict[str, Any]:
    """Run llama.cpp on a GGUF in a child process.

    Args:
        path: the file.
        out: folder that its answers are written into.
        doing: what to call it in an error message; by default ``PATH: llama.cpp``.
        error: what to raise.
        asked: ``lora``, ``strings``, ``prompts``, ``new_tokens``, ``sequences``, ``threads`` as
            the script has them.

    Returns:
        The facts about the vocabulary.

    Raises:
        SetaccioError: ``error``: llama.cpp refused the file or crashed.
    """
    job: dict[str, Any] = {"gguf": str(path.resolve()), "out": str(out.resolve()), "threads": 1}
    job |= {"lora": None, "strings": None, "prompts": [], "new_tokens": 0, "sequences": []}
    job |= asked
    run_child(_SCRIPT, job, doing or f"{path}: llama.cpp", error)
    facts: dict[str, Any] = json.loads((out / "facts.json").read_text(encoding="utf-8"))
    return facts


def ask_vocabulary(path: Path, metadata: dict[str, Any]) -> Vocabulary:
    """Ask llama.cpp about a GGUF's vocabulary.

    Args:
        path: the file.
        metadata: its metadata, which says what it names itself.

    Raises:
        ModelError: llama.cpp refused the file or crashed.
    """
    with tempfile.TemporaryDirectory(prefix="setaccio-vocabulary-") as folder:
        facts = ask_llama(path, Path(folder))
    kind, size = facts["type"], facts["tokens"]

    def named(name: str, key: str) -> int | None:
        # For a BPE vocabulary that names no such token llama.cpp assumes token 11, whatever it is.
        token = facts[name]
        assumed = kind != "bpe" or f"tokenizer.ggml.{key}" in metadata
        return token if assumed and 0 <= token < size else None

    unk = metadata.get("tokenizer.ggml.unknown_token_id", 0 if kind == "spm" else None)
    return Vocabulary(
        kind=kind,
        size=size,
        attributes=tuple(facts["attributes"]),
        ends=tuple(facts["ends"]),
        bos=named("bos", "bos_token_id"),
        eos=named("eos", "eos_token_id"),
        pad=named("pad", "padding_token_id"),
        unk=unk if unk is not None and 0 <= unk < size else None,
        add_bos=facts["add_bos"],
    )
