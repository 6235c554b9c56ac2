"""Adapters of several tasks with one base. Run: pytest tests/export/test_shared_base.py"""

from __future__ import annotations

import json
import shutil

import pytest
from export_parts import PAIRS, TEXTS

from setaccio.data import Task
from setaccio.data.errors import ExportError
from setaccio.export.shared_base import MANIFEST, export_shared_base
from setaccio.runtime import Extractor, load_model

CITY = Task.from_metadata(
    json.dumps(
        {
            "name": "city",
            "instruction": "Which city?",
            "schema": {
                "type": "object",
                "properties": {"city": {"enum": ["Bari", "Rome"]}},
                "required": ["city"],
                "additionalProperties": False,
            },
        }
    )
)


@pytest.fixture(scope="module")
def runs(run, tmp_path_factory):
    """Two runs over one base: recipes, and cities with the factors turned round."""
    from safetensors.torch import load_file, save_file

    other = shutil.copytree(run, tmp_path_factory.mktemp("runs") / "cities")
    weights = other / "adapter" / "adapter_model.safetensors"
    save_file({name: -tensor for name, tensor in load_file(weights).items()}, weights)
    (other / "task.json").write_text(CITY.to_metadata(), encoding="utf-8")
    return [run, other]


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.gguf")}


def test_one_base_serves_both_tasks_and_a_second_call_makes_what_is_missing(
    runs, source, tmp_path, task
):
    lines = []
    pairs = {runs[0]: PAIRS}
    made = export_shared_base(runs, tmp_path, pairs=pairs, source=source, progress=lines.append)
    assert [path.name for path in made.base] == ["tiny-base-q8_0.gguf"]
    assert [path.name for path in made.adapters] == ["tiny-adapter.gguf", "cities-adapter.gguf"]
    files = json.loads(made.manifest.read_text())["files"]
    assert files["cities-adapter.gguf"]["task"] == "city"
    assert files["tiny-base-q8_0.gguf"]["quantisation"] == "Q8_0"
    assert (tmp_path / "tiny-adapter.json").is_file()
    assert not list(tmp_path.glob(".*"))

    model = load_model(made.base[0])
    recipes, cities = (Extractor(model, adapter=path) for path in made.adapters)
    assert (recipes.task, cities.task) == (task, CITY)
    assert cities.extract(TEXTS[1]).data["city"] in ("Bari", "Rome")
    assert recipes.extract(TEXTS[1]).data.keys() == {"title", "ingredients", "directions"}
    model.close()

    before = times(tmp_path)
    export_shared_base(runs, tmp_path, pairs=pairs, source=source)
    assert times(tmp_path) == before
    made.adapters[1].write_bytes(b"torn")
    export_shared_base(runs, tmp_path, pairs=pairs, source=source)
    after = times(tmp_path)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"cities-adapter.gguf"}
    assert json.loads((tmp_path / MANIFEST).read_text())["files"] == files


def test_other_bases_names_and_kinds_are_refused(runs, base, tmp_path):
    from safetensors.torch import load_file, save_file

    same = shutil.copytree(runs[1], tmp_path / "tiny")
    with pytest.raises(ExportError, match=r"same name \(tiny, tiny\)"):
        export_shared_base([runs[0], same], tmp_path / "out")

    moved = shutil.copytree(base, tmp_path / "base")
    weights = load_file(moved / "model.safetensors")
    doubled = {name: 2 * tensor for name, tensor in weights.items()}
    save_file(doubled, moved / "model.safetensors", metadata={"format": "pt"})
    other = shutil.copytree(runs[1], tmp_path / "other")
    path = other / "adapter" / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**config, "base_model_name_or_path": str(moved)}))
    with pytest.raises(ExportError, match="different bases"):
        export_shared_base([runs[0], other], tmp_path / "out")

    path.write_text(json.dumps({**config, "use_dora": True}))
    with pytest.raises(ExportError, match="other: only plain LoRA adapters can share a base"):
        export_shared_base([runs[0], other], tmp_path / "out")
    with pytest.raises(ExportError, match="No runs"):
        export_shared_base([], tmp_path / "out")
    assert not (tmp_path / "out").exists()
