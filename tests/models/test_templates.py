"""Chat templates by name. Run with: pytest tests/models/test_templates.py"""

from __future__ import annotations

import pytest

from setaccio.data.errors import ModelError
from setaccio.data.task.pieces import ChatFormat, completion_end, prompt_pieces
from setaccio.models.templates import load_template, template_names

MESSAGES = [
    {"role": "system", "content": "Answer in JSON."},
    {"role": "user", "content": "Ada <|im_end|> {{ x }}"},
]


@pytest.mark.parametrize("name", template_names())
def test_each_renders_and_ends_an_answer_with_the_familys_token_or_eos(name):
    template = load_template(name)
    known = ChatFormat(template.fitted({template.end}), bos="<s>", eos="</s>")
    plain = ChatFormat(template.fitted({"<eos>"}), bos="<s>", eos="<eos>")
    assert completion_end(known) == template.end
    assert completion_end(plain) == "<eos>"
    for chat in (known, plain):
        pieces = prompt_pieces(chat, MESSAGES)
        assert [piece.text for piece in pieces if not piece.special] == [
            message["content"] for message in MESSAGES
        ]
        assert not pieces[0].text.startswith("\n")


def test_each_is_the_published_form():
    def rendered(name):
        template = load_template(name)
        chat = ChatFormat(template.fitted({template.end}), bos="<s>", eos="</s>")
        turns = [
            {"role": "user", "content": "A"},
            {"role": "assistant", "content": "B"},
            {"role": "user", "content": "C"},
        ]
        return "".join(piece.text for piece in prompt_pieces(chat, turns))

    assert rendered("chatml") == (
        "<|im_start|>user\nA<|im_end|>\n<|im_start|>assistant\nB<|im_end|>\n"
        "<|im_start|>user\nC<|im_end|>\n<|im_start|>assistant\n"
    )
    assert rendered("llama3") == (
        "<s><|start_header_id|>user<|end_header_id|>\n\nA<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nB<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nC<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )
    assert rendered("gemma") == (
        "<s><start_of_turn>user\nA<end_of_turn>\n<start_of_turn>model\nB<end_of_turn>\n"
        "<start_of_turn>user\nC<end_of_turn>\n<start_of_turn>model\n"
    )
    assert (
        rendered("phi3")
        == "<|user|>\nA<|end|>\n<|assistant|>\nB<|end|>\n<|user|>\nC<|end|>\n<|assistant|>\n"
    )
    assert (
        rendered("phi4-mini")
        == "<|user|>A<|end|><|assistant|>B<|end|><|user|>C<|end|><|assistant|>"
    )
    assert rendered("lfm2") == "<s>" + rendered("chatml")
    assert rendered("qwen3") == rendered("chatml") + "<think>\n\n</think>\n\n"
    assert rendered("granite") == (
        "<|start_of_role|>user<|end_of_role|>A<|end_of_text|>\n"
        "<|start_of_role|>assistant<|end_of_role|>B<|end_of_text|>\n"
        "<|start_of_role|>user<|end_of_role|>C<|end_of_text|>\n"
        "<|start_of_role|>assistant<|end_of_role|>"
    )
    assert rendered("mistral") == "<s>[INST] A [/INST]B</s>[INST] C [/INST]"
    assert (
        rendered("zephyr")
        == "<|user|>\nA</s>\n<|assistant|>\nB</s>\n<|user|>\nC</s>\n<|assistant|>\n"
    )


def test_a_file_is_taken_as_it_is(tmp_path):
    path = tmp_path / "own.jinja"
    path.write_text("{{ messages[0]['content'] }}½", encoding="utf-8")
    assert load_template(str(path)).fitted({"<|im_end|>"}) == "{{ messages[0]['content'] }}½"


def test_what_is_no_template_is_refused(tmp_path):
    with pytest.raises(ModelError, match="chatml, gemma"):
        load_template("vicuna")
    broken = tmp_path / "b.jinja"
    broken.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="UTF-8"):
        load_template(str(broken))
