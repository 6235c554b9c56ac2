"""Train on the GPU with Unsloth and with the plain stack, compare, carry the result to the CPU.

    just gpu-check                         # a GPU with the gpu extra installed
    just gpu-check --wheels FOLDER         # an offline machine; the folder is gpu-wheels' work
    just gpu-check --rehearse              # the same path on a CPU, tiny and without Unsloth

Every part runs in a process of its own, so that memory is measured from nothing and a crash is a
line in the report. Written into --out: ``result.json`` and ``section.md`` for docs/gpu.md, after
every part, so that a check that is ended leaves what it had. Exit code 0: every part ran, targets
met or not; 1: a part failed or the time was up; 2: this machine can not run the check.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from scripts.gpu_check import machine
from scripts.gpu_check.compare import compare
from scripts.gpu_check.report import markdown, verdicts
from scripts.gpu_check.settings import ARMS, GPU, MEMORY_TARGET, REHEARSAL, SPEED_TARGET, Settings

POLL_SECONDS = 0.5
NO_GPU = "skipped: no GPU"


def say(line: str) -> None:
    """Tell what happens, on standard error."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


class Check:
    """One check from beginning to end.

    Args:
        settings: what to do.
        out: folder of the result; everything large goes into ``work`` inside it.
        rehearse: on the CPU, without Unsloth.
        wheels: folder of `just gpu-wheels`, or None.
    """

    def __init__(self, settings: Settings, out: Path, rehearse: bool, wheels: Path | None) -> None:
        self.settings, self.out, self.rehearse = settings, out, rehearse
        self.work = out / "work"
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)
        self.began = time.monotonic()
        self.deadline = self.began + 60 * settings.minutes
        machine.link_farm()
        site = None
        if wheels and not rehearse:
            say("Installing the carried wheels")
            site = out / "site"
            machine.install_wheels(wheels, site)
        self.source = machine.find_source(wheels or machine.WHEELS, self.work)
        self.gpu_values = machine.environment(site, self.work, gpu=not rehearse)
        self.cpu_values = machine.environment(site, self.work, gpu=False)
        found = machine.probe(self.gpu_values)
        machine.require(
            found, rehearse=rehearse, gpu_gib=settings.gpu_gib, disk_gib=settings.disk_gib
        )
        if self.source is None and not rehearse:
            raise machine.SetupError(
                "the Qwen2 vocabulary is not here. Make it with `just gpu-wheels` and pass that "
                f"folder with --wheels, or name an unpacked source in {machine.SOURCE_VARIABLE}."
            )
        self.result: dict[str, Any] = {
            "kind": "rehearsal" if rehearse else "gpu",
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "machine": machine.facts(found),
            "settings": settings._asdict(),
            "model": None,
            "arms": [],
            "comparison": {"stacks": {}, "targets": None, "curves": None},
            "carried": {},
        }

    def child(self, name: str, module: str, job: dict[str, Any], *, gpu: bool) -> dict[str, Any]:
        """Run one part in a process of its own; a failure comes back as ``failed``."""
        left = self.deadline - time.monotonic()
        if left < 1:
            return {"failed": f"not begun: the {self.settings.minutes:g} minutes were up"}
        say(f"[{time.monotonic() - self.began:5.0f} s] {name}")
        slug = name.replace(" ", "-").replace(",", "").lower()
        job_file, log_file = self.work / f"{slug}.job.json", self.work / f"{slug}.log"
        job["result"] = str(self.work / f"{slug}.result.json")
        job_file.write_text(json.dumps(job), encoding="utf-8")
        before = machine.used_memory() if gpu else None
        most = before
        with log_file.open("w", encoding="utf-8") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"scripts.gpu_check.{module}", str(job_file)],
                cwd=machine.ROOT,
                env=self.gpu_values if gpu else self.cpu_values,
                stdout=log,
                stderr=log,
            )
            while process.poll() is None and time.monotonic() < self.deadline:
                time.sleep(POLL_SECONDS)
                if before is not None:
                    most = max(most or 0, machine.used_memory() or 0)
            late = process.poll() is None
            if late:
                process.kill()
                process.wait()
        if process.returncode or late:
            lines = log_file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            reason = "the time was up" if late else (lines or [f"exit {process.returncode}"])[-1]
            say(f"        failed: {reason}")
            return {"failed": reason}
        done: dict[str, Any] = json.loads(Path(job["result"]).read_text(encoding="utf-8"))
        if before is not None and most is not None:
            done["nvidia_smi_bytes"] = most - before
        return done

    def make(self) -> bool:
        """Make model and pairs."""
        settings = self.settings
        job = {
            "out": str(self.work),
            "shape": settings.shape,
            "source": str(self.source) if self.source else None,
            "pairs": {"pairs": settings.pairs, "tiny-pairs": settings.tiny_pairs},
            "held_out": {
                "documents": settings.documents,
                "tiny-documents": settings.tiny_documents,
            },
        }
        self.result["model"] = self.child("model", "model", job, gpu=not self.rehearse)
        self.write()
        return "failed" not in self.result["model"]

    def train(self, name: str, backend: str, training: dict[str, Any]) -> dict[str, Any]:
        """Train once; Unsloth is left out of the rehearsal."""
        if backend == "unsloth" and self.rehearse:
            return {"backend": backend, "skipped": NO_GPU}
        config = {**training, "backend": backend, "out": str(self.work / name)}
        job = {"config": config, "warm_up": self.settings.warm_up}
        done = self.child(name, "arm", job, gpu=not self.rehearse)
        return {"backend": backend, **done}

    def arms(self) -> None:
        """The four runs in the order A-B-B-A, and their comparison."""
        base = {"base": str(self.work / "base"), "pairs": str(self.work / "pairs.jsonl")}
        for number, backend in enumerate(ARMS, 1):
            training = {**self.settings.training, **base}
            arm = self.train(f"arm-{number}-{backend}", backend, training)
            self.result["arms"].append(arm)
            self.result["comparison"] = compare(self.result["arms"], SPEED_TARGET, MEMORY_TARGET)
            self.write()

    def carry(self, label: str, run: str, documents: str, **more: Any) -> None:
        """Export one run and extract with it on the CPU."""
        if not (self.work / run / "run.json").is_file():
            self.result["carried"][label] = {"skipped": f"skipped: {run} did not finish"}
        else:
            job = {
                "run": str(self.work / run),
                "out": str(self.work / f"{run}-gguf"),
                "pairs": str(self.work / f"{documents}.jsonl"),
                "source": str(self.source) if self.source else None,
                "name": run,
                **more,
            }
            self.result["carried"][label] = self.child(f"carry-{run}", "carry", job, gpu=False)
        self.write()

    def run(self) -> int:
        """Do everything; returns the exit code."""
        settings, backend = self.settings, "trl" if self.rehearse else "unsloth"
        if self.make():
            self.arms()
            self.carry(
                "random weights",
                f"arm-{ARMS.index(backend) + 1}-{backend}",
                "documents",
                quantisations=settings.quantisations,
                max_tokens=settings.max_tokens,
            )
            tiny = {**settings.tiny, "pairs": str(self.work / "tiny-pairs.jsonl")}
            self.result["tiny"] = self.train(f"tiny-{backend}", backend, tiny)
            self.carry(
                "tiny base",
                f"tiny-{backend}",
                "tiny-documents",
                quantisations=("q8_0",),
                max_tokens=None if backend == "unsloth" else settings.max_tokens,
            )
        self.write()
        for line in verdicts(self.result):
            say(line)
        model, carried = self.result["model"], self.result["carried"]
        parts = [model, *self.result["arms"], self.result.get("tiny", {}), *carried.values()]
        return 1 if any("failed" in part for part in parts) or not carried else 0

    def write(self) -> None:
        """Write what is known so far."""
        self.result["seconds"] = time.monotonic() - self.began
        for name, text in (
            ("result.json", json.dumps(self.result, indent=2) + "\n"),
            ("section.md", markdown(self.result)),
        ):
            part = self.out / f".{name}.part"
            part.write_text(text, encoding="utf-8")
            part.replace(self.out / name)


def main() -> int:
    """Parse the command line and check."""
    parser = argparse.ArgumentParser(prog="gpu-check", description=__doc__.split("\n\n")[0])
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, tiny, no Unsloth")
    parser.add_argument("--wheels", type=Path, help="folder of `just gpu-wheels`")
    parser.add_argument("--out", type=Path, default=machine.ROOT / "runs" / "gpu-check")
    parser.add_argument("--minutes", type=float, help="end after this time")
    parser.add_argument("--keep", action="store_true", help="keep models and runs")
    arguments = parser.parse_args()
    settings = REHEARSAL if arguments.rehearse else GPU
    if arguments.minutes:
        settings = settings._replace(minutes=arguments.minutes)
    out = arguments.out.resolve()
    try:
        check = Check(settings, out, arguments.rehearse, arguments.wheels)
        code = check.run()
    except machine.SetupError as error:
        say(f"gpu-check: {error}")
        return 2
    if not arguments.keep and code == 0:
        shutil.rmtree(check.work, ignore_errors=True)
    say(f"{out / 'section.md'} is ready for docs/gpu.md; every number is in result.json.")
    return code


if __name__ == "__main__":
    sys.exit(main())
