"""Rows of other tools' fine-tuning sets as pairs: chat messages, instructions, completions.

Contract: ``KINDS[kind].to_pair(row, id)`` makes a pair of one row or says in one line why it can
not. The gold is the assistant's last turn, which must be one JSON object (a Markdown fence around
it is taken off), or the arguments of its one tool call. Earlier turns become the pair's examples. A
system message is left out: the task's instruction takes its place.

    row = {"messages": [{"role": "user", ...}, {"role": "assistant", ...}]}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from setaccio.data.files.json_text import parse_json
from setaccio.data.records import Pair, parse_pair, parse_weight
from setaccio.data.task.task import Shot

_FENCE = re.compile(r"\s*(`{3,}|~{3,})[\w+-]*\s*(.*?)\s*\1\s*", re.DOTALL)
_ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "system": "system",
    "developer": "system",
}


class Kind(NamedTuple):
    """A form of rows.

    Attributes:
        columns: the columns by which it is known.
        to_pair: makes a pair of a row and an id; raises ``ValueError`` where it can not.
    """

    columns: tuple[str, ...]
    to_pair: Callable[[Mapping[str, Any], str], Pair]


def as_gold(value: Any) -> dict[str, Any]:
    """An answer as a JSON object.

    Args:
        value: the object, or a text that holds it alone, in a Markdown fence or not.

    Raises:
        ValueError: it is none.
    """
    if isinstance(value, str):
        fenced = _FENCE.fullmatch(value)
        try:
            value = parse_json(fenced[2] if fenced else value)
        except ValueError as error:
            raise ValueError(f"the answer is not JSON ({error})") from error
    if not isinstance(value, dict):
        raise ValueError("the answer is no JSON object")
    return value


def _text_of(content: Any) -> str:
    """What a message says: a string, or the text parts of a list."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and content:
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        if len(texts) == len(content) and all(isinstance(text, str) for text in texts):
            return "\n".join(str(text) for text in texts)
    raise ValueError("a message holds no text")


def _answer(turn: Mapping[str, Any]) -> dict[str, Any]:
    """The gold of an assistant's turn."""
    calls = turn.get("tool_calls")
    if calls:
        if not isinstance(calls, list) or len(calls) > 1:
            raise ValueError("the answer calls more than one tool")
        function = calls[0].get("function") if isinstance(calls[0], dict) else None
        return as_gold(function.get("arguments") if isinstance(function, dict) else None)
    content = turn.get("content")
    return as_gold(content if isinstance(content, dict) else _text_of(content))


def _chat(turns: Any, row: Mapping[str, Any], pair_id: str) -> Pair:
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise ValueError("the messages are no list of {role, content}")
    roles = [_ROLES.get(str(turn.get("role")), "") for turn in turns]
    if "" in roles:
        raise ValueError(f"a message of the role {turns[roles.index('')].get('role')!r}")
    spoken = [turn for turn, role in zip(turns, roles, strict=True) if role != "system"]
    order = [role for role in roles if role != "system"]
    if not order or order != ["user", "assistant"] * (len(order) // 2):
        raise ValueError("the turns are not user and assistant in alternation, assistant last")
    if spoken[-1].get("weight") == 0:
        raise ValueError("the answer has weight 0, so that nothing would be learned")
    shots = [
        Shot(text=_text_of(asked.get("content")), gold=_answer(said))
        for asked, said in zip(spoken[:-2:2], spoken[1:-2:2], strict=True)
    ]
    weight = row.get("weight")
    return Pair(
        pair_id,
        _text_of(spoken[-2].get("content")),
        _answer(spoken[-1]),
        1.0 if weight is None else parse_weight(weight),
        tuple(shots),
    )


def _messages(row: Mapping[str, Any], pair_id: str) -> Pair:
    return _chat(row.get("messages"), row, pair_id)


def _sharegpt(row: Mapping[str, Any], pair_id: str) -> Pair:
    turns = row.get("conversations")
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise ValueError("the conversations are no list of {from, value}")
    renamed = [{"role": turn.get("from"), "content": turn.get("value")} for turn in turns]
    return _chat(renamed, row, pair_id)


def _alpaca(row: Mapping[str, Any], pair_id: str) -> Pair:
    # The instruction is the task's; only where no input is given is it the document.
    text = row.get("input") or row.get("instruction")
    if not isinstance(text, str):
        raise ValueError("neither input nor instruction is a text")
    return Pair(pair_id, text, as_gold(row.get("output")))


def _completion(row: Mapping[str, Any], pair_id: str) -> Pair:
    """A row of ``prompt`` and ``completion``, either a text or a list of messages."""
    prompt, completion = row.get("prompt"), row.get("completion")
    if isinstance(prompt, list) and isinstance(completion, list):
        return _chat([*prompt, *completion], row, pair_id)
    if not isinstance(prompt, str):
        raise ValueError("the prompt is no text")
    return Pair(pair_id, prompt, as_gold(completion))


def _pair(row: Mapping[str, Any], pair_id: str) -> Pair:
    return parse_pair({**row, "id": pair_id}, pair_id)


KINDS = {
    "pairs": Kind(("text", "gold"), _pair),  # the product's own
    "messages": Kind(("messages",), _messages),  # {role, content}, as OpenAI's
    "sharegpt": Kind(("conversations",), _sharegpt),  # {from, value}
    "alpaca": Kind(("instruction", "output"), _alpaca),
    "completion": Kind(("prompt", "completion"), _completion),
}
"""The forms that are known without a template, by name."""


def recognise(columns: Sequence[str]) -> str | None:
    """The kind of a row with these columns; None where it is none of them."""
    for name, kind in KINDS.items():
        if set(kind.columns) <= set(columns):
            return name
    return None
