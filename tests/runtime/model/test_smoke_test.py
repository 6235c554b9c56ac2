"""A crash of llama.cpp becomes a message that says how to cure it.

Run: pytest tests/runtime/model/test_smoke_test.py
"""

from __future__ import annotations

import signal
import struct
import sys
from pathlib import Path

import pytest

from setaccio.data.errors import ModelError, UsageError
from setaccio.runtime.model.smoke_test import quantised_smoke, run_apart, system_report


def test_a_sound_build_passes(tiny_gguf: Path):
    result = quantised_smoke(tiny_gguf)
    assert result.ok, result.message
    assert tiny_gguf.name in result.message


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGILL])
def test_a_crash_is_explained(number: signal.Signals):
    code = f"import os; os.kill(os.getpid(), {int(number)})"
    result = run_apart([sys.executable, "-c", code])
    assert not result.ok
    assert result.crash == number.name
    assert "-fno-dse" in result.message
    assert "pip install" in result.message


def test_other_ends_of_the_child():
    killed = run_apart([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])
    assert (killed.ok, killed.crash) == (False, "SIGKILL")
    assert "pip install" not in killed.message
    late = run_apart([sys.executable, "-c", "import time; time.sleep(60)"], patience=0.2)
    assert not late.ok
    failed = run_apart([sys.executable, "-c", "import sys; sys.exit('bad file')"])
    assert (failed.ok, failed.message) == (False, "bad file")


def test_a_plain_float_model_is_refused(tmp_path: Path):
    name = struct.pack("<Q", 1) + b"w"
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + name + struct.pack("<IQIQ", 1, 1, 1, 0)
    path = tmp_path / "f16.gguf"
    path.write_bytes(head + bytes(64))
    with pytest.raises(UsageError, match="not quantised"):
        quantised_smoke(path)


def test_a_missing_model_is_refused(tmp_path: Path):
    with pytest.raises(ModelError, match="no such model file"):
        quantised_smoke(tmp_path / "none.gguf")


def test_report_holds_what_doctor_prints():
    report = system_report()
    assert report["cores"] >= 1
    assert report["memory_gib"] > report["memory_free_gib"] > 0
    assert report["versions"]["llama-cpp-python"] == "0.3.36"
    assert report["amx"] == any(flag.startswith("amx") for flag in report["cpu_flags"])
    assert "CPU" in report["llama_features"]
    assert report["amx_build"].message
