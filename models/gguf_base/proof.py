"""Prove once that training on a GGUF's folder trains the model that llama.cpp runs.

Contract: ``prove_tokenizer`` compares token ids on over ten thousand texts and the chat template,
and leaves llama.cpp's own greedy answers; ``prove_answers`` compares the dequantised model with
these. Both raise ModelError at the first difference, shown. llama.cpp works in a child process.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import psutil

from setaccio.data.errors import ModelError, short_reason
from setaccio.data.task.hf_tokenizer import chat_format, encode_pieces
from setaccio.data.task.pieces import Piece, prompt_pieces
from setaccio.data.task.task import Message
from setaccio.models.gguf_base.answers import NEW_TOKENS, compare_answers
from setaccio.models.gguf_base.loading import fits_as_float32, load_causal_lm
from setaccio.models.gguf_base.reader import GgufFile
from setaccio.models.gguf_base.strings import compare_ids, make_probes, write_probes
from setaccio.models.gguf_base.vocabulary import Vocabulary, ask_llama

_QUESTIONS: tuple[list[Message], ...] = (
    [{"role": "user", "content": "Name three colours of the rainbow."}],
    [
        {"role": "system", "content": "You answer in one sentence."},
        {"role": "user", "content": "Why is crème fraîche (½ cup) kept cold?"},
    ],
    [
        {"role": "user", "content": "What is 12 + 30?"},
        {"role": "assistant", "content": "42"},
        {"role": "user", "content": 'As JSON {"sum": 42}, please.\n\nThank you <|im_end|> 👩‍🍳'},
    ],
)
# What differs only far from the beginning: attention windows, and scaled positions.
_BEYOND = 64
_LONGEST = 4096 + _BEYOND
_GEMMA2_WINDOW = 4096  # where the file leaves it out


class ProofPrompts(NamedTuple):
    """Prompts that both models answer.

    Attributes:
        ids: of each, as the tokenizer has them.
        long: whether the last one is long.
        strings: how many texts were compared before.
        template: whether they are rendered through the file's chat template.
    """

    ids: list[list[int]]
    long: bool
    strings: int
    template: bool


def prove_tokenizer(
    gguf: GgufFile, vocabulary: Vocabulary, tokenizer: Any, scratch: Path
) -> ProofPrompts:
    """Compare token ids and chat template, and let llama.cpp answer a few prompts.

    Args:
        gguf: the file.
        vocabulary: what llama.cpp says about it.
        tokenizer: the transformers tokenizer that was made from it.
        scratch: an empty folder for what the child process writes.

    Raises:
        ModelError: the first difference, or llama.cpp can not run the file.
    """
    probes = make_probes(tokenizer, vocabulary)
    write_probes(probes, scratch / "strings.json")
    rendered = _prompts(tokenizer, _QUESTIONS)
    pieces = rendered or [_plain(tokenizer, messages) for messages in _QUESTIONS]
    wanted = long_prompt_length(gguf)
    long = wanted > max(len(encode_pieces(tokenizer, prompt)) for prompt in pieces)
    if long:
        pieces.append(_long_prompt(tokenizer, wanted))
    facts = ask_llama(
        gguf.path,
        scratch,
        strings=str(scratch / "strings.json"),
        prompts=pieces,
        new_tokens=NEW_TOKENS,
        threads=_threads(),
    )
    compare_ids(gguf.path, tokenizer, probes, scratch)
    # Training and the runtime render templates with the same code, so equal templates are enough.
    template = tokenizer.chat_template or ""
    if (facts["template"] or "").splitlines() != template.splitlines():
        raise ModelError(f"{gguf.path}: llama.cpp reads another chat template than the file holds.")
    ids = [encode_pieces(tokenizer, prompt) for prompt in pieces]
    return ProofPrompts(ids, long, len(probes), rendered is not None)


def long_prompt_length(gguf: GgufFile) -> int:
    """Tokens of a prompt that reaches beyond the file's attention window and scaled positions.

    Returns:
        At most 4,160, and no more than the context holds; 0 where the file has neither.
    """
    window = gguf.of("attention.sliding_window", 0)
    if not window and gguf.architecture == "gemma2":
        window = _GEMMA2_WINDOW
    reach = max(window) if isinstance(window, list) else int(window or 0)
    context = int(gguf.of("context_length", 0) or _LONGEST + NEW_TOKENS)
    scaled = any(name.startswith("rope_f") for name in gguf.tensors) or any(
        gguf.of(f"rope.{key}") not in (None, "none", 1.0)
        for key in ("scaling.type", "scaling.factor", "scale_linear")
    )
    if scaled:
        reach = max(reach, int(gguf.of("rope.scaling.original_context_length", 0) or _LONGEST))
    return min(reach + _BEYOND, _LONGEST, context - NEW_TOKENS) if reach else 0


def _long_prompt(tokenizer: Any, wanted: int) -> list[Piece]:
    """A prompt of numbered lines, about so many tokens long and no longer."""

    def of(lines: int) -> list[Piece]:
        text = "".join(
            f"{n:03}: {n * 37 % 90 + 10} pears, {n * 53 % 90 + 10} figs\n" for n in range(lines)
        )
        question: list[Message] = [{"role": "user", "content": f"{text}Say lines 1 and 7."}]
        return (_prompts(tokenizer, [question]) or [_plain(tokenizer, question)])[0]

    def length(lines: int) -> int:
        return len(encode_pieces(tokenizer, of(lines)))

    # Not by trial: a text beyond the context gets a warning from the tokenizer.
    few = length(4)
    lines = max(0, 4 + (wanted - few) * 4 // (length(8) - few))
    while lines > 0 and length(lines) > wanted:
        lines -= 1
    return of(lines)


def _threads() -> int:
    physical = psutil.cpu_count(logical=False) or 1
    wanted = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # one a level: 4,2
    return max(1, min(physical, int(wanted))) if wanted.isdecimal() else physical


def _prompts(tokenizer: Any, questions: Sequence[list[Message]]) -> list[list[Piece]] | None:
    """Through the chat template; None where it does not work, which is said elsewhere."""
    try:
        chat = chat_format(tokenizer)
        return [prompt_pieces(chat, messages) for messages in questions]
    except ModelError:
        return None


def _plain(tokenizer: Any, messages: list[Message]) -> list[Piece]:
    start = [Piece(tokenizer.bos_token, True)] if tokenizer.bos_token else []
    return [*start, Piece(messages[-1]["content"], False)]


def prove_answers(
    gguf: GgufFile, folder: Path, prompts: ProofPrompts, scratch: Path
) -> dict[str, Any]:
    """Compare the dequantised model with llama.cpp's answers.

    Args:
        gguf: the file.
        folder: the dequantised model.
        prompts: from :func:`prove_tokenizer`.
        scratch: the same folder as there.

    Returns:
        What was compared and how well it agreed, for the record.

    Raises:
        ModelError: the model can not be loaded, or answers otherwise.
    """
    import torch

    try:
        model = load_causal_lm(folder, torch.float32 if fits_as_float32(folder) else torch.bfloat16)
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{gguf.path}: dequantised, it can not be loaded ({short_reason(error)})."
        ) from error
    short = prompts.ids[:-1] if prompts.long else prompts.ids
    agreement = compare_answers(gguf.path, model, scratch, short)
    found = {}
    if prompts.long:  # by itself: among short ones a wrong window would hide
        far = compare_answers(gguf.path, model, scratch, prompts.ids[-1:], first=len(short))
        found = {
            "long_prompt": len(prompts.ids[-1]),
            "long_mean_kl": round(far.mean_kl, 6),
            "long_top1": round(far.top1, 4),
        }
    return {
        **found,
        "strings": prompts.strings,
        "prompts": len(prompts.ids),
        "template": prompts.template,
        "positions": agreement.positions,
        "mean_kl": round(agreement.mean_kl, 6),
        "top1": round(agreement.top1, 4),
    }
