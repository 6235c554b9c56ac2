"""Chat templates for models that have none: the usual ones by name, or a file of one's own.

Contract: ``load_template(name)`` reads one, ``fitted(end_tokens)`` makes it stop. A template of
ours ends a turn with its family's own token, such as ``<|im_end|>``, where the model's vocabulary
has that token, and otherwise with the model's end-of-sequence token: text that merely looks like an
end token is no token, and a model that learned to write it would never stop. The scaffold's other
marks may be plain text; they are learned like anything else.

    >>> from setaccio.models.templates import load_template
    >>> load_template("chatml").fitted({"</s>"}).partition("\\n")[0]
    '{%- set end_of_turn = eos_token %}'
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from setaccio.data.errors import ModelError

FOLDER = Path(__file__).parent / "chat_templates"
_ENDS = {
    "chatml": "<|im_end|>",
    "gemma": "<end_of_turn>",
    "granite": "<|end_of_text|>",
    "lfm2": "<|im_end|>",
    "llama3": "<|eot_id|>",
    "mistral": "</s>",
    "phi3": "<|end|>",
    "phi4-mini": "<|end|>",
    "qwen3": "<|im_end|>",
    "zephyr": "</s>",
}


class Template(NamedTuple):
    """A chat template.

    Attributes:
        text: Jinja; one of ours says ``end_of_turn`` where a turn ends.
        end: the token that ends a turn in its family; None for a file, which says it itself.
    """

    text: str
    end: str | None

    def fitted(self, end_tokens: Collection[str]) -> str:
        """The template for a vocabulary.

        Args:
            end_tokens: texts of the tokens at which generation stops.
        """
        if self.end is None:
            return self.text
        end = f"'{self.end}'" if self.end in end_tokens else "eos_token"
        return f"{{%- set end_of_turn = {end} %}}\n{self.text}"


def template_names() -> tuple[str, ...]:
    """The names of the templates that come with Setaccio."""
    return tuple(sorted(_ENDS))


def load_template(name: str) -> Template:
    """Read a chat template.

    Args:
        name: one of :func:`template_names`, or a file with a Jinja template.

    Raises:
        ModelError: there is neither; the message lists the names.
    """
    if name in _ENDS:
        return Template((FOLDER / f"{name}.jinja").read_text(encoding="utf-8"), _ENDS[name])
    path = Path(name).expanduser()
    if not path.is_file():
        raise ModelError(
            f"{name}: no chat template. Give a file with a Jinja template, or one of: "
            f"{', '.join(template_names())}."
        )
    try:
        return Template(path.read_text(encoding="utf-8"), None)
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: can not be read as text in UTF-8. Check the file.") from error
