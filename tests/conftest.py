"""What every test may use: the tiny models of tests/fixtures, their task, and pairs for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

from setaccio.data import Task, load_task
from setaccio.data.errors import ExportError, ModelError
from setaccio.data.records import Pair, load_pairs
from setaccio.models import default_base, model_path
from setaccio.models.templates import load_template

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "tests" / "fixtures"

# The same examples in every run: a failure is of the change at hand, and not of the day. To look
# for others: HYPOTHESIS_PROFILE=default, or --hypothesis-seed.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The folder that holds pyproject.toml."""
    return ROOT


@pytest.fixture(scope="session")
def tiny_gguf() -> Path:
    """The GGUF that SETACCIO_TEST_GGUF names, by default the tiny recipe model."""
    path = Path(os.environ.get("SETACCIO_TEST_GGUF") or FIXTURES / "tiny-recipe-q8_0.gguf")
    if not path.is_file():
        pytest.fail(f"{path} is missing")
    return path


@pytest.fixture(scope="session")
def tiny_base() -> Path:
    """Folder of the tiny base model."""
    return FIXTURES / "tiny-base"


@pytest.fixture(scope="session")
def recipe_file() -> Path:
    """File of the task that the tiny recipe model was tuned on."""
    return FIXTURES / "recipe.yaml"


@pytest.fixture(scope="session")
def recipe(recipe_file: Path) -> Task:
    """The task that the tiny recipe model was tuned on, which the bundled one need not be."""
    return load_task(recipe_file)


@pytest.fixture(scope="session")
def tiny_task(recipe: Task) -> Task:
    """The same under the name of the models that know it."""
    return recipe


@pytest.fixture(scope="session")
def recipe_pairs() -> list[Pair]:
    """80 generated recipes of the training part, then 40 of the held-out part."""
    return load_pairs(FIXTURES / "pairs.jsonl")[0]


@pytest.fixture(scope="session")
def thinking_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GGUF of random weights whose chat template has a switch for thoughts.

    In full precision: what is added up in another order then differs too little to matter.
    """
    pytest.importorskip("transformers")
    from random_ggufs import make_gguf

    marks = ["<|im_start|>", "<|im_end|>", "<think>", "</think>"]
    template = load_template("qwen3").fitted({"<|im_end|>"})
    folder = tmp_path_factory.mktemp("thinks")
    try:
        return make_gguf("qwen3", folder, "f32", template=template, marks=marks)
    except ExportError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The real default base, where `setaccio models fetch` has brought it."""
    try:
        return model_path(default_base().name)
    except ModelError as error:
        pytest.skip(str(error))
