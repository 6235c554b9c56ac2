"""The adapter as a GGUF of its own. Run with: pytest tests/export/test_export_adapter.py"""

from __future__ import annotations

import json
import shutil

import pytest
from export_parts import PAIRS
from gguf import GGUFReader

from setaccio.data.errors import ExportError
from setaccio.export import convert_adapter, export_adapter


@pytest.fixture(scope="module")
def made(run, source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("adapter")
    return export_adapter(run, folder, pairs=PAIRS, source=source)


def test_on_its_base_it_gives_what_the_merged_model_gives(made):
    parity = made.files[0].parity
    assert parity.ok and parity.ids_equal and parity.template_equal
    assert parity.held_out.divergence["transformers"].mean_kl < 1e-3
    assert parity.held_out.perplexity == pytest.approx(made.transformers.perplexity, rel=0.05)
    # The base alone is another model, so the adapter was really on it.
    assert made.merge.adapter_effect > 1


def test_file_holds_the_adapter_and_its_task(made):
    path = made.files[0].path
    reader = GGUFReader(path)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    assert fields["general.type"] == "adapter" and fields["adapter.type"] == "lora"
    assert fields["general.name"] == "Tiny Adapter"
    assert json.loads(fields["setaccio.task"])["name"] == "recipe"
    assert fields["setaccio.base_model"] == "tiny-base"
    assert len(reader.tensors) == 28
    assert {p.name for p in path.parent.iterdir()} == {path.name, "export-adapter.json"}


def test_rank_stabilised_scale_reaches_the_file(base, run, source, tmp_path):
    adapter = shutil.copytree(run / "adapter", tmp_path / "adapter")
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    text = json.dumps({**config, "use_rslora": True})
    (adapter / "adapter_config.json").write_text(text, encoding="utf-8")
    out = convert_adapter(base, adapter, tmp_path / "out.gguf", source=source)
    alpha = GGUFReader(out).fields["adapter.lora.alpha"].contents()
    assert alpha == config["lora_alpha"] * config["r"] ** 0.5


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"use_dora": True}, "not use_dora"),
        ({"peft_type": "IA3"}, "not IA3"),
        ({"init_lora_weights": "pissa_niter_4"}, "not init_lora_weights=pissa"),
        (
            {"modules_to_save": ["embed_tokens", "model.embed_tokens"]},
            r"whole layers too \(embed_tokens\).*train_embeddings=false",
        ),
    ],
)
def test_what_a_gguf_can_not_hold_is_refused(base, run, tmp_path, part, said):
    adapter = shutil.copytree(run / "adapter", tmp_path / "adapter")
    config = json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    text = json.dumps({**config, **part})
    (adapter / "adapter_config.json").write_text(text, encoding="utf-8")
    with pytest.raises(ExportError, match=f"{said}.*|Export the merged model.*{said}") as caught:
        convert_adapter(base, adapter, tmp_path / "out.gguf")
    assert "Export the merged model" in str(caught.value)


def test_whole_model_has_no_adapter(base, tmp_path):
    with pytest.raises(ExportError, match="no adapter to export"):
        export_adapter(base, tmp_path / "out")
