"""From chat messages to prompt pieces, the one way that training and runtime share.

A chat template mixes two kinds of text: the scaffold (``<|im_start|>user``), whose special tokens
must be read as tokens, and contents, which are data. Rendering a document into the template and
tokenising the whole would turn a document's own ``<|im_end|>`` into a control token. So the
template is rendered with place holders, cut at them, and each piece is tokenised apart: scaffold
with special tokens, contents without. Training and runtime tokenise the same pieces, which makes
their token ids identical by construction.

Templates are Jinja, rendered in the sandbox that transformers uses for the same purpose
(https://huggingface.co/docs/transformers/chat_templating), without a clock: ``strftime_now`` is
left undefined, so that a prompt does not change from one day to the next.

Templates of models that can think before they answer have a switch, ``enable_thinking`` or
``thinking``. It is off unless :func:`prompt_pieces` is asked, here and nowhere else, so training,
runtime, export and evaluation agree.
"""

from __future__ import annotations

import functools
import re
from typing import Any, NamedTuple

from jinja2 import TemplateError
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from setaccio.data.errors import ModelError
from setaccio.data.task.task import Message, dump_compact

# Private-use characters: no template tests for them, none is whitespace that a filter could trim.
_OPEN, _CLOSE = "\ue0f0", "\ue0f1"
_HOLDER = re.compile(f"{_OPEN}(\\d+){_CLOSE}")


class Piece(NamedTuple):
    """A part of a prompt.

    Attributes:
        text: the characters.
        special: whether special tokens in it count as tokens (scaffold) or as text (contents).
    """

    text: str
    special: bool


class ChatFormat(NamedTuple):
    """What a model's files say about its chat format.

    Attributes:
        template: the Jinja chat template.
        bos: text of the beginning-of-sequence token, or empty.
        eos: text of the end-of-sequence token.
        add_bos: whether a prompt starts with ``bos`` even where the template does not write it.
    """

    template: str
    bos: str = ""
    eos: str = ""
    add_bos: bool = False


class _Generation(Extension):
    """``{% generation %}``, by which templates tell transformers what to train on: its body."""

    tags = {"generation"}  # noqa: RUF012 (as the base class has it)

    def parse(self, parser: Parser) -> list[Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _refuse(message: str) -> None:
    raise TemplateError(message)


@functools.lru_cache(maxsize=16)
def _compile(template: str) -> Any:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[loopcontrols, _Generation],
        autoescape=False,  # prompts are not HTML
    )
    environment.filters["tojson"] = lambda value, **_: dump_compact(value)
    environment.globals["raise_exception"] = _refuse
    return environment.from_string(template)


def _render(chat: ChatFormat, turns: list[Message], open_turn: bool, thinking: bool = False) -> str:
    try:
        rendered = _compile(chat.template).render(
            messages=turns,
            add_generation_prompt=open_turn,
            bos_token=chat.bos,
            eos_token=chat.eos,
            enable_thinking=thinking,
            thinking=thinking,
        )
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(
            f"The chat template can not render this prompt ({reason}); use another template."
        ) from error
    return str(rendered)


def _hold(messages: list[Message], fold_system: bool) -> tuple[list[Message], list[str]]:
    """Replace contents by place holders; fold the system turn into the first user turn if asked."""
    contents = [message["content"] for message in messages]
    turns = [
        {"role": message["role"], "content": f"{_OPEN}{index}{_CLOSE}"}
        for index, message in enumerate(messages)
    ]
    if fold_system and turns[0]["role"] == "system":
        system, user, *rest = turns
        joined = f"{system['content']}\n\n{user['content']}"
        turns = [{"role": "user", "content": joined}, *rest]
    return turns, contents


def _cut(rendered: str, contents: list[str]) -> list[Piece]:
    pieces = []
    for index, part in enumerate(_HOLDER.split(rendered)):
        piece = Piece(contents[int(part)], False) if index % 2 else Piece(part, True)
        if piece.text:
            pieces.append(piece)
    return pieces


def prompt_pieces(
    chat: ChatFormat, messages: list[Message], *, thinking: bool = False
) -> list[Piece]:
    """Render messages up to the point where the model's answer begins.

    Args:
        chat: the model's chat format.
        messages: as from :meth:`setaccio.data.Task.messages`.
        thinking: whether the template's switch for thoughts is on.

    Returns:
        Pieces in order; contents are separate from the scaffold around them.

    Raises:
        ModelError: the template can not render the messages, or loses one of them.
    """
    turns, contents = _hold(messages, fold_system=False)
    try:
        rendered = _render(chat, turns, True, thinking)
        complete = set(_HOLDER.findall(rendered)) == {str(i) for i in range(len(contents))}
    except ModelError:
        complete = False
    if not complete:  # Some templates refuse or drop a system turn; its words must still arrive.
        turns, contents = _hold(messages, fold_system=True)
        rendered = _render(chat, turns, True, thinking)
        if set(_HOLDER.findall(rendered)) != {str(i) for i in range(len(contents))}:
            raise ModelError("The chat template drops a message; use another template.")
    if chat.add_bos and chat.bos and not rendered.startswith(chat.bos):
        rendered = chat.bos + rendered
    return _cut(rendered, contents)


def completion_end(chat: ChatFormat) -> str:
    """What the template writes after an assistant's answer, such as ``<|im_end|>``.

    Training appends it to every completion so that the model learns to stop.

    Raises:
        ModelError: the template ends an answer with nothing at all.
    """
    turns, _ = _hold(
        [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}], fold_system=False
    )
    closing = _render(chat, turns, open_turn=False).rpartition(_CLOSE)[2].strip()
    if not (closing or chat.eos):
        raise ModelError("The chat template ends an answer with no token; nothing could stop it.")
    return closing or chat.eos
