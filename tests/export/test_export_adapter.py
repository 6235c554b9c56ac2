"""The adapter as a GGUF of its own. Run with: pytest tests/export/test_export_adapter.py"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from export_parts import PAIRS, save_adapter
from gguf import GGUFReader

from setaccio.data.errors import ExportError
from setaccio.data.files.digests import file_digest
from setaccio.export import convert, convert_adapter, export_adapter
from setaccio.export.adapter import ADAPTER_REPORT
from setaccio.export.gguf.quantise import quantise
from setaccio.models.gguf_base import base_folder
from setaccio.runtime import Extractor


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


@pytest.fixture(scope="module")
def quantised(base_gguf, tmp_path_factory) -> Path:
    """The base as a user has it: quantised."""
    return quantise(base_gguf, tmp_path_factory.mktemp("quantised") / "small-q8_0.gguf", "Q8_0")


@pytest.fixture(scope="module")
def run_on_gguf(quantised, task, tmp_path_factory) -> Path:
    """A training run on that file, as training leaves it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        made = base_folder(quantised)
    folder = tmp_path_factory.mktemp("runs") / "things"
    save_adapter(made.folder, folder / "adapter", trained=True)
    (folder / "task.json").write_text(task.to_metadata(), encoding="utf-8")
    record = {
        "base_model": quantised.stem,
        "base_path": str(made.folder),
        "base_gguf": str(quantised),
        "base_gguf_sha256": made.sha256,
        "training_data_sha256": "ab" * 32,
    }
    (folder / "run.json").write_text(json.dumps(record), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def on_gguf(run_on_gguf, source, tmp_path_factory):
    """The export, the lines that it said, and what was handed to the scorer."""
    lines: list[str] = []
    seen: dict[str, tuple[Path, Path | None]] = {}

    def score(candidates):
        seen.update(candidates)
        assert all(gguf.is_file() for gguf, _ in candidates.values())
        return [{"model": name, "decoding": "free", "l1": 1.0} for name in candidates]

    folder = tmp_path_factory.mktemp("out")
    report = export_adapter(
        run_on_gguf, folder, pairs=PAIRS, source=source, scorer=score, progress=lines.append
    )
    return report, lines, seen


def test_it_is_proved_on_the_quantised_file_that_it_was_trained_on(on_gguf, quantised):
    report, lines, _ = on_gguf
    parity = report.files[0].parity
    assert parity.ok and parity.ids_equal and parity.quantisation == "LoRA on Q8_0"
    assert 0 < parity.held_out.divergence["transformers"].mean_kl < 0.05
    assert report.base_gguf.path == quantised and report.base_gguf.trained_on
    assert "Converting the base, for the proof only" not in lines


def test_its_metadata_name_that_file_and_the_data(on_gguf, quantised):
    report, _, _ = on_gguf
    reader = GGUFReader(report.files[0].path)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    assert fields["setaccio.base_gguf_sha256"] == file_digest(quantised)
    assert fields["setaccio.base_gguf"] == quantised.name
    assert fields["setaccio.training_data_sha256"] == "ab" * 32
    assert fields["setaccio.base_model"] == quantised.stem
    content = json.loads(report.report.read_text(encoding="utf-8"))
    assert content["files"][0]["bytes"] == report.files[0].path.stat().st_size
    assert str(quantised.parent) not in json.dumps(content)


def test_what_scores_gets_both_and_stands_in_the_report(on_gguf, quantised):
    report, _, seen = on_gguf
    assert seen["base + adapter"][0] == quantised and seen["merged"][1] is None
    content = json.loads(report.report.read_text(encoding="utf-8"))
    assert [row["model"] for row in content["scores"]] == ["base + adapter", "merged"]
    assert {path.name for path in report.folder.iterdir()} == {
        "things-adapter.gguf",
        ADAPTER_REPORT,
    }


def test_beside_that_file_nothing_is_said_beside_another_both_are_named(
    on_gguf, quantised, base_gguf
):
    path = on_gguf[0].files[0].path
    assert Extractor(quantised, adapter=path).warnings == []
    (warning,) = Extractor(base_gguf, adapter=path).warnings
    assert file_digest(quantised)[:12] in warning and file_digest(base_gguf)[:12] in warning


def test_another_gguf_of_the_base_can_be_proved_on_and_is_named(
    run_on_gguf, quantised, base_gguf, source, tmp_path
):
    other = quantise(base_gguf, tmp_path / "small-q4_0.gguf", "Q4_0")
    report = export_adapter(
        run_on_gguf, tmp_path / "out", base_gguf=other, adapter_type="f16", source=source
    )
    assert not report.base_gguf.trained_on
    assert report.files[0].quantisation == "F16 LoRA"
    assert report.files[0].parity.quantisation == "LoRA on Q4_0"
    path = report.files[0].path
    for base in (quantised, other):
        assert Extractor(base, adapter=path).warnings == []


def test_a_base_gguf_that_is_gone_or_changed_is_named(run_on_gguf, quantised, tmp_path):
    run = shutil.copytree(run_on_gguf, tmp_path / "run")
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    for change, said in (
        ({"base_gguf": str(tmp_path / "gone.gguf")}, r"gone\.gguf: .*--base-gguf FILE"),
        ({"base_gguf_sha256": "cd" * 32}, r"cdcdcdcdcdcd\.\.\., found"),
    ):
        (run / "run.json").write_text(json.dumps(record | change), encoding="utf-8")
        with pytest.raises(ExportError, match=said):
            export_adapter(run, tmp_path / "out")


def test_a_template_that_only_the_training_knew_is_refused_at_once(run_on_gguf, tmp_path):
    run = shutil.copytree(run_on_gguf, tmp_path / "run")
    (run / "adapter" / "chat_template.jinja").write_text("{{ messages[0].content }}")
    with pytest.raises(ExportError, match=r"another chat template .*without --adapter-only"):
        export_adapter(run, tmp_path / "out")


def test_matrices_in_8_bits_are_smaller(base, run, source, tmp_path):
    sizes = {
        kind: convert_adapter(
            base, run / "adapter", tmp_path / f"{kind}.gguf", outtype=kind, source=source
        )
        .stat()
        .st_size
        for kind in ("f16", "q8_0")
    }
    assert sizes["q8_0"] < sizes["f16"]


def test_a_failed_proof_leaves_the_file_of_an_earlier_export(base, run, source, tmp_path):
    from safetensors.torch import load_file, save_file

    other = Path(shutil.copytree(base, tmp_path / "other"))
    weights = load_file(other / "model.safetensors")
    name = "model.embed_tokens.weight"
    weights[name] = weights[name].flip(0).contiguous()
    save_file(weights, other / "model.safetensors", metadata={"format": "pt"})
    wrong = convert(other, tmp_path / "wrong.gguf", source=source)
    out = tmp_path / "out"
    out.mkdir()
    earlier = out / "tiny-adapter.gguf"
    earlier.write_bytes(b"earlier")
    with pytest.raises(ExportError, match=r"proof failed.*tiny-adapter\.gguf is still the file"):
        export_adapter(run, out, plain=wrong, source=source)
    assert earlier.read_bytes() == b"earlier"
