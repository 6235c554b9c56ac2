"""Templates of today's families: one rendering everywhere, and no thoughts but where asked for.

The families' own templates are those of llama.cpp's test files. Run: pytest
tests/models/test_family_templates.py
"""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("transformers")

from random_kinds import KINDS
from random_models import build_tokenizer, find_vocabulary, template_file

from setaccio.data.errors import ExportError, ModelError
from setaccio.data.task.hf_tokenizer import chat_format, encode_pieces
from setaccio.data.task.pieces import ChatFormat, completion_end, prompt_pieces
from setaccio.data.task.thinking import ThoughtMarks, thought_marks
from setaccio.models.templates import load_template

# No full stop at its end: contents are tokenised apart from the scaffold, and where a template goes
# on with line ends, as SmolLM3's does, the whole has one token for all three.
SYSTEM = {"role": "system", "content": "Which city? Answer in JSON"}
USER = {"role": "user", "content": "Ada lives in Bari, 12 Via Roma."}
TURNS = [
    SYSTEM,
    {"role": "user", "content": "Bruno is in Lecce."},
    {"role": "assistant", "content": '{"city":"Lecce"}'},
    USER,
]
FOLDED = [{"role": "user", "content": f"{SYSTEM['content']}\n\n{TURNS[1]['content']}"}, *TURNS[2:]]
NO_SYSTEM = {"mistral-7b", "phi-3-mini", "gemma-3-270m"}
TODAY = {"date_string": "26 Jul 2024"}  # the day that Llama's template takes without a clock
# Their SentencePiece puts a blank in front of every piece that is tokenised apart.
PIECEWISE = {"mistral-7b", "phi-3-mini"}
THINKING = {"qwen3-0.6b", "smollm3-3b"}


def text(chat: ChatFormat, turns: list[dict[str, str]], **options: bool) -> str:
    return "".join(piece.text for piece in prompt_pieces(chat, turns, **options))


def file(name: str) -> str:
    try:
        return template_file(name).read_text(encoding="utf-8")
    except ExportError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("name", sorted(KINDS))
def test_transformers_renders_the_same_text_and_the_same_tokens(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    try:
        tokenizer = build_tokenizer(kind, find_vocabulary(kind), tmp_path)
    except (ExportError, ModelError) as error:
        pytest.skip(str(error))
    chat = chat_format(tokenizer)
    given = FOLDED if name in NO_SYSTEM else TURNS
    for thinking in (False, True):
        options = {"add_generation_prompt": True, "enable_thinking": thinking, **TODAY}
        rendered = tokenizer.apply_chat_template(given, tokenize=False, **options)
        pieces = prompt_pieces(chat, TURNS, thinking=thinking)
        # Where the template does not write the token for the beginning, the tokenizer adds it.
        assert text(chat, TURNS, thinking=thinking).removeprefix(chat.bos) == rendered.removeprefix(
            chat.bos
        )
        ids = tokenizer.encode(rendered.removeprefix(chat.bos), add_special_tokens=chat.add_bos)
        if name not in PIECEWISE:
            assert encode_pieces(tokenizer, pieces)[-len(ids) :] == ids
    assert (text(chat, TURNS) != text(chat, TURNS, thinking=True)) == (name in THINKING)
    assert completion_end(chat).strip()


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("qwen3", "Qwen-Qwen3-0.6B.jinja"),
        ("lfm2", "LFM2-8B-A1B.jinja"),
        ("granite", "ibm-granite-granite-4.0.jinja"),
        ("llama3", "meta-llama-Llama-3.2-3B-Instruct.jinja"),
    ],
)
def test_our_short_templates_write_what_the_families_own_write(ours: str, theirs: str) -> None:
    template = load_template(ours)
    short = ChatFormat(template.fitted({str(template.end)}), bos="<s>", eos="</s>")
    own = ChatFormat(file(theirs), bos="<s>", eos="</s>")
    for thinking in (False, True):
        written = text(own, [SYSTEM, USER], thinking=thinking)
        # Llama's begins with the date of its knowledge and of the day.
        written = written.replace(
            "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n", ""
        )
        assert text(short, [SYSTEM, USER], thinking=thinking) == written
    assert completion_end(short) == completion_end(own)


@pytest.mark.parametrize(
    ("name", "off", "marks"),
    [
        ("Qwen-Qwen3-0.6B", "<think>\n\n</think>\n\n", ("<think>\n", "\n", "</think>", "\n\n")),
        ("Qwen3.5-4B", "<think>\n\n</think>\n\n", ("", "\n", "</think>", "\n\n")),
        (
            "HuggingFaceTB-SmolLM3-3B",
            "<think>\n\n</think>\n",
            ("<think>\n", "\n", "</think>", "\n"),
        ),
        ("GLM-4.6", "<think></think>", ("<think>", "", "</think>", "")),
        ("deepseek-ai-DeepSeek-V3.1", "<think></think>", ("", "", "</think>", "")),
    ],
)
def test_a_template_is_off_by_default_and_tells_its_marks(
    name: str, off: str, marks: tuple[str, ...]
) -> None:
    chat = ChatFormat(file(f"{name}.jinja"), bos="<s>", eos="</s>")
    assert text(chat, [SYSTEM, USER]).endswith(off)
    assert not text(chat, [SYSTEM, USER], thinking=True).endswith(off)
    assert thought_marks(chat, [SYSTEM, USER]) == ThoughtMarks(*marks)
    # A thought that is cut off reads like one that ended by itself.
    found = thought_marks(chat, [SYSTEM, USER])
    whole = text(chat, [SYSTEM, USER], thinking=True) + found.opening
    assert whole.rstrip().endswith("<think>")
    assert off.endswith(found.before + found.end + found.after)


@pytest.mark.parametrize("name", ["chatml", "lfm2", "granite", "gemma"])
def test_a_template_without_a_switch_is_refused(name: str) -> None:
    template = load_template(name)
    chat = ChatFormat(template.fitted({str(template.end)}), bos="<s>", eos="</s>")
    with pytest.raises(ModelError, match="no switch for thoughts"):
        thought_marks(chat, [SYSTEM, USER])


def test_what_transformers_is_to_train_on_is_marked_and_rendered() -> None:
    chat = ChatFormat("{% generation %}a{{ messages[0].content }}{% endgeneration %}b", eos="</s>")
    assert text(chat, [USER]) == f"a{USER['content']}b"
    assert text(ChatFormat(file("LFM2.5-8B-A1B.jinja"), "<s>", "</s>"), [USER]).endswith(
        f"<|im_start|>user\n{USER['content']}<|im_end|>\n<|im_start|>assistant\n"
    )
