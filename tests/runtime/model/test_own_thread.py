"""llama.cpp beside torch in one process. Run with: pytest tests/runtime/model/test_own_thread.py"""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from setaccio.runtime.model.own_thread import apart_from_torch

TRAINING_BETWEEN = """
import sys
import torch
from setaccio.runtime import Extractor

extractor = Extractor(sys.argv[1])
text = "Beat 2 eggs with 50 g sugar. Fold in 100 g flour. " * 6
before = extractor.extract(text).raw
for _ in range(30):
    left = torch.randn(256, 512, dtype=torch.bfloat16, requires_grad=True)
    right = torch.randn(256, 512, dtype=torch.bfloat16)
    torch.nn.functional.linear(left, right).float().sum().backward()
print(before == extractor.extract(text).raw)
"""


def test_a_model_answers_before_and_after_a_training(tiny_gguf: Path):
    pytest.importorskip("torch")
    command = [sys.executable, "-c", TRAINING_BETWEEN, str(tiny_gguf)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


def test_results_and_errors_come_back_from_the_thread():
    pytest.importorskip("torch")
    assert apart_from_torch(threading.current_thread) is not threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        apart_from_torch(lambda: 1 // 0)
