"""The machine: make the check's packages importable, look at the GPU, find what is wrong.

Standard library only: it runs before anything is known to be installed. Set-ups that can not work
raise :class:`SetupError` with one line that says what to do.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("data", "models", "train", "export", "runtime", "eval", "cli")
WHEELS = ROOT / "runs" / "gpu-wheels"  # where `just gpu-wheels` puts them
MANIFEST = "manifest.json"
SOURCE_ARCHIVE = "llama_cpp_source.tar.xz"
SOURCE_VARIABLE = "SETACCIO_LLAMACPP_SOURCE"
CPU_PACKAGES = ("torch", "transformers", "trl", "peft", "datasets", "llama_cpp", "llguidance")
GPU_PACKAGES = (*CPU_PACKAGES, "unsloth", "unsloth_zoo", "bitsandbytes", "triton")
PROBE = """
import importlib.util, importlib.metadata, json, shutil, sys
found = {}
for name in sys.argv[1:]:
    spec = importlib.util.find_spec(name)
    try:
        found[name] = importlib.metadata.version(name.replace("llama_cpp", "llama-cpp-python"))
    except importlib.metadata.PackageNotFoundError:
        found[name] = None if spec is None else "unknown"
    if spec is None:
        found[name] = None
cuda = {}
if found.get("torch"):
    import torch
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        cuda = {"gpu": torch.cuda.get_device_name(0), "free_bytes": free, "total_bytes": total,
                "capability": list(torch.cuda.get_device_capability(0)),
                "bf16": torch.cuda.is_bf16_supported(), "cuda": torch.version.cuda}
compiler = any(map(shutil.which, ("cc", "gcc", "clang")))
print(json.dumps({"versions": found, "cuda": cuda, "compiler": compiler}))
"""


FIND = """
from setaccio.export.gguf.llamacpp_source import vocabulary_file
print(vocabulary_file("qwen2").parents[1])
"""


class SetupError(Exception):
    """The check can not run here; the message is one line and says what to do."""


class Ready(NamedTuple):
    """What the parts of a check run with.

    Attributes:
        gpu: environment of the parts that may use the GPU.
        cpu: environment of those that may not.
        source: folder with llama.cpp's converter and the Qwen2 vocabulary, or None.
    """

    gpu: dict[str, str]
    cpu: dict[str, str]
    source: Path | None

    def values(self, *, gpu: bool) -> dict[str, str]:
        """The environment of a part."""
        return self.gpu if gpu else self.cpu


def prepare(work: Path, wheels: Path | None, *, gpu: bool) -> Ready:
    """Make the work folder, install carried wheels, and lay out import paths.

    Args:
        work: folder for everything large; the tree itself is not written to.
        wheels: folder of `just gpu-wheels`, or None.
        gpu: whether the parts may use the GPU at all.
    """
    work.mkdir(parents=True, exist_ok=True)
    farm = link_farm(work / "farm")
    site = None
    if wheels:
        sys.stderr.write("Installing the carried wheels\n")
        site = work / "site"
        install_wheels(wheels, site)
    paths = [*([site] if site else []), farm, ROOT]
    cpu = environment(paths, work, gpu=False)
    source = find_source(wheels or WHEELS, work, cpu)
    return Ready(environment(paths, work, gpu=gpu), cpu, source)


def link_farm(farm: Path) -> Path:
    """Make ``setaccio.<folder>`` importable from the tree, as `just setup` does."""
    folder = farm / "setaccio"
    folder.mkdir(parents=True, exist_ok=True)
    for name in FOLDERS:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(ROOT / name)
    return farm


def digest(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    value = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            value.update(block)
    return value.hexdigest()


def check_wheels(folder: Path) -> list[Path]:
    """Compare a folder that `just gpu-wheels` made with its manifest; returns the wheels."""
    if not (folder / MANIFEST).is_file():
        raise SetupError(f"{folder}: holds no {MANIFEST}. Make the folder with `just gpu-wheels`.")
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    for entry in manifest["files"]:
        path = folder / entry["name"]
        if not path.is_file() or digest(path) != entry["sha256"]:
            raise SetupError(f"{path}: missing or damaged. Carry the folder again.")
    return sorted(folder.glob("*.whl"))


def install_wheels(folder: Path, site: Path) -> None:
    """Install the folder's wheels beside the machine's packages, without a network."""
    wheels = check_wheels(folder)
    stamp = site / ".manifest"
    wanted = digest(folder / MANIFEST)
    if stamp.is_file() and stamp.read_text(encoding="ascii") == wanted:
        return
    shutil.rmtree(site, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps"]
    command += ["--no-compile", "--no-cache-dir", "--target", str(site), *map(str, wheels)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        # pip may add a notice of its own version behind the error.
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = (lines or ["pip failed"])[-1]
        raise SetupError(f"{folder}: the wheels can not be installed ({reason})")
    stamp.write_text(wanted, encoding="ascii")


def find_source(wheels: Path, work: Path, values: dict[str, str]) -> Path | None:
    """The folder with llama.cpp's converter and the Qwen2 vocabulary, or None.

    Args:
        wheels: folder of `just gpu-wheels`; its archive is taken where no variable names a source.
        work: an archive is unpacked here.
        values: environment in which ``setaccio`` can be imported, to look where exports look.
            Nothing is fetched.
    """
    archive = wheels / SOURCE_ARCHIVE
    if archive.is_file() and not os.environ.get(SOURCE_VARIABLE):
        return unpack(archive, work / "source")
    own_cache = {"XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", ""), "PIP_NO_INDEX": "1"}
    command = [sys.executable, "-c", FIND]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=values | own_cache
    )
    return Path(done.stdout.strip()).resolve() if done.returncode == 0 else None


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack the converter that `just gpu-wheels` brings, in place of a former copy."""
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(archive, "r:xz") as tar:
        if hasattr(tarfile, "data_filter"):  # it refuses what leaves the folder
            tar.extraction_filter = tarfile.data_filter
        tar.extractall(folder)  # noqa: S202  written by `gpu-wheels`, its hash checked
    return folder


def environment(paths: list[Path], work: Path, *, gpu: bool) -> dict[str, str]:
    """Environment of the parts: import paths, no network, every cache inside the work folder."""
    caches = work / "caches"
    before = os.environ.get("PYTHONPATH", "")
    values = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*map(str, paths), *([before] if before else [])]),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HOME": str(caches / "huggingface"),
        "XDG_CACHE_HOME": str(caches / "xdg"),
        "TRITON_CACHE_DIR": str(caches / "triton"),
        "TORCHINDUCTOR_CACHE_DIR": str(caches / "inductor"),
        "CUDA_CACHE_PATH": str(caches / "cuda"),
        "UNSLOTH_COMPILE_LOCATION": str(caches / "unsloth"),
        "UNSLOTH_DISABLE_STATISTICS": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if not gpu:
        values["CUDA_VISIBLE_DEVICES"] = ""
    return values


def probe(values: dict[str, str]) -> dict[str, Any]:
    """Versions of packages and facts of the GPU, as a child with that environment sees them."""
    command = [sys.executable, "-c", PROBE, *GPU_PACKAGES]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=values)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise SetupError(f"torch does not start here ({reason}). Repair the installation.")
    # Libraries may write to standard output too, some of them only when the process ends.
    told = next(line for line in done.stdout.splitlines() if line.startswith('{"versions"'))
    found: dict[str, Any] = json.loads(told)
    return found


def require(
    found: dict[str, Any],
    *,
    rehearse: bool,
    gpu_gib: float,
    disk_gib: float,
    packages: tuple[str, ...] = GPU_PACKAGES,
    disk: Path = ROOT,
) -> None:
    """Refuse a machine on which the check can not run.

    Args:
        found: what :func:`probe` found.
        rehearse: whether no GPU is needed.
        gpu_gib: free GPU memory needed.
        disk_gib: free disk needed.
        packages: what must be installed beside ``CPU_PACKAGES``, unless it is a rehearsal.
        disk: a folder on the disk in question.

    Raises:
        SetupError: a package is missing, there is no usable GPU, or too little memory or disk.
    """
    versions, cuda = found["versions"], found["cuda"]
    needed = CPU_PACKAGES if rehearse else (*CPU_PACKAGES, *packages)
    absent = [name for name in needed if not versions.get(name)]
    if absent:
        raise SetupError(
            f"{absent[0]} is not installed. Carry the folder of `just gpu-wheels` and pass it with "
            "--wheels, or install the gpu extra: pip install '.[gpu]'."
        )
    if shutil.disk_usage(disk).free < disk_gib * 2**30:
        raise SetupError(
            f"{disk}: less than {disk_gib:g} GiB of disk are free. Free some, or pass --scratch."
        )
    if rehearse:
        return
    if not cuda:
        raise SetupError("torch sees no CUDA GPU. Run `just gpu-check --rehearse` on a CPU.")
    if not found.get("compiler", True):
        raise SetupError("no C compiler is here, and Triton needs one. Install gcc.")
    if not cuda["bf16"]:
        raise SetupError(
            f"{cuda['gpu']} has no bf16. Take a GPU of compute capability 8.0 or more."
        )
    if cuda["free_bytes"] < gpu_gib * 2**30:
        free = cuda["free_bytes"] / 2**30
        raise SetupError(
            f"{free:.1f} GiB of GPU memory are free, {gpu_gib:g} are needed. Free some."
        )


def nvidia_smi(query: str) -> str | None:
    """One value from nvidia-smi for the first GPU, or None."""
    command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader,nounits", "-i", "0"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def used_memory() -> int | None:
    """Bytes of GPU memory in use by all processes, as nvidia-smi says."""
    value = nvidia_smi("memory.used")
    return int(value) * 2**20 if value and value.isdigit() else None


def facts(found: dict[str, Any]) -> dict[str, Any]:
    """What the report says about the machine."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "driver": nvidia_smi("driver_version"),
        "versions": {name: value for name, value in found["versions"].items() if value},
        **found["cuda"],
    }
