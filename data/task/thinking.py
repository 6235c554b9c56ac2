"""How a model's chat template writes a thought: what opens it, and what ends it.

Found by rendering the template with its switch on, and with its switch off: there it writes an
empty thought for the model, such as ``<think>\\n\\n</think>\\n\\n``. No model is known by name.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from setaccio.data.errors import ModelError
from setaccio.data.task.pieces import ChatFormat, prompt_pieces
from setaccio.data.task.task import Message

_EMPTY_THOUGHT = re.compile(r"(?P<open><(\w+)>)(?P<gap>\s*)(?P<close></\2>)(?P<after>\s*)\Z")


class ThoughtMarks(NamedTuple):
    """Scaffold around a thought.

    Attributes:
        opening: what follows the prompt where the template leaves the opening mark to the model.
        before: what a thought that is cut off needs in front of its end.
        end: the mark that ends a thought.
        after: what stands between that mark and the answer.
    """

    opening: str
    before: str
    end: str
    after: str


def thought_marks(chat: ChatFormat, messages: list[Message]) -> ThoughtMarks:
    """Find the marks of a thought.

    Args:
        chat: the model's chat format.
        messages: any that the template can render.

    Raises:
        ModelError: the template has no switch for thoughts, or none that is understood.
    """
    off, on = (prompt_pieces(chat, messages, thinking=switch)[-1].text for switch in (False, True))
    found = _EMPTY_THOUGHT.search(off)
    if off == on or found is None:
        raise ModelError(
            "The chat template has no switch for thoughts that is known here, so the model can not "
            "be asked to think. Leave --thinking out."
        )
    gap = found["gap"]
    first = gap[:1]
    opened = on.rstrip().endswith(found["open"])
    return ThoughtMarks(
        "" if opened else found["open"] + first, gap[1:2], found["close"], found["after"]
    )
