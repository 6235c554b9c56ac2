"""What a llama.cpp library tells of its making. Run: pytest tests/runtime/model/test_build.py"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from setaccio.runtime.model.build import (
    CURE,
    RECORD,
    Build,
    installed_build,
    judge_build,
    read_library,
)

GCC12 = "GCC: (Debian 12.2.0-14+deb12u1) 12.2.0"
AMX = "CPU : AVX512 = 1 | AMX_INT8 = 1 | REPACK = 1 |"
NO_AMX = "CPU : AVX512 = 1 | REPACK = 1 |"


@pytest.mark.parametrize(
    ("build", "amx_here", "at_risk", "said"),
    [
        (Build(GCC12, NO_AMX, None), False, False, "without AMX"),
        (Build("clang version 16.0.6", AMX, None), False, False, "clang"),
        (Build(GCC12, AMX, True), False, False, "-fno-dse"),
        (Build(GCC12, AMX, False), False, True, "12.2.0"),
        (Build("", AMX, False), False, True, "unknown compiler"),
        (Build(GCC12, AMX, None), False, None, "can not be judged here"),
        (Build(GCC12, AMX, None), True, None, "the trial run"),
    ],
)
def test_judgement(build: Build, amx_here: bool, at_risk: bool | None, said: str):
    judged = judge_build(build, amx_here=amx_here)
    assert judged.at_risk is at_risk
    assert said in judged.message


def is_gcc() -> bool:
    if shutil.which("cc") is None:
        return False
    said = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=False).stdout
    return "Free Software Foundation" in said


@pytest.mark.skipif(not is_gcc(), reason="the C compiler is not GCC")
@pytest.mark.parametrize(
    ("flags", "cured"), [((), None), ((RECORD,), False), ((RECORD, *CURE), True)]
)
def test_flags_are_read_from_a_library_that_records_them(
    tmp_path: Path, flags: tuple[str, ...], cured: bool | None
):
    source, library = tmp_path / "x.c", tmp_path / "libx.so"
    source.write_text("int x(void) { return 1; }\n")
    subprocess.run(["cc", "-shared", "-O2", *flags, source, "-o", library], check=True)
    compiler, found = read_library(library)
    assert compiler.startswith("GCC: (")
    assert found is cured


def test_the_installed_library_says_who_built_it():
    build = installed_build()
    assert "CPU" in build.features
    assert build.compiler


def test_a_library_that_is_gone_says_nothing(tmp_path: Path):
    assert read_library(tmp_path / "none.so") == ("", None)
