"""What Ollama is told, and the model card.

Run with: pytest tests/export/publish/test_modelfile.py
"""

from __future__ import annotations

import json
import re

import pytest
import yaml

from setaccio.data import load_task
from setaccio.data.errors import ExportError
from setaccio.data.task.pieces import ChatFormat, completion_end, prompt_pieces
from setaccio.export import write_card
from setaccio.export.publish.modelfile import go_template, modelfile, write_modelfile

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MISTRAL = (  # refuses a system turn, and writes the beginning token itself
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}"
    "{{ raise_exception('no system') }}{% elif m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% else %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"
)
FORMATS = {
    "chatml": ChatFormat(CHATML, eos="<|im_end|>"),
    "mistral": ChatFormat(MISTRAL, bos="<s>", eos="</s>", add_bos=True),
}


def render(template, system, prompt, response):
    """The part of Go's template language that is used here."""
    branch = re.match(r"\{\{ if \.System \}\}(.*)\{\{ else \}\}(.*?)\{\{ end \}\}", template, re.S)
    text = branch[1 if system else 2] + template[branch.end() :]
    parts = {".System": system, ".Prompt": prompt, ".Response": response, '"{{"': "{{"}
    return re.sub(r"\{\{ (\S+) \}\}", lambda found: parts[found[1]], text)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("system", ["", "Do it."])
def test_go_template_says_what_the_chat_template_says(name, system):
    chat = FORMATS[name]
    messages = [{"role": "system", "content": system}] if system else []
    pieces = prompt_pieces(chat, [*messages, {"role": "user", "content": "Eggs {{ .System }}"}])
    expected = "".join(piece.text for piece in pieces)
    # llama.cpp puts the beginning token there; written in the template too, it would be double.
    expected = expected.removeprefix(chat.bos)
    written = render(go_template(chat), system, "Eggs {{ .System }}", "OK")
    assert written == expected + "OK" + completion_end(chat)
    assert "<s>" not in written


def test_braces_of_a_template_are_text_in_go():
    chat = ChatFormat("{{ '{{' }}" + CHATML, eos="<|im_end|>")
    assert render(go_template(chat), "S", "U", "R").startswith("{{<|im_start|>system\nS")


def test_modelfile_and_request_carry_the_task(tmp_path):
    task = load_task("recipe")
    paths = write_modelfile(tmp_path, "m-q8_0.gguf", FORMATS["chatml"], task)
    text = paths[0].read_text(encoding="utf-8")
    assert "FROM ./m-q8_0.gguf\n" in text
    assert 'PARAMETER stop """<|im_end|>"""\n' in text
    assert task.messages("")[0]["content"] in text
    assert "PARAMETER temperature 0\nPARAMETER repeat_penalty 1\n" in text
    request = json.loads(paths[1].read_text(encoding="utf-8"))
    assert request["format"] == task.json_schema and request["model"] == "m-q8_0"


@pytest.mark.parametrize(("context", "told"), [(4096, 4096), (131072, 8192)])
def test_ollama_is_told_how_much_context_there_is(tmp_path, context, told):
    paths = write_modelfile(tmp_path, "m.gguf", FORMATS["chatml"], None, context=context)
    assert f"PARAMETER num_ctx {told}\n" in paths[0].read_text(encoding="utf-8")


def test_examples_become_messages():
    task = load_task("recipe").model_copy(update={"examples": ()})
    shot = {"text": "Boil it.", "gold": {"title": "T", "ingredients": [], "directions": []}}
    task = type(task).model_validate({**task.model_dump(by_alias=True), "examples": [shot]})
    text = modelfile("m.gguf", FORMATS["chatml"], task)
    assert 'MESSAGE user """Boil it."""\nMESSAGE assistant """{"title":"T",' in text


def test_what_a_modelfile_can_not_say_is_left_out(tmp_path):
    task = load_task("recipe").model_copy(update={"instruction": 'Say """ twice.'})
    assert write_modelfile(tmp_path, "m.gguf", FORMATS["chatml"], task) == []
    assert list(tmp_path.iterdir()) == []


def test_modelfile_of_another_hand_stays(tmp_path):
    (tmp_path / "Modelfile").write_text("FROM mine\n", encoding="utf-8")
    assert write_modelfile(tmp_path, "m.gguf", FORMATS["chatml"], None) == []
    assert (tmp_path / "Modelfile").read_text(encoding="utf-8") == "FROM mine\n"


def test_card_says_where_it_comes_from_and_what_was_measured(exported, tmp_path):
    text = (exported.folder / "README.md").read_text(encoding="utf-8")
    head = yaml.safe_load(text.split("---\n")[1])
    assert head["base_model"] == "tiny-base" and "license" not in head
    assert "Licence: not stated" in text
    assert "ab" * 32 in text
    assert "Chat template: equal in every file" in text
    for file in exported.files:
        assert f"| {file.path.name} | {file.quantisation}" in text
        assert f"{file.parity.held_out.perplexity:.4f}" in text


def test_card_takes_metrics_and_licence(exported, tmp_path):
    for name in ("export.json", "task.json"):
        (tmp_path / name).write_bytes((exported.folder / name).read_bytes())
    rate = {"mean": 0.5}
    summary = {"l1": rate, "l2": rate, "l3": {"mean": 0.25}, "seconds_mean": 0.2, "documents": 4}
    arm = {"model": "m.gguf", "constraint": "schema", "summary": summary}
    (tmp_path / "comparison.json").write_text(json.dumps({"arms": [arm]}), encoding="utf-8")
    path = write_card(tmp_path, evaluation=tmp_path, licence="apache-2.0")
    text = path.read_text(encoding="utf-8")
    assert "| m.gguf | schema | 50.0% | 50.0% | 25.0% | 0.20 | 4 |" in text
    assert yaml.safe_load(text.split("---\n")[1])["license"] == "apache-2.0"
    (tmp_path / "comparison.json").write_text("[]", encoding="utf-8")
    with pytest.raises(ExportError, match="not a comparison"):
        write_card(tmp_path, evaluation=tmp_path)


def test_readme_of_another_hand_stays(exported, tmp_path):
    (tmp_path / "export.json").write_bytes((exported.folder / "export.json").read_bytes())
    (tmp_path / "README.md").write_text("mine", encoding="utf-8")
    assert write_card(tmp_path).name == "MODEL_CARD.md"
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "mine"


def test_card_needs_an_export(tmp_path):
    with pytest.raises(ExportError, match="Export a run into this folder first"):
        write_card(tmp_path)
