"""Train on the GPU with Unsloth and with the plain stack, compare, carry the result to the CPU.

    just gpu-check                         # a GPU with the gpu extra installed
    just gpu-check --wheels FOLDER         # an offline machine; the folder is gpu-wheels' work
    just gpu-check --rehearse              # the same path on a CPU, tiny and without Unsloth

Every part runs in a process of its own, so that memory is measured from nothing and a crash is a
line in the report. Written into --out, after every part, so that a check that is ended leaves what
it had: ``result.json``, ``section.md`` for docs/gpu.md, ``logs.txt``, and of the tiny base trained
here the GGUF and the run, 10 MB in all. The bulk stays in --scratch. Exit code 0: every part ran,
targets met or not; 1: a part failed or the time was up; 2: this machine can not run the check.
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from scripts.gpu_check import machine
from scripts.gpu_check.command import options, run_command
from scripts.gpu_check.compare import compare
from scripts.gpu_check.parts import PartError, pack, run_part, say, write_logs, write_whole
from scripts.gpu_check.report import markdown, verdicts
from scripts.gpu_check.settings import ARMS, GPU, MEMORY_TARGET, REHEARSAL, SPEED_TARGET, Settings

NO_GPU = "skipped: no GPU"


class Check:
    """One check from beginning to end.

    Args:
        settings: what to do.
        out: folder of the result.
        scratch: folder of everything large.
        rehearse: on the CPU, without Unsloth.
        wheels: folder of `just gpu-wheels`, or None.
    """

    def __init__(
        self, settings: Settings, out: Path, scratch: Path, rehearse: bool, wheels: Path | None
    ) -> None:
        self.settings, self.out, self.rehearse = settings, out, rehearse
        self.work = scratch
        self.began = time.monotonic()
        self.deadline = self.began + 60 * settings.minutes
        out.mkdir(parents=True, exist_ok=True)
        self.ready = machine.prepare(scratch, wheels, gpu=not rehearse)
        self.source = self.ready.source
        found = machine.probe(self.ready.gpu)
        machine.require(
            found,
            rehearse=rehearse,
            gpu_gib=settings.gpu_gib,
            disk_gib=settings.disk_gib,
            disk=scratch,
        )
        if self.source is None and not rehearse:
            raise machine.SetupError(
                "the Qwen2 vocabulary is not here. Make it with `just gpu-wheels` and pass that "
                "folder with --wheels, or name llama-cpp-python's source archive in "
                f"{machine.SOURCE_VARIABLE}."
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

    def child(
        self,
        name: str,
        module: str,
        job: dict[str, Any],
        *,
        gpu: bool,
        seconds: float | None = None,
    ) -> dict[str, Any]:
        """Run one part in a process of its own; a failure comes back as ``failed``."""
        say(f"[{time.monotonic() - self.began:5.0f} s] {name}")
        slug = name.replace(" ", "-").replace(",", "").lower()
        job_file = self.work / f"{slug}.job.json"
        job["result"] = str(self.work / f"{slug}.result.json")
        job_file.write_text(json.dumps(job), encoding="utf-8")
        used = [machine.used_memory()] if gpu else [None]

        def watch() -> None:
            if used[0] is not None:
                used.append(machine.used_memory())

        until = min(self.deadline, time.monotonic() + (seconds or 60 * self.settings.minutes))
        try:
            run_part(
                [sys.executable, "-m", f"scripts.gpu_check.{module}", str(job_file)],
                self.ready.values(gpu=gpu),
                self.work / f"{slug}.log",
                until,
                watch,
            )
        except PartError as error:
            say(f"        failed: {error}")
            return {"failed": str(error)}
        done: dict[str, Any] = json.loads(Path(job["result"]).read_text(encoding="utf-8"))
        if used[0] is not None:
            done["nvidia_smi_bytes"] = max(value or 0 for value in used) - used[0]
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
        limit = self.settings.part_seconds
        done = self.child(name, "arm", job, gpu=not self.rehearse, seconds=limit)
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
        if not self.trained(run):
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

    def trained(self, run: str) -> bool:
        """Whether a run came to its end."""
        return (self.work / run / "run.json").is_file()

    def train_tiny(self, backend: str) -> str:
        """Train the tiny base, with the plain stack where the other fails; returns the run."""
        tiny = {**self.settings.tiny, "pairs": str(self.work / "tiny-pairs.jsonl")}
        for stack in dict.fromkeys((backend, "trl")):
            self.result["tiny"] = self.train(f"tiny-{stack}", stack, tiny)
            self.write()
            if self.trained(f"tiny-{stack}"):
                break
        return f"tiny-{stack}"

    def bring(self, name: str) -> None:
        """Put the tiny base's run and GGUF where they are wanted, for the tests on a CPU."""
        run, ggufs = self.work / name, sorted((self.work / f"{name}-gguf").glob("*.gguf"))
        if (run / "run.json").is_file():
            pack(run, self.out / f"{name}.tar.gz", leave_out=("checkpoints",))
        for gguf in ggufs:
            shutil.copy(gguf, self.out / gguf.name)

    def run(self) -> int:
        """Do everything; returns the exit code."""
        settings, backend = self.settings, "trl" if self.rehearse else "unsloth"
        if self.make():
            self.arms()
            name = self.train_tiny(backend)
            self.carry(
                "tiny base",
                name,
                "tiny-documents",
                quantisations=("q8_0",),
                max_tokens=settings.max_tokens if self.rehearse else None,
            )
            self.bring(name)
            # The large one comes last: it takes longest, and all else is safe by then.
            runs = [f"arm-{number}-{name}" for number, name in enumerate(ARMS, 1)]
            runs.sort(key=lambda run: (not self.trained(run), not run.endswith(backend)))
            self.carry(
                "random weights",
                runs[0],
                "documents",
                quantisations=settings.quantisations,
                max_tokens=settings.max_tokens,
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
        write_whole(self.out / "result.json", json.dumps(self.result, indent=2) + "\n")
        write_whole(self.out / "section.md", markdown(self.result))
        write_logs(self.work, self.out / "logs.txt")


def check(given: argparse.Namespace) -> int:
    """Do what the command line says; returns the exit code."""
    settings = REHEARSAL if given.rehearse else GPU
    if given.minutes:
        settings = settings._replace(minutes=given.minutes)
    return Check(settings, given.out, given.scratch, given.rehearse, given.wheels).run()


def main() -> int:
    """Parse the command line and check."""
    return run_command(options("gpu-check", __doc__), check)


if __name__ == "__main__":
    sys.exit(main())
