"""What the transformers model says: the reference that a GGUF is compared with.

Contract: ``make_reference(hf_dir, task, texts)`` tokenises prompts, decodes greedily in float32
and keeps the logits, once for all quantisations of one model. With pairs and a folder it also runs
the model on the pairs' gold answers and keeps those logits in the folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from setaccio.data.errors import ExportError, ModelError
from setaccio.data.records import Pair
from setaccio.data.task.hf_tokenizer import chat_format, encode_pieces
from setaccio.data.task.pieces import ChatFormat, Piece, completion_end, prompt_pieces
from setaccio.data.task.task import Task
from setaccio.export.hf_folder import load_folder_tokenizer, load_hf_model
from setaccio.export.proof.divergence import HeldOut, answer_path, measure
from setaccio.export.proof.gold_tokens import (
    HELD_OUT_PAIRS,
    GoldTokens,
    answer_logits,
    encode_answers,
)

MAX_NEW_TOKENS = 48

# What tokenisers get wrong: other scripts, fractions, runs of digits and blanks, line ends,
# apostrophes, emoji, control characters. The model's own control tokens are added to it.
_HARD_TEXT = (
    "½ cup crème fraîche at 180°C,\tthen  wait   12345 s.\r\n\n \n I'll 'RE we'Ve\n"
    "Привет мир! 小麦粉を２００ｇ 混ぜる。 한국어 مرحبا हिन्दी 👩\u200d🍳🥚🥚 ---=== "
    '{"a": [1.5, null]} \u200b\x7f end '
)


class Loaded(NamedTuple):
    """A transformers model that is in memory already.

    Attributes:
        model: in evaluation mode.
        tokenizer: its tokenizer, with a chat template.
    """

    model: Any
    tokenizer: Any


class Continuation(NamedTuple):
    """Greedy decoding of one prompt.

    Attributes:
        prompt: its token ids.
        tokens: what follows, at most ``max_new_tokens``, an end token included.
        logits: of each of these tokens, in float32; tokens x vocabulary.
    """

    prompt: list[int]
    tokens: list[int]
    logits: npt.NDArray[np.float32]


class AnswerReference(NamedTuple):
    """The model on held-out answers.

    Attributes:
        answers: the pairs as tokens.
        folder: the logits, as :mod:`setaccio.export.proof.divergence` lays them out.
        measured: perplexity and ends.
    """

    answers: list[GoldTokens]
    folder: Path
    measured: HeldOut


class Reference(NamedTuple):
    """Everything that a GGUF has to reproduce.

    Attributes:
        chat: template and special tokens.
        bos: id of the beginning-of-sequence token, or None.
        eos: id of the end-of-sequence token.
        stops: ids that must end an answer: ``eos``, the generation config's and the template's.
        prompts: pieces of each prompt whose ids are compared; the last is a hard text.
        ids: the ids of each.
        continuations: of all prompts but the hard one.
        held_out: what it says on held-out answers, where there are pairs.
        context: greatest length that the model knows, in tokens, if it says so.
    """

    chat: ChatFormat
    bos: int | None
    eos: int
    stops: list[int]
    prompts: list[list[Piece]]
    ids: list[list[int]]
    continuations: list[Continuation]
    held_out: AnswerReference | None = None
    context: int | None = None


def make_reference(
    hf_dir: Path,
    task: Task | None,
    texts: list[str],
    *,
    max_new_tokens: int = MAX_NEW_TOKENS,
    pairs: list[Pair] | None = None,
    folder: Path | None = None,
    held_out: int = HELD_OUT_PAIRS,
    loaded: Loaded | None = None,
) -> Reference:
    """Run the transformers model on a few documents.

    Args:
        hf_dir: model folder with tokenizer and chat template.
        task: makes the prompt around a text; without one the text alone is the user's turn.
        texts: documents.
        max_new_tokens: how far to decode each.
        pairs: held-out pairs to run the model on, if there is a task.
        folder: where to keep the logits of their answers.
        held_out: greatest number of pairs.
        loaded: model and tokenizer in the place of the folder's, which then only names them.

    Raises:
        ExportError: the folder can not be loaded, has no chat template or no end token, or a
            prompt does not fit into the context.
        MissingExtraError: torch or transformers is not installed.
    """
    model, tokenizer = loaded or Loaded(
        load_hf_model(hf_dir, offload=True), load_folder_tokenizer(hf_dir)
    )
    # Compared by its token ids alone: nobody needs an answer to it.
    hard = _HARD_TEXT + " ".join(tokenizer.all_special_tokens)
    try:
        chat = chat_format(tokenizer)
        prompts = [
            prompt_pieces(
                chat, task.messages(text) if task else [{"role": "user", "content": text}]
            )
            for text in [*texts, hard]
        ]
        closing = encode_pieces(tokenizer, [Piece(completion_end(chat), True)])
    except ModelError as error:
        raise ExportError(f"{hf_dir}: {error}") from error
    ids = [encode_pieces(tokenizer, pieces) for pieces in prompts]
    stops = _stops(tokenizer, model, closing)
    context = getattr(model.config, "max_position_embeddings", None)
    longest = max(len(prompt) for prompt in ids[:-1]) if texts else 0
    if context and longest + max_new_tokens > context:
        raise ExportError(
            f"{hf_dir}: a probe prompt has {longest} tokens, but the context is {context} with "
            f"{max_new_tokens} to generate. Give shorter texts."
        )
    continuations = [_continue(model, prompt, stops, max_new_tokens) for prompt in ids[:-1]]
    reference = Reference(
        chat=chat,
        bos=tokenizer.bos_token_id,
        eos=tokenizer.eos_token_id,
        stops=stops,
        prompts=prompts,
        ids=ids,
        continuations=continuations,
        context=context,
    )
    if task is None or not pairs or folder is None:
        return reference
    answers = encode_answers(
        tokenizer,
        chat,
        task,
        pairs,
        context=context,
        vocabulary=getattr(model.config, "vocab_size", None),
        most=held_out,
    )
    if not answers:
        return reference
    folder.mkdir(parents=True, exist_ok=True)
    for n, (answer, first) in enumerate(answers):
        rows = answer_logits(model, answer, first).numpy()
        np.save(answer_path(folder, n), rows, allow_pickle=False)
    measured = measure(answers, folder, {}, stops)
    return reference._replace(held_out=AnswerReference(answers, folder, measured))


def _stops(tokenizer: Any, model: Any, closing: list[int]) -> list[int]:
    configured = model.generation_config.eos_token_id
    ends = [configured] if isinstance(configured, int) else configured or []
    return list(dict.fromkeys([tokenizer.eos_token_id, *ends, *closing[:1]]))


def _continue(model: Any, prompt: list[int], stops: list[int], limit: int) -> Continuation:
    """Plain greedy decoding; ``generate`` would apply the penalties of a generation config."""
    import torch

    tokens: list[int] = []
    rows = []
    step, cache = prompt, None
    with torch.inference_mode():
        while len(tokens) < limit and not (tokens and tokens[-1] in stops):
            # The whole prompt first (prefill), then one token at a time on the KV cache.
            out = model(torch.tensor([step]), past_key_values=cache, use_cache=True)
            cache = out.past_key_values
            rows.append(out.logits[0, -1].float().numpy())
            tokens.append(int(rows[-1].argmax()))
            step = tokens[-1:]
    return Continuation(prompt, tokens, np.stack(rows))
