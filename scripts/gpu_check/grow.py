"""Grow the tiny base on a GPU, tune it on recipes, export it, and compare it with the present one.

    just gpu-base                          # a GPU with the gpu extra installed
    just gpu-base --wheels FOLDER          # an offline machine; the folder is gpu-wheels' work
    just gpu-base --rehearse               # every part for a moment, on a CPU

Everything that is wanted afterwards comes into --out, seven files of less than 20 MB together, each
as soon as it is there: the base and the tuned run as archives, the GGUF, the growth's metrics, the
logs, ``result.json`` and ``section.md``. The bulk stays in --scratch. The new base is to be kept
only where the verdict in ``section.md`` says that it is better on held-out prose; docs/gpu.md says
how. Exit code 0: every part ran; 1: a part failed or the time was up; 2: it can not run here.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from scripts.gpu_check import machine
from scripts.gpu_check.command import options, run_command
from scripts.gpu_check.grow_report import markdown, read_scores, verdict
from scripts.gpu_check.parts import PartError, pack, run_part, say, write_logs, write_whole

PRESENT = machine.ROOT / "train" / "bundled" / "tiny-base"
PRESENT_GGUF = machine.ROOT / "runtime" / "bundled" / "tiny-recipe-q8_0.gguf"
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja")


class Growth(NamedTuple):
    """How much of each part is done.

    Attributes:
        base: further flags of `setaccio.train.base`.
        pairs: recipe pairs to tune on, with the seed of scripts/base.sh; by default as many as the
            steps of ``TUNING`` see.
        tuning: further flags of `setaccio train`.
        batches: held-out batches of each kind that both bases are measured on.
        documents: held-out recipes that both tuned models extract from.
        minutes: for everything.
    """

    base: tuple[str, ...]
    pairs: int | None
    tuning: tuple[str, ...]
    batches: int
    documents: int
    minutes: float


TUNING = machine.ROOT / "scripts" / "tiny-recipe.yaml"  # scripts/base.sh's too
PAIRS_PER_STEP = 17  # 16 are learned from; of the rest some are kept apart
GPU = Growth(("--minutes", "3.5"), None, (), 24, 200, 9.5)
REHEARSAL = Growth(("--plan", "rehearsal"), 40, ("--max-steps", "2"), 1, 4, 60)
TUNING_MINUTES = 3.0  # reading the pairs included; the rate falls to nothing by then
THREADS = "4"  # of llama.cpp: more of them wait for each other longer than so small a model takes
LEAVE = 75  # seconds that export and comparison are left


class Grow:
    """One growth from beginning to end.

    Args:
        growth: how much of each part.
        out: folder of what is wanted afterwards.
        scratch: folder of everything else.
        rehearse: on the CPU.
        wheels: folder of `just gpu-wheels`, or None.
    """

    def __init__(
        self, growth: Growth, out: Path, scratch: Path, rehearse: bool, wheels: Path | None
    ) -> None:
        self.growth, self.out, self.scratch, self.rehearse = growth, out, scratch, rehearse
        self.began = time.monotonic()
        self.deadline = self.began + 60 * growth.minutes
        out.mkdir(parents=True, exist_ok=True)
        self.ready = machine.prepare(scratch, wheels, gpu=not rehearse)
        found = machine.probe(self.ready.gpu)
        machine.require(
            found, rehearse=rehearse, gpu_gib=8, disk_gib=2, packages=("triton",), disk=scratch
        )
        self.result: dict[str, Any] = {
            "kind": "rehearsal" if rehearse else "gpu",
            "machine": machine.facts(found),
            "growth": growth._asdict(),
            "parts": {},
        }

    def part(
        self, name: str, *command: str, gpu: bool, seconds: float | None = None
    ) -> dict[str, Any]:
        """Run one command; its seconds or its failure go into the result.

        Raises:
            PartError: it failed.
        """
        began = time.monotonic()
        say(f"[{began - self.began:5.0f} s] {name}")
        until = self.deadline if seconds is None else min(self.deadline, began + seconds)
        done: dict[str, Any] = {}
        try:
            log = self.scratch / f"{name.replace(' ', '-')}.log"
            run_part([sys.executable, *command], self.ready.values(gpu=gpu), log, until)
        except PartError as error:
            done["failed"] = str(error)
            say(f"        failed: {error}")
            raise
        finally:
            done["seconds"] = time.monotonic() - began
            self.result["parts"][name] = done
            self.write()
        return done

    def grow(self) -> Path:
        """Grow the base, with the vocabulary of the present one; returns its folder."""
        work, base = self.scratch / "base", self.scratch / "tiny-base"
        (work / "tokenizer").mkdir(parents=True)
        for name in TOKENIZER:
            shutil.copy(PRESENT / name, work / "tokenizer" / name)
        device = "cpu" if self.rehearse else "cuda"
        arguments = ["--work", str(work), "--out", str(base), "--device", device]
        try:
            self.part("grow", "-m", "setaccio.train.base", *arguments, *self.growth.base, gpu=True)
        finally:
            if (work / "metrics.jsonl").is_file():
                shutil.copy(work / "metrics.jsonl", self.out / "growth-metrics.jsonl")
        pack(base, self.out / "tiny-base.tar.gz")
        self.result["grown"] = json.loads((base / "growth.json").read_text(encoding="utf-8"))
        return base

    def measure(self, base: Path) -> None:
        """Held-out losses of both bases, on one device."""
        job, result = self.scratch / "measure.job.json", self.scratch / "measure.result.json"
        bases = {"present": str(PRESENT), "grown": str(base)}
        wanted = {"bases": bases, "batches": self.growth.batches, "result": str(result)}
        job.write_text(json.dumps(wanted), encoding="utf-8")
        self.part("measure", "-m", "scripts.gpu_check.measure", str(job), gpu=True)
        self.result["held_out"] = json.loads(result.read_text(encoding="utf-8"))

    def tune(self, base: Path, pairs: Path) -> Path:
        """Tune on recipes, on the GPU, or on the CPU where that fails; returns the run."""
        run = self.scratch / "tiny-recipe"
        command = ["-m", "setaccio.cli.main", "train", "--config", str(TUNING)]
        command += ["--backend", "trl"]
        command += ["--base", str(base), "--pairs", str(pairs), "--out", str(run), "--overwrite"]
        for gpu in (True, False):
            left = (self.deadline - time.monotonic() - LEAVE) / 60
            limit = ["--max-minutes", f"{max(0.2, min(TUNING_MINUTES, left)):.2f}"]
            name = "tune" if gpu else "tune on the CPU"
            try:
                self.part(name, *command, *self.growth.tuning, *limit, gpu=gpu)
                break
            except PartError:
                if not gpu:
                    raise
        pack(run, self.out / "tiny-recipe.tar.gz", leave_out=("checkpoints", "tensorboard"))
        return run

    def export(self, run: Path) -> Path:
        """Export as Q8_0, proven against the merged model; returns the GGUF."""
        folder = self.scratch / "gguf"
        flags = ["--quant", "q8_0", "--out", str(folder), "--name", "tiny-recipe"]
        if self.ready.source:
            flags += ["--source", str(self.ready.source)]
        self.part("export", "-m", "setaccio.cli.main", "export", str(run), *flags, gpu=False)
        (gguf,) = folder.glob("*-q8_0.gguf")
        shutil.copy(gguf, self.out / gguf.name)
        report = json.loads((folder / "export.json").read_text(encoding="utf-8"))
        self.result["parity"] = report["files"][0]["parity"]
        return gguf

    def compare(self, gguf: Path) -> None:
        """Both tuned models on held-out prose, constrained and free."""
        pairs = self.scratch / "held-out.jsonl"
        flags = ["--held-out", "--seed", "77", "--count", str(self.growth.documents)]
        flags += ["--out", str(pairs), "--overwrite"]  # a scratch folder may be used again
        command = ["-m", "setaccio.cli.main"]
        self.part("held-out", *command, "data", "generate", *flags, gpu=False)
        scores = {}
        for name, model in (("present", PRESENT_GGUF), ("grown", gguf)):
            folder = self.scratch / f"eval-{name}"
            flags = ["--model", str(model), "--pairs", str(pairs), "--out", str(folder)]
            flags += ["--threads", THREADS]
            self.part(f"eval {name}", *command, "eval", *flags, gpu=False)
            text = (folder / "comparison.json").read_text(encoding="utf-8")
            scores[name] = read_scores(json.loads(text))
            self.result["scores"] = scores

    def run(self) -> int:
        """Do everything; returns the exit code."""
        pairs = self.scratch / "pairs.jsonl"
        count = self.growth.pairs or PAIRS_PER_STEP * tuning_steps()
        flags = ["--seed", "11", "--count", str(count), "--out", str(pairs), "--overwrite"]
        try:
            with (self.scratch / "pairs.log").open("w", encoding="utf-8") as log:
                making = subprocess.Popen(
                    [sys.executable, "-m", "setaccio.cli.main", "data", "generate", *flags],
                    env=self.ready.cpu,
                    cwd=machine.ROOT,
                    stdout=log,
                    stderr=log,
                )
            try:
                base = self.grow()
                self.measure(base)
                making.wait(timeout=max(1.0, self.deadline - time.monotonic()))
            finally:
                making.kill()
            self.compare(self.export(self.tune(base, pairs)))
            code = 0
        except (PartError, subprocess.TimeoutExpired):
            code = 1
        self.write()
        say(self.result["verdict"])
        return code

    def write(self) -> None:
        """Write what is known so far."""
        self.result["seconds"] = time.monotonic() - self.began
        self.result["verdict"] = verdict(self.result)
        write_whole(self.out / "result.json", json.dumps(self.result, indent=2) + "\n")
        write_whole(self.out / "section.md", markdown(self.result))
        write_logs(self.scratch, self.out / "logs.txt")


def tuning_steps() -> int:
    """Steps of the tuning; read as text, since nothing need be installed here yet."""
    text = TUNING.read_text(encoding="utf-8")
    return int(re.findall(r"^max_steps: (\d+)$", text, re.MULTILINE)[0])


def grow(given: argparse.Namespace) -> int:
    """Do what the command line says; returns the exit code."""
    growth = REHEARSAL if given.rehearse else GPU
    if given.minutes:
        growth = growth._replace(minutes=given.minutes)
    if given.grow_minutes:
        growth = growth._replace(base=(*growth.base, "--minutes", str(given.grow_minutes)))
    return Grow(growth, given.out, given.scratch, given.rehearse, given.wheels).run()


def main() -> int:
    """Parse the command line and grow."""
    parser = options("gpu-base", __doc__)
    parser.add_argument("--grow-minutes", type=float, help="of it, growing (default: 3.5)")
    return run_command(parser, grow)


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
