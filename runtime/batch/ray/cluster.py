"""A Ray cluster: one that is there, or one on this machine; what it has, and whether it can work.

Nothing is sent to Ray's makers: its usage statistics are switched off before it is loaded.
"""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from setaccio.data.errors import (
    MissingExtraError,
    ModelError,
    SetaccioError,
    UsageError,
    short_reason,
)
from setaccio.data.files.digests import package_versions
from setaccio.models import verified_sha256
from setaccio.runtime.model.load import physical_cores

PATIENCE = 5.0
"""Seconds in which a cluster's address must answer."""

LOOK_SECONDS = 120.0
"""Seconds in which each machine must say that it has the files."""

OBJECT_STORE = 256 << 20
"""Bytes of shared memory for a cluster on this machine: documents on their way need little."""

_CLIENT = "ray://"
_SAME = ("setaccio", "llama-cpp-python", "llguidance")
_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",  # as `extract` itself; Ray's default is 15
}


class Node(NamedTuple):
    """A machine of the cluster that computes.

    Attributes:
        id: Ray's.
        address: its IP address.
        cpus: that Ray may use.
    """

    id: str
    address: str
    cpus: int


@contextmanager
def connect(address: str | None = None, *, cpus: int | None = None) -> Iterator[list[Node]]:
    """Join a cluster, or start one on this machine that ends with the ``with`` statement.

    Args:
        address: ``HOST:PORT`` of a cluster that this machine is a node of.
        cpus: of a cluster on this machine; by default its physical cores.

    Yields:
        The machines that compute.

    Raises:
        MissingExtraError: Ray is not installed.
        SetaccioError: Ray does not start here.
        UsageError: nothing answers at the address, it is another version of Ray, this machine is no
            node of it, or it has no machine that computes.
    """
    ray = load_ray()
    joined = ray.is_initialized()
    if not joined:
        quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
        if address is None:
            _start(ray, cpus or physical_cores(), quiet)
        else:
            _join(ray, address, quiet)
    try:
        yield _nodes(ray, address)
    finally:
        if not joined:
            ray.shutdown()


def load_ray() -> Any:
    """Import Ray with its usage statistics off and its workers as urgent as other programs.

    Raises:
        MissingExtraError: it is not installed.
    """
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ModuleNotFoundError as error:
        raise MissingExtraError("ray", (error.name or "ray").partition(".")[0]) from error
    return ray


def _start(ray: Any, cpus: int, quiet: dict[str, Any]) -> None:
    store = {"include_dashboard": False, "object_store_memory": OBJECT_STORE}
    try:
        with _silence():
            # Without "local" it would join a cluster that runs here, or that RAY_ADDRESS names.
            ray.init(address="local", num_cpus=cpus, **store, **quiet)
    except Exception as error:  # Ray has no class of its own for these
        raise SetaccioError(
            f"Ray does not start on this machine ({short_reason(error)}). Is it very busy, or is "
            "shared memory full? Try again, or name a cluster with --address."
        ) from error


@contextmanager
def _silence() -> Iterator[None]:
    """Let Ray's native code print nothing while it starts: it says at which level it logs."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _join(ray: Any, address: str, quiet: dict[str, Any]) -> None:
    if address.startswith(_CLIENT):
        raise UsageError(
            f"--address {address}: is that of a client. Start the job on a machine of the cluster, "
            "with HOST:PORT as `ray start` shows it."
        )
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), PATIENCE).close()
    except (OSError, ValueError, OverflowError) as error:
        raise UsageError(
            f"--address {address}: nothing answers there ({short_reason(error)}). Start a cluster "
            "(ray start --head), or leave the flag out for one on this machine."
        ) from error
    try:
        with _silence():
            ray.init(address=address, **quiet)
    except Exception as error:  # Ray has no class of its own for these
        said = short_reason(error)
        if "ersion mismatch" in said:
            raise UsageError(
                f"--address {address}: the cluster runs another version of Ray or Python than this "
                f"machine ({said}). Install the same on both."
            ) from error
        raise UsageError(
            f"--address {address}: Ray can not join ({said}). This machine must be a node of the "
            f"cluster (ray start --address={address}), and a cluster that asks for a token needs "
            "RAY_AUTH_MODE=token here too."
        ) from error


def _nodes(ray: Any, address: str | None) -> list[Node]:
    found = [
        Node(node["NodeID"], node["NodeManagerAddress"], int(node["Resources"]["CPU"]))
        for node in ray.nodes()
        if node["Alive"] and node["Resources"].get("CPU", 0) >= 1
    ]
    if not found:
        where = f"--address {address}" if address else "Ray"
        raise UsageError(f"{where}: the cluster has no machine with a CPU. Add one: ray start")
    return found


def describe_cluster(address: str | None = None) -> str:
    """Version and resources of a cluster, or of what one on this machine would have.

    Args:
        address: ``HOST:PORT`` of a cluster that this machine is a node of.

    Raises:
        MissingExtraError: Ray is not installed.
        UsageError: as for :func:`connect`.
    """
    known = package_versions(["ray"])["ray"]
    if known is None:
        raise MissingExtraError("ray", "ray")
    if address is None:
        return f"{known}; no cluster asked for, here {physical_cores()} CPUs and {_shared()}"
    with connect(address) as nodes:
        import ray

        found = ray.cluster_resources()
    cpus = sum(node.cpus for node in nodes)
    memory, store = (found.get(name, 0) / 2**30 for name in ("memory", "object_store_memory"))
    return (
        f"{known}; {address}: {len(nodes)} machines that compute, {cpus} CPUs, "
        f"{memory:.1f} GiB memory, {store:.1f} GiB object store"
    )


def _shared() -> str:
    """Free shared memory, in which Ray keeps what it hands out."""
    shared = Path("/dev/shm")  # noqa: S108
    if not shared.is_dir():
        return "no shared memory"
    return f"{shutil.disk_usage(shared).free / 2**30:.1f} GiB of shared memory"


class Plan(NamedTuple):
    """How the cluster's CPUs are used.

    Attributes:
        workers: copies of the model.
        threads: of each.
    """

    workers: int
    threads: int


def plan_workers(nodes: list[Node], workers: int | None, threads: int | None) -> Plan:
    """How many copies of the model, each with how many threads.

    Args:
        nodes: from :func:`connect`.
        workers: asked for; by default as many as there is room for.
        threads: asked for; by default those of the smallest machine, so that each has one copy, or
            what ``workers`` leave for each.

    Raises:
        UsageError: there is no room for so many.
    """
    least, total = min(node.cpus for node in nodes), sum(node.cpus for node in nodes)
    if threads is None:
        threads = least if workers is None else max(1, min(least, total // workers))
    room = sum(node.cpus // threads for node in nodes)
    workers = room if workers is None else workers
    if not 0 < workers <= room:
        raise UsageError(
            f"{workers or 'No'} workers of {threads} threads: the cluster's {len(nodes)} machines "
            f"({total} CPUs) have room for {room}. Ask for fewer, or add machines."
        )
    return Plan(workers, threads)


def look(files: dict[str, str]) -> tuple[dict[str, str | None], str]:
    """What a machine has: versions, and what is wrong with the files, empty where nothing is.

    Args:
        files: SHA-256 by path.
    """
    for path, digest in files.items():
        if not Path(path).is_file():
            return package_versions(_SAME), f"{path}: no such file"
        if verified_sha256(Path(path)) != digest:
            return package_versions(_SAME), f"{path}: is another file (its SHA-256 differs)"
    return package_versions(_SAME), ""


def check_nodes(nodes: list[Node], files: dict[str, str]) -> None:
    """Check that every machine has the same versions and the same model.

    Args:
        nodes: from :func:`connect`.
        files: SHA-256 by path of what workers load.

    Raises:
        UsageError: Setaccio can not be loaded on a machine, or is another version there.
        ModelError: a machine lacks a file, or has another one; names both.
    """
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    task = ray.remote(num_cpus=0, max_retries=1)(look)
    asked = [
        task.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False)
        ).remote(files)
        for node in nodes
    ]
    own = package_versions(_SAME)
    for node, answer in zip(nodes, asked, strict=True):
        try:
            found, wrong = ray.get(answer, timeout=LOOK_SECONDS)
        except ray.exceptions.RayError as error:
            raise UsageError(
                f"node {node.address}: Setaccio does not run there ({short_reason(error)}). "
                f"Install version {version('setaccio')} with the extra 'ray' on every machine."
            ) from error
        if found != own:
            other = [f"{n} {found[n]}, here {own[n]}" for n in _SAME if found[n] != own[n]]
            raise UsageError(f"node {node.address}: {'; '.join(other)}. Install the same on both.")
        if wrong:
            raise ModelError(f"node {node.address}: {wrong}. Copy the file to the same path there.")
