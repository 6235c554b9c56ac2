"""Train on a GPU with Unsloth and with the plain stack, compare, and carry an adapter to the CPU.

    just gpu-check                                    # a GPU, the gpu extra installed
    just gpu-check --wheels runs/gpu-wheels.tar.xz    # an offline machine, after `just gpu-wheels`
    just gpu-check --rehearse                         # a CPU: the tiny base, the plain stack only

Every part runs in a child process of this script, so that memory is measured from nothing and a
crash is a line of the report. --out gets ``result.json``, ``section.md`` and logs. Exit code 0:
every part ran, targets met or not; 1: a part failed; 2: this machine can not run the check.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from scripts.gpu_report import compare, markdown, verdicts

ROOT = Path(__file__).resolve().parents[1]
SETTINGS: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
BASE = "qwen2.5-1.5b"  # the preset whose shape and vocabulary the random weights have
ARMS = ("unsloth", "trl", "trl", "unsloth")  # A-B-B-A: a drift of the machine hits both alike
PACKAGES = ("torch", "transformers", "trl", "peft", "datasets", "llama_cpp", "llguidance")
GPU_PACKAGES = ("unsloth", "unsloth_zoo", "bitsandbytes", "triton")
CACHES = ("HF_HOME", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "CUDA_CACHE_PATH")
FLAGS = ("HF_HUB_OFFLINE", "PIP_NO_INDEX", "UNSLOTH_DISABLE_STATISTICS", "PYTHONDONTWRITEBYTECODE")


class PartError(Exception):
    """A part failed or was ended; the message is its reason."""


def look(job: dict[str, Any]) -> dict[str, Any]:
    """Refuse a machine on which the check can not run; training itself looks at memory and disk."""
    for name in PACKAGES + (() if job["rehearse"] else GPU_PACKAGES):
        if importlib.util.find_spec(name) is None:
            raise SystemExit(
                f"{name} is not installed. Run: pip install '.[gpu]', or carry the archive of "
                "`just gpu-wheels` and pass it with --wheels."
            )
    import torch

    if not (job["rehearse"] or torch.cuda.is_available()):
        raise SystemExit("torch sees no CUDA GPU. Run `just gpu-check --rehearse` on a CPU.")
    return {}


def make(job: dict[str, Any]) -> dict[str, Any]:
    """Write pairs and, unless the training names its base, a model of random weights."""
    from setaccio.data.recipes.generate import generate_pairs
    from setaccio.data.records import write_pairs

    folder = Path(job["folder"])
    write_pairs(folder / "pairs.jsonl", generate_pairs(job["pairs"], 11))
    write_pairs(folder / "documents.jsonl", generate_pairs(job["documents"], 12, held_out=True))
    if "base" not in job["training"]:
        sys.path.insert(0, str(ROOT / "tests" / "support"))
        import random_models
        import torch

        torch.set_default_device("cuda" if torch.cuda.is_available() else "cpu")
        sizes = {**random_models.published_sizes(BASE), "initializer_range": 0.02}
        random_models.make_random(BASE, folder / "base", sizes=sizes)
    return {}


def start_adapter(model: Any) -> int:
    """Start each first factor at values from its name alone, so that both stacks begin alike.

    PEFT's default range, rounded to bf16, because one stack holds adapters in it. Returns how many.
    """
    import torch

    found = [(name, weight) for name, weight in model.named_parameters() if "lora_A" in name]
    for name, weight in found:
        seed = zlib.crc32(name[name.index("layers.") :].encode())
        draw = torch.rand(weight.shape, generator=torch.Generator().manual_seed(seed))
        values = (2 * draw - 1) / math.sqrt(weight.shape[1])
        with torch.no_grad():
            weight.copy_(values.to(torch.bfloat16).to(weight))
    return len(found)


def train_arm(job: dict[str, Any]) -> dict[str, Any]:
    """Train once, by the path that users take; times are those of the run's ``metrics.jsonl``.

    A step's loss is read back from the GPU before its line is written, so its work is done by then.
    """
    from setaccio.train import load_config, train

    config = load_config(None, job["config"])
    if config.backend == "unsloth":  # it must be imported before transformers
        from setaccio.train.backend import backend_unsloth

        backend_unsloth.load()
    import torch
    from transformers import TrainerCallback

    matrices: list[int] = []
    gpu = torch.cuda.is_available()

    class Begin(TrainerCallback):  # type: ignore[misc]  # transformers is not typed
        def on_train_begin(self, *_: Any, **kwargs: Any) -> None:
            matrices.append(start_adapter(kwargs["model"]))
            if gpu:
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()

    run = Path(train(config, callbacks=(Begin(),)).run)
    lines = (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if "loss" in row]
    first, last = rows[job["warm_up"] - 1], rows[-1]
    process = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    return {
        "data_sha256": record["training_data_sha256"],
        "versions": {k: v for k, v in record["versions"].items() if v},
        "device": torch.cuda.get_device_name() if gpu else f"{os.cpu_count()} CPU cores",
        "losses": [row["loss"] for row in rows],
        "adapter_matrices": sum(matrices),
        "warm_up_seconds": first["seconds"],
        "timed_seconds": last["seconds"] - first["seconds"],
        "timed_tokens": last["tokens"] - first["tokens"],
        "peak_bytes": torch.cuda.max_memory_allocated() if gpu else process,
        "reserved_bytes": torch.cuda.max_memory_reserved() if gpu else process,
    }


def carry(job: dict[str, Any]) -> dict[str, Any]:
    """Merge, convert, quantise and prove a run; extract with its first file under the schema."""
    from setaccio.data.records import Document, load_pairs
    from setaccio.export import export
    from setaccio.runtime import Extractor

    folder, kinds = Path(job["folder"]), job["quantisations"]
    pairs, _ = load_pairs(folder / "documents.jsonl")
    report = export(folder / job["run"], folder / "gguf", quantisations=kinds, pairs=pairs)
    extractor = Extractor(report.files[0].path, max_tokens=job["max_tokens"])
    rows = list(extractor.extract_all([Document(pair.id, pair.text) for pair in pairs]))
    data = [row.data for row in rows if row.data is not None]
    return {
        "files": [
            {"name": f.path.name, "bytes": f.bytes, "ok": f.parity.ok, "kl": f.parity.mean_kl}
            for f in report.files
        ],
        "documents": len(rows),
        "json": len(data),
        "fits_schema": sum(not extractor.task.problems(value) for value in data),
    }


def run_part(command: Sequence[str], environment: dict[str, str], log: Path, until: float) -> None:
    """Run a command, its output in ``log`` and its errors in ``<stem>.err.log``.

    At ``until`` (of ``time.monotonic()``) it is ended, with all that it started.

    Raises:
        PartError: it failed, or the time was up.
    """
    if time.monotonic() >= until:
        raise PartError("not begun: the time was up")
    errors = log.with_name(f"{log.stem}.err.log")
    # Two files: in one, output that the child holds back would stand behind its error. A session
    # of its own, so that compilers and workers that it started end with it.
    with log.open("w") as stream, errors.open("w") as said:
        options: dict[str, Any] = {"cwd": ROOT, "env": environment, "start_new_session": True}
        process = subprocess.Popen(command, stdout=stream, stderr=said, **options)
        try:
            process.wait(until - time.monotonic())
        except subprocess.TimeoutExpired:
            raise PartError("the time was up") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if process.returncode:
        told = [file.read_text(errors="replace").strip().splitlines() for file in (errors, log)]
        last = next((lines[-1].strip() for lines in told if lines), f"exit {process.returncode}")
        raise PartError(last[:400])


def environment(work: Path, wheels: Path | None, *, gpu: bool) -> dict[str, str]:
    """What children get: import paths, no network, and every cache inside the work folder."""
    farm = work / "farm"  # where setaccio.<folder> is the tree's, as `just setup` has it
    if not farm.is_dir():
        (farm / "setaccio").mkdir(parents=True)
        for name in ("data", "models", "train", "export", "runtime", "eval", "cli"):
            (farm / "setaccio" / name).symlink_to(ROOT / name)
    paths = [farm, ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
    values = {**os.environ, **dict.fromkeys(FLAGS, "1")}
    values |= {name: str(work / "caches" / name) for name in (*CACHES, "UNSLOTH_COMPILE_LOCATION")}
    if wheels:
        if not (work / "wheels").is_dir():
            shutil.unpack_archive(wheels, work / "wheels")
        paths.insert(0, work / "wheels" / "packages")
        values.setdefault("SETACCIO_LLAMACPP_SOURCE", str(work / "wheels" / "llama.cpp"))
    values |= {} if gpu else {"CUDA_VISIBLE_DEVICES": ""}
    return {**values, "PYTHONPATH": os.pathsep.join(map(str, paths))}


def check(given: argparse.Namespace, work: Path) -> int:
    """Do everything that the command line asks for; returns the exit code."""
    settings = SETTINGS["rehearsal" if given.rehearse else "gpu"]
    began = time.monotonic()
    deadline = began + 60 * (given.minutes or settings["minutes"])
    base = str(ROOT / settings["training"].get("base", work / "base"))
    result: dict[str, Any] = {
        "kind": "Rehearsal on a CPU" if given.rehearse else "GPU run",
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "settings": settings,
        "arms": [],
        "carried": {},
    }

    def part(name: str, do: str, job: dict[str, Any], *, gpu: bool = True) -> dict[str, Any]:
        answer = work / f"{name}.json"
        job = {**job, "folder": str(work), "answer": str(answer)}
        command = [sys.executable, "-m", "scripts.gpu_check", "--part", do, json.dumps(job)]
        values = environment(work, given.wheels, gpu=gpu and not given.rehearse)
        limit = settings["part_seconds"] if do == "train_arm" else math.inf
        until = min(deadline, time.monotonic() + limit)
        try:
            run_part(command, values, given.out / f"{name}.log", until)
        except PartError as error:
            return {"failed": str(error)}
        return json.loads(answer.read_text(encoding="utf-8"))

    def write() -> None:
        result["comparison"] = compare(result["arms"])
        result["seconds"] = time.monotonic() - began
        (given.out / "result.json").write_text(json.dumps(result, indent=2), encoding="utf-8")
        (given.out / "section.md").write_text(markdown(result), encoding="utf-8")

    for name, code in (("look", 2), ("make", 1)):
        if why := part(name, name, {**settings, "rehearse": given.rehearse}).get("failed"):
            say(f"gpu-check: {why}")
            return code
    for number, stack in enumerate(ARMS, 1):
        arm: dict[str, Any] = {"skipped": "skipped: no GPU"}
        if not (given.rehearse and stack == "unsloth"):
            files = {"pairs": str(work / "pairs.jsonl"), "out": str(work / f"arm-{number}")}
            config = {**settings["training"], **files, "base": base, "backend": stack}
            say(f"[{time.monotonic() - began:5.0f} s] arm {number}: {stack}")
            arm = part(f"arm-{number}", "train_arm", {**settings, "config": config})
        result["arms"].append({"backend": stack, **arm})
        write()
    done = [f"arm-{i}" for i, arm in enumerate(result["arms"], 1) if arm.get("losses")]
    if done:
        say(f"[{time.monotonic() - began:5.0f} s] to the CPU")
        result["carried"] = part("carry", "carry", {**settings, "run": done[0]}, gpu=False)
    write()
    say("\n".join(verdicts(result["comparison"])))
    return int(not done or any("failed" in arm for arm in [*result["arms"], result["carried"]]))


def say(line: str) -> None:
    """Tell what happens, on standard error."""
    sys.stderr.write(line + "\n")


def main() -> int:
    """Check, or do one part in a child process."""
    parser = argparse.ArgumentParser(prog="gpu-check", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rehearse", action="store_true", help="every part shortly, on the CPU")
    parser.add_argument("--wheels", type=Path, help="archive of `just gpu-wheels`")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "gpu-check")
    parser.add_argument("--minutes", type=float, help="end after this time (default: 9.5)")
    parser.add_argument("--scratch", type=Path, help="keep models, runs and caches here")
    parser.add_argument("--part", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        parts = {"look": look, "make": make, "train_arm": train_arm, "carry": carry}
        job = json.loads(given.part[1])
        Path(job["answer"]).write_text(json.dumps(parts[given.part[0]](job)), encoding="utf-8")
        return 0
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as folder:
        given.out, work = given.out.resolve(), (given.scratch or Path(folder)).resolve()
        for made in (given.out, work):
            made.mkdir(parents=True, exist_ok=True)
        return check(given, work)


if __name__ == "__main__":
    sys.exit(main())
