"""What is known of models. Run with: pytest tests/models/test_catalogue.py"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from setaccio.data.errors import ModelError
from setaccio.models import catalogue, default_base, find_known, known_models
from setaccio.models.catalogue import PackageSource


def test_the_default_base_can_be_fetched_and_is_named_first() -> None:
    base = default_base()
    assert base.default and known_models()[0] == base
    assert isinstance(base.source, PackageSource)
    assert base.source.file_name.endswith(".gguf")
    assert sum(known.default for known in known_models()) == 1


def test_every_preset_is_for_a_known_model_which_names_it(repository: Path) -> None:
    presets = {
        path.stem: yaml.safe_load(path.read_text(encoding="utf-8")).get("base", "")
        for path in (repository / "train" / "presets").glob("*.yaml")
    }
    assert presets == {known.preset: known.name for known in known_models() if known.preset}


def test_files_of_known_models_have_names_of_their_own() -> None:
    names = [
        known.source.file_name
        for known in known_models()
        if isinstance(known.source, PackageSource)
    ]
    assert len(names) == len(set(names))


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        ModelError, match=r"^smollm3: no known model.*smollm2, gemma-3-270m.*llama-3\.1-8b"
    ):
        find_known("smollm3")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"licence": ""}, r"little\.yaml: licence: .* at least 1 character"),
        ({"sha256": "00"}, r"little\.yaml: sha256: Extra inputs"),
        ({"source": {"hub": "no-owner"}}, r"little\.yaml: source.*"),
        ({"name": "other"}, r"holds the model 'other'. Name the file after it"),
        ({"default": False}, "exactly one known model has to be the default"),
    ],
)
def test_a_file_that_can_not_be_used_is_named(shelf, change, said) -> None:
    path = shelf.known / "little.yaml"
    model = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**model, **change}), encoding="utf-8")
    with pytest.raises(ModelError, match=said):
        known_models()


def test_the_files_are_read_once(shelf) -> None:
    first = known_models()
    (catalogue.FOLDER / "far.yaml").unlink()
    assert known_models() is first
