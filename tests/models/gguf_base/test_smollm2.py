"""The real default base. Run with: pytest tests/models/gguf_base/test_smollm2.py -m smollm2"""

from __future__ import annotations

from pathlib import Path

import pytest

from setaccio.models import default_base
from setaccio.runtime.model.gguf_header import read_header

pytestmark = pytest.mark.smollm2


def test_the_file_is_what_is_known_of_it(smollm2: Path) -> None:
    known, header = default_base(), read_header(smollm2)
    architecture = header.metadata["general.architecture"]
    assert header.metadata[f"{architecture}.context_length"] == str(known.context)
    assert header.metadata["general.license"] == known.licence.lower()
    assert "<|im_start|>" in header.metadata["tokenizer.chat_template"]
    assert known.template == "chatml"


def test_its_weights_are_as_many_as_are_said(smollm2: Path) -> None:
    from gguf import GGUFReader

    tensors = GGUFReader(smollm2).tensors
    assert sum(int(tensor.n_elements) for tensor in tensors) == default_base().parameters
