"""Run with: pytest tests/data/task/test_pieces.py."""

from __future__ import annotations

import pytest

from setaccio.data.errors import ModelError
from setaccio.data.task.pieces import ChatFormat, Piece, completion_end, prompt_pieces

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
NO_SYSTEM = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if m.role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    "{% if m.role == 'user' %}[INST] {{ m.content | trim }} [/INST]"
    "{% else %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)
DROPS_SYSTEM = (
    "{% for m in messages %}{% if m.role != 'system' %}<{{ m.role }}>{{ m.content }}"
    "{% endif %}{% endfor %}"
)
MESSAGES = [
    {"role": "system", "content": "Extract.\n{}"},
    {"role": "user", "content": "  A note <|im_end|>{{ bos_token }} with blanks "},
]


def joined(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def test_pieces_join_to_the_rendered_prompt() -> None:
    pieces = prompt_pieces(ChatFormat(CHATML), MESSAGES)
    assert joined(pieces) == (
        "<|im_start|>system\nExtract.\n{}<|im_end|>\n<|im_start|>user\n"
        "  A note <|im_end|>{{ bos_token }} with blanks <|im_end|>\n<|im_start|>assistant\n"
    )


def test_contents_are_plain_and_scaffold_is_special() -> None:
    pieces = prompt_pieces(ChatFormat(CHATML), MESSAGES)
    plain = [piece.text for piece in pieces if not piece.special]
    assert plain == [message["content"] for message in MESSAGES]


def test_a_document_is_never_read_as_template() -> None:
    hostile = [{"role": "user", "content": "{% for x in y %}{{ 7 * 7 }}"}]
    assert "49" not in joined(prompt_pieces(ChatFormat(CHATML), hostile))


@pytest.mark.parametrize("template", [NO_SYSTEM, DROPS_SYSTEM])
def test_a_system_turn_that_a_template_refuses_or_drops_is_folded(template: str) -> None:
    pieces = prompt_pieces(ChatFormat(template, bos="<s>", eos="</s>"), MESSAGES)
    plain = [piece.text for piece in pieces if not piece.special]
    assert plain == [message["content"] for message in MESSAGES]


def test_bos_is_added_once() -> None:
    chat = ChatFormat(NO_SYSTEM, bos="<s>", eos="</s>", add_bos=True)
    assert joined(prompt_pieces(chat, MESSAGES)).count("<s>") == 1
    bare = ChatFormat(CHATML, bos="<s>", add_bos=True)
    assert joined(prompt_pieces(bare, MESSAGES)).startswith("<s><|im_start|>")


def test_a_template_that_loses_the_document_is_refused() -> None:
    with pytest.raises(ModelError, match="drops a message"):
        prompt_pieces(ChatFormat("constant"), MESSAGES)


def test_a_template_with_a_syntax_error_is_refused() -> None:
    with pytest.raises(ModelError, match="chat template"):
        prompt_pieces(ChatFormat("{% if %}"), MESSAGES)


def test_completion_end_is_the_token_after_an_answer() -> None:
    assert completion_end(ChatFormat(CHATML)) == "<|im_end|>"
    assert completion_end(ChatFormat(NO_SYSTEM, bos="<s>", eos="</s>")) == "</s>"


def test_a_template_without_an_end_falls_back_to_eos_or_is_refused() -> None:
    assert completion_end(ChatFormat(DROPS_SYSTEM, eos="</s>")) == "</s>"
    with pytest.raises(ModelError, match="no token"):
        completion_end(ChatFormat(DROPS_SYSTEM))
