"""Every known way to export badly must be seen.

Run with: pytest tests/export/proof/test_parity.py
"""

from __future__ import annotations

import json
import shutil

import pytest
from export_parts import PAIRS, TEXTS
from gguf import GGUFReader

from setaccio.data.errors import ExportError
from setaccio.export import check_parity, convert
from setaccio.export.proof.parity import compare_tokens
from setaccio.export.proof.reference import make_reference


def edit(path, old, new, *, once=False):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1 if once else -1), encoding="utf-8")


def test_the_right_gguf_passes(reference, base_gguf):
    report = compare_tokens(reference, base_gguf)
    assert report.ok and report.greedy_equal and report.quantisation == "F16"
    assert report.prompts == len(TEXTS) + 1
    assert report.positions == sum(len(c.tokens) for c in reference.continuations)


def test_broken_chat_template_and_wrong_end_token(reference, copied, source, tmp_path):
    edit(copied / "chat_template.jinja", "<|im_start|>assistant", "<|im_start|>model")
    edit(copied / "tokenizer_config.json", "<|im_end|>", "<|im_start|>")
    gguf = convert(copied, tmp_path / "broken.gguf", source=source)
    report = compare_tokens(reference, gguf)
    assert not report.template_equal and not report.eos_equal and report.ids_equal
    assert report.problems[0] == "The chat template differs from the tokenizer's."
    assert "end token" in report.problems[1]


def test_end_token_that_llama_cpp_does_not_heed(reference, base_gguf):
    plain = reference.ids[0][5]
    report = compare_tokens(reference._replace(stops=[*reference.stops, plain]), base_gguf)
    assert not report.stops
    assert f"Token {plain} ends an answer" in report.problems[0]


def test_lost_beginning_token(reference, base_gguf):
    chat = reference.chat._replace(bos="<|endoftext|>", add_bos=True)
    report = compare_tokens(reference._replace(chat=chat), base_gguf)
    assert "beginning-of-sequence" in report.problems[0]


def test_double_beginning_token(reference, base_gguf):
    first = reference.ids[0][0]
    ids = [[first, *reference.ids[0]], *reference.ids[1:]]
    prompts = [[reference.prompts[0][0]._replace(text="<|im_start|>"), *reference.prompts[0]]]
    prompts += reference.prompts[1:]
    report = compare_tokens(reference._replace(ids=ids, prompts=prompts, bos=first), base_gguf)
    assert report.ids_equal
    assert "two beginning-of-sequence tokens" in report.problems[0]
    assert compare_tokens(reference._replace(bos=first), base_gguf).ok


def change(source, target, key, value):
    """Copy a GGUF with one number of its metadata changed in place."""
    shutil.copyfile(source, target)
    reader = GGUFReader(target, "r+")
    field = reader.fields[key]
    field.parts[field.data[0]][:] = value
    reader.data.flush()
    del field, reader
    return target


def test_end_token_lost_in_the_file(reference, base_gguf, tmp_path):
    """The file names a plain token as its end; the real one does not end anything any more."""
    plain = reference.ids[0][5]
    broken = change(base_gguf, tmp_path / "e.gguf", "tokenizer.ggml.eos_token_id", plain)
    report = compare_tokens(reference, broken)
    assert not report.eos_equal
    assert f"The end token is {plain}, but {reference.eos} in transformers." in report.problems


def test_file_that_puts_a_second_beginning_token_in_front(copied, task, source, tmp_path):
    """The double BOS as it happens: the template writes it, and so would each reader."""
    edit(copied / "chat_template.jinja", "{%", "{{ bos_token }}{%", once=True)
    config = json.loads((copied / "tokenizer_config.json").read_text(encoding="utf-8"))
    config |= {"bos_token": "<|endoftext|>", "add_bos_token": True}
    (copied / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    expected = make_reference(copied, task, TEXTS, max_new_tokens=4)
    assert expected.ids[0].count(expected.bos) == 1
    report = compare_tokens(expected, convert(copied, tmp_path / "bos.gguf", source=source))
    said = "Only one of the two puts a beginning-of-sequence token in front."
    assert report.ids_equal and said in report.problems


@pytest.fixture(scope="module")
def measured(base, task, tmp_path_factory):
    """The base on held-out answers too."""
    folder = tmp_path_factory.mktemp("logits")
    return make_reference(base, task, TEXTS, max_new_tokens=4, pairs=PAIRS, folder=folder)


def test_gibberish_after_a_merge(measured, copied, source, tmp_path):
    from safetensors.torch import load_file, save_file

    path = copied / "model.safetensors"
    weights = load_file(path)
    for name, weight in weights.items():
        if name.endswith("down_proj.weight"):
            weights[name] = weight.flip(0).contiguous()
    save_file(weights, path, metadata={"format": "pt"})
    report = compare_tokens(measured, convert(copied, tmp_path / "broken.gguf", source=source))
    assert report.ids_equal and report.template_equal and report.eos_equal
    assert any("On held-out answers the distributions diverge" in p for p in report.problems)
    assert report.held_out.divergence["transformers"].mean_kl > 0.01


def test_lost_end_token(measured, base_gguf):
    """The model stops after every answer, the GGUF after none."""
    wanted = measured.held_out.measured._replace(ends=1.0)
    reference = measured._replace(held_out=measured.held_out._replace(measured=wanted))
    report = compare_tokens(reference, base_gguf)
    assert report.held_out.ends < 0.5  # A model of random weights ends nothing.
    assert "The answers would not stop" in report.problems[0]


def test_other_token_ids(copied, task, base_gguf):
    content = json.loads((copied / "tokenizer.json").read_text(encoding="utf-8"))
    del content["model"]["merges"][-60:]
    (copied / "tokenizer.json").write_text(json.dumps(content), encoding="utf-8")
    report = compare_tokens(make_reference(copied, task, TEXTS, max_new_tokens=4), base_gguf)
    assert not report.ids_equal
    assert any("Prompt 1 gets other token ids" in problem for problem in report.problems)


def test_other_weights(reference, exported):
    report = compare_tokens(reference, exported.files[0].path)
    assert report.ids_equal and report.template_equal
    assert any("diverge" in problem for problem in report.problems)


def test_control_tokens_in_a_document_stay_text(reference, base):
    from transformers import AutoTokenizer

    end = AutoTokenizer.from_pretrained(base).eos_token_id
    assert "<|im_end|>" in TEXTS[0]
    # One end per turn of the prompt, system and user, and none from the document.
    assert reference.ids[0].count(end) == 2


def test_file_that_is_no_gguf(reference, tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ExportError, match=r"broken\.gguf"):
        compare_tokens(reference, broken)


def test_prompt_longer_than_the_context(base, task, base_gguf):
    with pytest.raises(ExportError, match="context is 1024"):
        check_parity(base, base_gguf, task, ["egg " * 1200])


def test_model_without_template(copied, task):
    (copied / "chat_template.jinja").unlink()
    with pytest.raises(ExportError, match="no chat template"):
        make_reference(copied, task, TEXTS)
