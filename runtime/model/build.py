"""Was llama.cpp compiled so that AMX works? What the library itself can tell, and what it can not.

GCC 12 drops the stores that fill the AMX tile configuration, unless two optimisations are off (see
docs/install.md). On a processor with AMX a trial run decides. On any other the crash can not
happen, so a trial proves nothing about the build; it may still be carried to a machine where it
crashes. Then the library's own words count: which compiler signed it, whether AMX was compiled in,
and its flags, if the compiler was told to record them (``-frecord-gcc-switches``). Where they are
not recorded the answer is that it can not be judged here.

    >>> judge_build(Build("clang version 16", "AMX_INT8 = 1 |", None), amx_here=False).at_risk
    False
"""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import NamedTuple

CURE = ("-fno-tree-dse", "-fno-dse")
"""Compiler flags that keep the stores."""

RECORD = "-frecord-gcc-switches"
"""Compiler flag that writes all flags into the library."""

_SIGNATURE = re.compile(rb"GCC: \([^)\0]*\) [\d.]+|clang version [\d.]+")
# What GCC records begins with the language and the version: "GNU C++17 12.2.0 -march=native ...".
_RECORDED = re.compile(rb"GNU (?:C|GIMPLE)[^\0]{0,20} [\d.]+[^\0]*(?: -|\0-)[^\0]+")


class Build(NamedTuple):
    """What a llama.cpp library says of its making.

    Attributes:
        compiler: as it signed the library; empty when unsigned.
        features: llama.cpp's list of what was compiled in, such as ``AMX_INT8 = 1``.
        cured: whether the flags that keep the stores were given; None when none are recorded.
    """

    compiler: str
    features: str
    cured: bool | None


class Judgement(NamedTuple):
    """What follows for AMX.

    Attributes:
        at_risk: True when quantised models crash with AMX, False when not, None when that can not
            be judged from the library.
        message: one sentence.
    """

    at_risk: bool | None
    message: str


def read_library(path: Path) -> tuple[str, bool | None]:
    """Compiler of a shared library, and whether it recorded the cure (None: no flags recorded)."""
    try:
        content = path.read_bytes()
    except OSError:
        return "", None
    signature = _SIGNATURE.search(content)
    compiler = signature.group().decode("ascii", "replace") if signature else ""
    recorded = _RECORDED.search(content)
    cured = all(flag.encode() in content for flag in CURE) if recorded else None
    return compiler, cured


@functools.cache
def installed_build() -> Build:
    """The installed llama.cpp's own words."""
    import llama_cpp

    features = llama_cpp.llama_print_system_info().decode("utf-8", "replace").strip()
    folder = Path(llama_cpp.__file__).parent / "lib"
    for library in sorted(folder.glob("*ggml-cpu*")):
        compiler, cured = read_library(library)
        if compiler:
            return Build(compiler, features, cured)
    return Build("", features, None)


def judge_build(build: Build, *, amx_here: bool) -> Judgement:
    """Say whether quantised models crash with this build where there is AMX.

    Args:
        build: from :func:`installed_build`.
        amx_here: whether this processor has AMX, so that a trial run decides.
    """
    if "AMX_INT8 = 1" not in build.features:
        return Judgement(False, "safe: compiled without AMX, which it will not use anywhere")
    if build.compiler.startswith("clang"):
        return Judgement(False, "safe: compiled by clang, which keeps the tile configuration")
    if build.cured:
        return Judgement(False, f"safe: compiled with AMX and {' '.join(CURE)}")
    if amx_here:
        return Judgement(None, "compiled with AMX; the trial run on this processor decides")
    if build.cured is None:
        return Judgement(
            None,
            "can not be judged here: compiled with AMX, its flags are not recorded, and this "
            "processor has no AMX to try it on",
        )
    return Judgement(
        True,
        f"compiled with AMX by {build.compiler or 'an unknown compiler'} without "
        f"{' '.join(CURE)}: may crash on processors with AMX",
    )
