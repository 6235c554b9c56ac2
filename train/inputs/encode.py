"""Pairs to token ids, with the completion marked: what the loss is computed on.

Prompt ids come from the same pieces that the runtime tokenises, so both are equal by
construction; a document's own ``<|im_end|>`` stays text. Whatever would train the wrong thing is
refused here, before anything starts: gold that breaks the schema, rows that would have to be cut,
rows without a completion, an answer whose end would not stop the model.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from setaccio.data.errors import TrainError
from setaccio.data.records import Pair
from setaccio.data.task.hf_tokenizer import chat_format, encode_pieces
from setaccio.data.task.pieces import ChatFormat, Piece, completion_end, prompt_pieces
from setaccio.data.task.task import Task

IGNORED = -100  # the label that cross-entropy leaves out
LENGTH_STEP = 32  # tokens; on a CPU rows are padded to a multiple of this
SELECTED_STEP = 32  # learned positions are padded to multiples of this for the loss
CHUNK = 256  # learned positions whose logits are in memory at once
SHOWN_IDS = 5


@dataclass(frozen=True)
class Encoded:
    """One pair as tokens.

    Attributes:
        id: the pair's id.
        input_ids: prompt, completion and end token.
        completion_mask: 1 where the loss is computed, else 0; as long as ``input_ids``.
        weight: what the row's loss is multiplied by, above 0.
    """

    id: str
    input_ids: list[int]
    completion_mask: list[int]
    weight: float = 1.0

    @property
    def labels(self) -> list[int]:
        """Token ids of the completion, ``-100`` elsewhere."""
        pairs = zip(self.input_ids, self.completion_mask, strict=True)
        return [token if learned else IGNORED for token, learned in pairs]


@dataclass(frozen=True)
class EncodeReport:
    """Pairs that were left out on request.

    Attributes:
        long: ids of the pairs over the length limit.
        invalid: ids of the pairs whose gold breaks the schema.
    """

    long: tuple[str, ...] = ()
    invalid: tuple[str, ...] = ()


def encode_pair(
    tokenizer: Any, chat: ChatFormat, task: Task, pair: Pair, max_length: int | None = None
) -> Encoded:
    """Encode one pair.

    Args:
        tokenizer: a transformers tokenizer.
        chat: its chat format, from :func:`chat_format`.
        task: renders prompt and gold.
        pair: document and gold; its examples, where it has some, take the place of the task's.
        max_length: most tokens allowed; None allows any number.

    Raises:
        TrainError: the pair is longer than ``max_length``; nothing is ever cut.
    """
    messages = task.messages(pair.text, pair.examples or None)
    prompt = encode_pieces(tokenizer, prompt_pieces(chat, messages))
    answer = [Piece(task.render_gold(pair.gold), False), Piece(completion_end(chat), True)]
    completion = encode_pieces(tokenizer, answer)
    mask = [0] * len(prompt) + [1] * len(completion)
    encoded = Encoded(pair.id, prompt + completion, mask, pair.weight)
    if max_length is not None and len(encoded.input_ids) > max_length:
        raise _too_long([encoded], max_length)
    return encoded


def _too_long(rows: Sequence[Encoded], max_length: int) -> TrainError:
    needed = max(len(row.input_ids) for row in rows)
    return TrainError(
        f"{len(rows)} pairs are longer than {max_length} tokens ({_name(r.id for r in rows)}); the "
        f"longest needs {needed}. Cutting them would teach unfinished answers: pass "
        f"--set max_length={needed}, or leave them out with --set drop_long=true."
    )


def _name(ids: Iterable[str]) -> str:
    listed = list(ids)
    more = f" and {len(listed) - SHOWN_IDS} more" if len(listed) > SHOWN_IDS else ""
    return ", ".join(listed[:SHOWN_IDS]) + more


def check_end(tokenizer: Any, chat: ChatFormat, end_ids: set[int]) -> None:
    """Refuse a template whose answers do not end in a token at which generation stops.

    Raises:
        TrainError: trained on it, the model would never learn to stop.
    """
    end = completion_end(chat)
    ids = encode_pieces(tokenizer, [Piece(end, True)])
    if not ids or ids[-1] not in end_ids:
        stops = ", ".join(sorted(tokenizer.convert_ids_to_tokens(sorted(end_ids)))) or "none"
        raise TrainError(
            f"The chat template ends an answer with {end!r}, which is no end token of this model "
            f"(end tokens: {stops}); it would never learn to stop. Let the template write "
            "{{ eos_token }} behind an answer, or take one that does: --template chatml."
        )


def _keep_valid(
    task: Task, pairs: Sequence[Pair], drop: bool
) -> tuple[list[Pair], tuple[str, ...]]:
    kept: list[Pair] = []
    broken: list[str] = []
    first = ""
    for pair in pairs:
        shots = (problem for shot in pair.examples for problem in task.problems(shot.gold))
        problems = task.problems(pair.gold) or [f"of an example: {problem}" for problem in shots]
        if problems:
            first = first or f"{pair.id}: {problems[0]}"
            broken.append(pair.id)
        else:
            kept.append(pair)
    if broken and not drop:
        raise TrainError(
            f"The gold of {len(broken)} of {len(pairs)} pairs breaks the schema of task "
            f"{task.name!r}; the first is {first}. Repair these pairs, or leave them out with "
            "--set drop_invalid=true."
        )
    return kept, tuple(broken)


def encode_pairs(
    tokenizer: Any,
    task: Task,
    pairs: Sequence[Pair],
    max_length: int,
    *,
    end_ids: set[int],
    drop_long: bool = False,
    drop_invalid: bool = False,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[list[Encoded], EncodeReport]:
    """Encode a data set, refusing whatever would train the wrong thing.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        task: renders prompts and gold.
        pairs: at least one.
        max_length: most tokens that a row may have.
        end_ids: token ids at which generation stops.
        drop_long: leave out rows over ``max_length``.
        drop_invalid: leave out rows whose gold breaks the schema.
        advance: called with 1 for each encoded pair, to show progress.

    Returns:
        The encoded rows, in order, and what was left out.

    Raises:
        TrainError: gold that breaks the schema, rows over the limit, no rows, an answer without
            an end token, or rows in which nothing would be learned.
    """
    chat = chat_format(tokenizer)
    check_end(tokenizer, chat, end_ids)
    valid, invalid = _keep_valid(task, pairs, drop_invalid)
    rows: list[Encoded] = []
    long: list[Encoded] = []
    for pair in valid:
        row = encode_pair(tokenizer, chat, task, pair)
        (rows if len(row.input_ids) <= max_length else long).append(row)
        advance(1)
    if long and not drop_long:
        raise _too_long(long, max_length)
    check_labels(rows)
    return rows, EncodeReport(tuple(row.id for row in long), invalid)


def check_labels(rows: Sequence[Encoded]) -> None:
    """Refuse a data set that is empty, or has rows in which every label is masked.

    Raises:
        TrainError: nothing would be learned from these rows.
    """
    if not rows:
        raise TrainError(
            "No pair is left to train on. Pass --set max_length=N, or check the pairs' gold."
        )
    # The first token is never predicted, so a label on it alone teaches nothing either.
    masked = [row.id for row in rows if not any(row.completion_mask[1:])]
    if masked:
        raise TrainError(
            f"All labels of {len(masked)} of {len(rows)} rows are masked ({_name(masked)}): "
            "nothing would be learned from them. Their completion is empty; check the gold."
        )
