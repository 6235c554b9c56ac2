"""``setaccio doctor``: does everything work on this machine, and what is to be done if not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from setaccio.cli.terminal.console import (
    fail,
    install_hint,
    output_console,
    program,
    tell_step,
    warn,
)
from setaccio.cli.terminal.exits import BROKEN_MODEL

EXAMPLE = "setaccio doctor --model my-model-q8_0.gguf"
TRAINING_PACKAGES = ("torch", "transformers", "trl", "peft", "datasets", "bitsandbytes", "unsloth")
LEAST_FREE_GIB = 1.0


def doctor(
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            "-m",
            metavar="FILE",
            help="A quantised GGUF to try; default: the default known model, where it is fetched.",
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="A Ray cluster whose machines are named, too."),
    ] = None,
) -> None:
    """Check compiler, AMX, a quantised model in a child process, versions, memory and GPU.

    The exit code is 5 when llama.cpp does not work on this processor.
    """
    from setaccio.cli.choices.model_choice import fetched_gguf
    from setaccio.models import default_base
    from setaccio.runtime.model.smoke_test import quantised_smoke, system_report

    facts = system_report()
    _show(facts, address)
    for advice in _advice(facts):
        warn(advice)
    model = model or fetched_gguf()
    if model is None:
        warn(
            "No quantised model was tried: there is none. Fetch one "
            f"({program()} models fetch {default_base().name}), or name yours with --model FILE."
        )
        return
    tell_step("Running a quantised model in a child process")
    smoke = quantised_smoke(model)
    if not smoke.ok:
        fail(smoke.message)
        raise typer.Exit(BROKEN_MODEL)
    tell_step(f"Everything works: {smoke.message}.")


def _show(facts: dict[str, Any], address: str | None) -> None:
    from rich.table import Table

    table = Table(show_header=False, box=None)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("system", f"{facts['platform']}, Python {facts['python']}")
    table.add_row("processor", f"{facts['cpu']}, {facts['cores']} physical cores usable")
    table.add_row("extensions", " ".join(facts["cpu_flags"]) or "none known")
    table.add_row("AMX", "yes" if facts["amx"] else "no")
    table.add_row("memory", f"{facts['memory_free_gib']} of {facts['memory_gib']} GiB free")
    table.add_row("GPU", _describe_gpu())
    table.add_row("llama.cpp built by", facts["compiler"] or "unknown compiler")
    table.add_row("its AMX code", facts["amx_build"].message)
    table.add_row("llama.cpp uses", facts["llama_features"])
    table.add_row("CMAKE_ARGS now", os.environ.get("CMAKE_ARGS") or "not set")
    versions = {**facts["versions"], **_training_versions()}
    table.add_row("Ray", _describe_ray(address))
    table.add_row("versions", ", ".join(f"{name} {found}" for name, found in versions.items()))
    output_console().print(table)


def _describe_ray(address: str | None) -> str:
    from setaccio.data.errors import MissingExtraError
    from setaccio.runtime.batch.ray.cluster import describe_cluster

    try:
        return describe_cluster(address)
    except MissingExtraError as error:
        if address:
            raise
        return f"absent; only extract --engine ray needs it. {install_hint(error.extra)}"


def _training_versions() -> dict[str, str]:
    from setaccio.data.files.digests import package_versions

    return {name: found or "absent" for name, found in package_versions(TRAINING_PACKAGES).items()}


def _advice(facts: dict[str, Any]) -> list[str]:
    advice = []
    if facts["amx_build"].at_risk or (facts["amx_build"].at_risk is None and not facts["amx"]):
        from setaccio.runtime.model.smoke_test import REINSTALL

        advice.append(
            f"llama.cpp's AMX code: {facts['amx_build'].message}. Before this installation is used "
            f"on a processor with AMX, run {program()} doctor there, or build it anew: {REINSTALL}"
        )
    if facts["memory_free_gib"] < LEAST_FREE_GIB:
        advice.append(
            f"Only {facts['memory_free_gib']} GiB of memory are free. Close something, or use a "
            "smaller model or --context."
        )
    if _training_versions()["torch"] == "absent":
        advice.append(f"Training and export are not installed. {install_hint('train')}")
    return advice


def _describe_gpu() -> str:
    """The NVIDIA GPU as its driver names it, or that there is none."""
    import shutil
    import subprocess

    if shutil.which("nvidia-smi") is None:
        return "none (no nvidia-smi); everything runs on the CPU"
    query = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "nvidia-smi does not answer; check the driver"
    names = "; ".join(line.strip() for line in done.stdout.splitlines() if line.strip())
    return names if done.returncode == 0 and names else "nvidia-smi sees none; check the driver"
