"""Every preset's architecture is known to transformers, to the converter and to the library.

Run: pytest tests/export/gguf/test_architectures.py
"""

from __future__ import annotations

import pytest

pytest.importorskip("transformers")

from random_kinds import KINDS
from scripts.architectures import Support, common_architectures, support

from setaccio.data.errors import ExportError
from setaccio.export.gguf.llamacpp_source import converter_root


@pytest.fixture(autouse=True)
def _source() -> None:
    try:
        converter_root()
    except ExportError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("model", sorted({kind.model for kind in KINDS.values()} | {"Qwen3_5"}))
def test_all_three_know_it(model: str) -> None:
    name = f"{model.removesuffix('Text')}ForCausalLM"
    assert all(support(name))
    assert name in common_architectures()


def test_who_lacks_one_is_told() -> None:
    assert support("Zamba2") == Support(True, "", False)
    assert support("HunYuanVL") == Support(False, "", False)
    assert "Zamba2ForCausalLM" not in common_architectures()
