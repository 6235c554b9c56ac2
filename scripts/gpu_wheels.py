"""Gather what an offline GPU machine lacks into one folder of at most 45 MB.

Contract: the machine has Python 3.12, CUDA 13 and the packages in ``PRESENT``; the folder brings
the rest for `just gpu-check`: wheels with the versions of requirements/lock.txt, llama.cpp compiled
for any x86-64 processor with AVX2, llama.cpp's converter with the Qwen2 vocabulary, and
``manifest.json`` with every file's SHA-256. Two wheels are cut: bitsandbytes to the one CUDA
library that the machine loads, Unsloth to what trains (its web studio goes). Nothing is cut
without saying so in the manifest.

    just gpu-wheels                      # -> runs/gpu-wheels
    python -m scripts.gpu_wheels --out FOLDER --sdist llama_cpp_python-0.3.36.tar.gz
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename
from scripts.wheel_tools import (
    WheelError,
    check_record,
    digest,
    glibc_needed,
    repack,
    requirements,
)

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements" / "lock.txt"
LIMIT = 45 * 10**6  # bytes
LLAMA = "llama-cpp-python"
SOURCE = "llama_cpp_source.tar.xz"
MANIFEST = "manifest.json"
MACHINE = {
    "python_version": "3.12",
    "python_full_version": "3.12.3",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
    "os_name": "posix",
    "extra": "",
}
# pip takes a platform by its exact name. glibc 2.35 is Ubuntu 22.04's.
PLATFORMS = [f"manylinux_2_{n}_x86_64" for n in range(35, 4, -1)] + [
    "manylinux2014_x86_64",
    "manylinux2010_x86_64",
    "manylinux1_x86_64",
    "linux_x86_64",
]
# What comes with torch, transformers and peft, and the large packages found beside them.
_PRESENT = """
    torch torchvision triton transformers peft accelerate tokenizers safetensors huggingface-hub
    hf-xet numpy scipy pandas pyarrow sentencepiece protobuf pillow jinja2 packaging psutil pyyaml
    regex requests httpx tqdm filelock wheel typer click rich aiohttp"""
_WANTED = """
    unsloth unsloth-zoo trl datasets bitsandbytes cut-cross-entropy torchao tyro
    docstring-parser typeguard hf-transfer msgspec einops nest-asyncio structlog
    pydantic pydantic-core annotated-types typing-inspection typing-extensions
    multiprocess dill xxhash fsspec platformdirs
    outlines outlines-core genson cloudpickle diskcache llguidance rapidfuzz
    jsonschema jsonschema-specifications referencing rpds-py attrs"""
PRESENT = frozenset(_PRESENT.split())
WANTED = tuple(_WANTED.split())
LEFT_OUT = {
    "xformers": "over 100 MB; without it Unsloth uses PyTorch's own attention",
    "diffusers": "Unsloth names it, but imports it for pictures only",
}
CUDA_LIBRARY = "bitsandbytes/libbitsandbytes_cuda130.so"
FOREIGN = re.compile(r"bitsandbytes/libbitsandbytes_(cuda|rocm|xpu)\w*\.so")
# Portable on purpose: AVX2, FMA and F16C, and no OpenMP, whose library may be absent there. The two
# -fno flags are those of scripts/setup.sh.
GLIBC = (2, 35)  # the oldest that the folder serves: Ubuntu 22.04's
CMAKE_ARGS = (
    "-DGGML_NATIVE=OFF -DGGML_OPENMP=OFF -DLLAVA_BUILD=OFF "
    "-DCMAKE_C_FLAGS='-fno-tree-dse -fno-dse' -DCMAKE_CXX_FLAGS='-fno-tree-dse -fno-dse'"
)
# Relative to vendor/llama.cpp in the source archive.
CONVERTER = re.compile(
    r"LICENSE|convert_(hf|lora)_to_gguf\.py|conversion/.*|gguf-py/(LICENSE|gguf/.*)"
    r"|models/ggml-vocab-qwen2\.gguf"
)
# llama.cpp's build brings each library three times, and once more outside the package.
VERSIONED_LIBRARY = re.compile(r"llama_cpp/lib/lib.*\.so\.\d+\.\d+.*")
BUILD_FOLDERS = ("lib/", "bin/", "include/")
PICTURES = "llama_cpp/lib/libmtmd"


def say(line: str) -> None:
    """Tell what happens, on standard error."""
    sys.stderr.write(line + "\n")


def pins(lock: Path = LOCK) -> dict[str, str]:
    """Versions of the lock file that hold on the GPU machine, by normalised name."""
    found = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        if "==" not in line or line.startswith("#"):
            continue
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(MACHINE):
            version = str(requirement.specifier).removeprefix("==")
            found[str(canonicalize_name(requirement.name))] = version
    return found


def pip(*arguments: str, flags: str | None = None, jobs: int | None = None) -> None:
    """Run pip quietly; its own message is the reason of a failure."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    environment = {**os.environ, **({"CMAKE_ARGS": flags} if flags else {})}
    if jobs:
        environment["CMAKE_BUILD_PARALLEL_LEVEL"] = str(jobs)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "ERROR" in line] or ["pip failed"]
        raise WheelError(f"pip {' '.join(arguments[:1])}: {lines[-1]}")


def download(names: Iterator[str], folder: Path) -> None:
    """Fetch wheels for the GPU machine; pip compares each with the index's own SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    platforms = [argument for name in PLATFORMS for argument in ("--platform", name)]
    target = ["--python-version", "3.12", "--implementation", "cp", "-d", str(folder)]
    pip("download", "-q", "--no-deps", "--only-binary=:all:", *target, *platforms, *names)


def source_archive(sdist: Path, out: Path) -> None:
    """Write the converter and the Qwen2 vocabulary of llama-cpp-python's source archive."""
    inside = re.compile(r"[^/]+/vendor/llama\.cpp/(?P<inner>.+)")
    kept = 0
    with tarfile.open(sdist, "r:gz") as tar, tarfile.open(out, "w:xz", preset=6) as small:
        for member in tar:
            found = inside.fullmatch(member.name)
            if found and member.isfile() and CONVERTER.fullmatch(found["inner"]):
                member.name = found["inner"]
                small.addfile(member, tar.extractfile(member))
                kept += 1
    if not kept:
        raise WheelError(f"{sdist}: holds no llama.cpp source.")


def fetch_sdist(version: str, cache: Path) -> Path:
    """Fetch llama-cpp-python's source archive once and compare it with the pinned SHA-256."""
    sys.path.insert(0, str(ROOT / ".types"))
    from setaccio.export.gguf.llamacpp_source import PINNED

    found = list(cache.glob("*.tar.gz"))
    if not found:
        say(f"Fetching the source archive of {LLAMA} {version} (77 MB, once)")
        only = ["--no-deps", "--no-binary", LLAMA, "-d", str(cache)]
        pip("download", "-q", *only, f"{LLAMA}=={version}")
        found = list(cache.glob("*.tar.gz"))
    require_pinned(found[0], PINNED.get(version))
    return found[0]


def require_pinned(sdist: Path, wanted: str | None) -> None:
    """Refuse a source archive that is not the published one."""
    if wanted and digest(sdist) != wanted:
        raise WheelError(f"{sdist.name}: is not the published archive (SHA-256 {digest(sdist)}).")


def llama_wheel(sdist: Path, cache: Path, jobs: int | None = None) -> Path:
    """Compile llama.cpp for any processor with AVX2, once."""
    target = cache / "portable"
    found = list(target.glob("*.whl"))
    if not found:
        say("Compiling llama.cpp for any x86-64 processor with AVX2 (3 to 10 minutes, once)")
        constraint = ROOT / "requirements" / "build.txt"
        pip("wheel", "-q", "--no-deps", "--no-cache-dir", "--build-constraint", str(constraint),
            "-w", str(target), str(sdist), flags=CMAKE_ARGS, jobs=jobs)  # fmt: skip
        found = list(target.glob("*.whl"))
    return found[0]


def keep(name: str) -> bool:
    """Whether a file of a wheel is needed on the GPU machine."""
    if name.startswith(("studio/", PICTURES, *BUILD_FOLDERS)) or VERSIONED_LIBRARY.fullmatch(name):
        return False
    return name == CUDA_LIBRARY or not FOREIGN.fullmatch(name)


def collect(wheels: list[Path], out: Path) -> list[dict[str, object]]:
    """Copy or cut each wheel into the folder, its RECORD checked before and after."""
    files = []
    for wheel in sorted(wheels):
        check_record(wheel)
        made, dropped = repack(wheel, out, keep)
        check_record(made)
        entry: dict[str, object] = {
            "name": made.name,
            "bytes": made.stat().st_size,
            "sha256": digest(made),
        }
        if dropped:
            entry["cut_from"] = {
                "name": wheel.name,
                "bytes": wheel.stat().st_size,
                "sha256": digest(wheel),
                "files_dropped": len(dropped),
            }
        files.append(entry)
    return files


def missing(folder: Path, pinned: dict[str, str]) -> list[str]:
    """Requirements that neither the folder nor the machine meets, by name."""
    have = {str(parse_wheel_filename(path.name)[0]) for path in folder.glob("*.whl")}
    found = set()
    for wheel in folder.glob("*.whl"):
        for requirement in requirements(wheel):
            name = str(canonicalize_name(requirement.name))
            if requirement.marker and not requirement.marker.evaluate(MACHINE):
                continue
            if name in have:
                if not requirement.specifier.contains(pinned[name], prereleases=True):
                    found.add(f"{name}{requirement.specifier} (for {wheel.name})")
            elif name not in PRESENT and name not in LEFT_OUT:
                found.add(f"{name} (for {wheel.name})")
    return sorted(found)


def gather(
    out: Path, cache: Path, sdist: Path | None, compile_llama: bool, jobs: int | None = None
) -> int:
    """Make the folder, whole or not at all; returns its size in bytes."""
    pinned = pins()
    version = pinned[LLAMA]
    raw = cache / "downloaded"
    shutil.rmtree(raw, ignore_errors=True)  # wheels of former pins
    say(f"Fetching {len(WANTED)} wheels for Python 3.12, manylinux x86-64, CUDA 13")
    download((f"{name}=={pinned[name]}" for name in WANTED), raw)
    sdist = sdist or fetch_sdist(version, cache)
    wheels = list(raw.glob("*.whl"))
    left_out = dict(LEFT_OUT)
    if compile_llama:
        wheels.append(llama_wheel(sdist, cache, jobs))
    else:
        left_out[LLAMA] = "not compiled (--no-llama); export and extraction need it"
    fresh = out.with_name(f".{out.name}")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    files = collect(wheels, fresh)
    source_archive(sdist, fresh / SOURCE)
    source = fresh / SOURCE
    files.append({"name": SOURCE, "bytes": source.stat().st_size, "sha256": digest(source)})
    for wheel in fresh.glob("*.whl"):
        if (needed := glibc_needed(wheel)) > GLIBC:
            version = ".".join(map(str, needed))
            raise WheelError(f"{wheel.name}: needs glibc {version}. Compile on an older system.")
    unmet = missing(fresh, pinned)
    if unmet:
        raise WheelError(f"Neither in the folder nor expected on the machine: {', '.join(unmet)}.")
    size = sum(path.stat().st_size for path in fresh.iterdir())
    manifest = {
        "made": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "for": f"Python 3.12, x86-64, glibc {GLIBC[0]}.{GLIBC[1]} or newer, CUDA 13",
        "bytes": size,
        "limit_bytes": LIMIT,
        "expected_on_the_machine": sorted(PRESENT),
        "left_out": left_out,
        "files": files,
    }
    (fresh / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    for entry in sorted(files, key=lambda entry: -int(str(entry["bytes"])))[:8]:
        say(f"  {int(str(entry['bytes'])) / 1e6:6.2f} MB  {entry['name']}")
    if size > LIMIT:
        raise WheelError(f"{size / 1e6:.1f} MB, over the limit of {LIMIT / 1e6:.0f} MB.")
    shutil.rmtree(out, ignore_errors=True)
    fresh.rename(out)
    return size


def main() -> int:
    """Parse the command line and gather."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "gpu-wheels")
    parser.add_argument("--cache", type=Path, default=ROOT / ".cache" / "gpu-wheels")
    parser.add_argument("--sdist", type=Path, help="llama-cpp-python's source archive")
    parser.add_argument("--no-llama", action="store_true", help="do not compile llama.cpp")
    parser.add_argument("--jobs", type=int, help="of the compilation (default: one per core)")
    arguments = parser.parse_args()
    try:
        size = gather(
            arguments.out,
            arguments.cache,
            arguments.sdist,
            not arguments.no_llama,
            arguments.jobs,
        )
    except (WheelError, OSError) as error:
        say(f"gpu-wheels: {error}")
        return 1
    count = len(list(arguments.out.iterdir()))
    say(f"{arguments.out.name}: {count} files, {size / 1e6:.1f} of {LIMIT / 1e6:.0f} MB.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
