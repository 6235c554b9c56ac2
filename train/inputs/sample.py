"""What the loss is computed on, to look at: a batch with the masked tokens greyed out.

    console.print(show_batch(rows[:3], tokenizer))

Contract: what is shown is made from the ids and labels alone, as the trainer gets them, so that a
mask that is wrong can be seen. Learned passages are bold and stand between ⟪ and ⟫, for terminals
without colours; the rest is grey, padding is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from rich.text import Text

from setaccio.train.inputs.encode import IGNORED, Encoded

MASKED, LEARNED, HEADING = "bright_black", "bold green", "cyan"
OPEN, CLOSE = "⟪", "⟫"
SHOWN_ROWS = 3


class _Row(NamedTuple):
    name: str
    ids: list[int]
    labels: list[int]
    weight: float = 1.0


def show_batch(
    rows: Sequence[Encoded] | Mapping[str, Any], tokenizer: Any, limit: int = SHOWN_ROWS
) -> Text:
    """Show rows or a batch as text, masked tokens in grey.

    Args:
        rows: encoded pairs, or a batch as the collator makes it: ``input_ids`` and ``labels``,
            both (rows, length), as tensors or lists.
        tokenizer: a transformers tokenizer, to read the ids back.
        limit: how many rows are shown; the rest is counted.

    Returns:
        For each row a heading with the numbers of its tokens, then its text.
    """
    listed = list(_rows(rows))
    shown = Text()
    for row in listed[:limit]:
        shown.append_text(_show(row, tokenizer))
    if len(listed) > limit:
        shown.append(f"and {len(listed) - limit} more rows\n", HEADING)
    return shown


def _rows(rows: Sequence[Encoded] | Mapping[str, Any]) -> Iterator[_Row]:
    if isinstance(rows, Mapping):
        pairs = zip(_lists(rows["input_ids"]), _lists(rows["labels"]), strict=True)
        for number, (ids, labels) in enumerate(pairs, 1):
            yield _Row(f"row {number}", ids, labels)
    else:
        for row in rows:
            yield _Row(row.id, row.input_ids, row.labels, row.weight)


def _lists(values: Any) -> list[list[int]]:
    return values.tolist() if hasattr(values, "tolist") else [list(row) for row in values]


def _show(row: _Row, tokenizer: Any) -> Text:
    ids, labels = list(row.ids), list(row.labels)
    padding = 0
    end = max((n + 1 for n, label in enumerate(labels) if label != IGNORED), default=0)
    while len(ids) > end and ids[-1] == tokenizer.pad_token_id:
        ids.pop()
        padding += 1
    learned = sum(label != IGNORED for label in labels)
    said = f"{row.name}: {len(ids)} tokens, {learned} learned"
    said += f", {padding} of padding" if padding else ""
    said += f", weight {row.weight:g}" if row.weight != 1.0 else ""
    text = Text(f"{said}\n", HEADING)
    for is_learned, run in groupby(zip(ids, labels, strict=False), lambda each: each[1] != IGNORED):
        # The label is what is learned; it is shown, and not the id that it should be equal to.
        tokens = [label if is_learned else token for token, label in run]
        body = _decode(tokens, tokenizer)
        text.append(
            f"{OPEN}{body}{CLOSE}" if is_learned else body, LEARNED if is_learned else MASKED
        )
    return text.append("\n")


def _decode(ids: Iterable[int], tokenizer: Any) -> str:
    return str(
        tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
    )
