"""A real Ray cluster on loopback: a head that computes nothing, and nodes of one CPU each."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from cli_process import environment

STORE = 80 << 20
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(16),
}
_PATIENCE = 300.0
_COUNT = """
import sys, time, ray
ray.init(address=sys.argv[1])
until = time.monotonic() + 20
while (found := sum(node["Alive"] for node in ray.nodes())) < int(sys.argv[2]):
    if time.monotonic() > until:
        break
    time.sleep(0.2)
sys.exit(found < int(sys.argv[2]))
"""


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RayCluster:
    """Starts with `ray start`, ends by the process ids that it started."""

    def __init__(self, nodes: int, *, program: str | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rt", dir="/tmp"))
        self.address = ""
        self.started: list[subprocess.Popen[bytes]] = []
        self._foreign = program is not None
        self._program = program or "from ray.scripts.scripts import main; main()"
        try:
            self._bring(1, self._head)
            for number in range(nodes):
                self._bring(number + 2, self._node)
        except BaseException:
            self.close()
            raise

    def _start(self, *arguments: str) -> None:
        command = [sys.executable, "-c", self._program, "start", "--block", *arguments]
        command += ["--object-store-memory", str(STORE), "--disable-usage-stats"]
        self.started.append(
            subprocess.Popen(
                command,
                env=environment(**SETTINGS),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )

    def _head(self) -> None:
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        head = ["--head", "--port", str(port), "--num-cpus", "0", "--include-dashboard=false"]
        self._start(*head, "--temp-dir", str(self.folder))

    def _node(self) -> None:
        self._start("--address", self.address, "--num-cpus", "1")

    def _bring(self, count: int, start: Callable[[], None]) -> None:
        """Start a node and wait until so many are there; anew where Ray, on a busy machine, gave up
        its own start after its 30 seconds."""
        until = time.monotonic() + _PATIENCE
        start()
        while not self._has(count):
            assert time.monotonic() < until, "Ray's nodes do not start"
            if self.started[-1].poll() is not None:
                start()

    def _has(self, count: int) -> bool:
        command = [sys.executable, "-c", _COUNT, self.address, str(count)]
        try:
            if self._foreign:  # which this version of Ray can not ask
                host, _, port = self.address.rpartition(":")
                socket.create_connection((host, int(port)), 1).close()
                return True
            return not subprocess.run(
                command, env=ray_environment(), capture_output=True, timeout=60, check=False
            ).returncode
        except (OSError, subprocess.TimeoutExpired):
            time.sleep(0.2)
            return False

    def processes(self) -> list[psutil.Process]:
        """Everything that was started for the cluster and still runs."""
        found = []
        for process in self.started:
            with contextlib.suppress(psutil.NoSuchProcess):
                one = psutil.Process(process.pid)
                found += [one, *one.children(recursive=True)]
        return found

    def workers(self) -> list[psutil.Process]:
        """Processes of actors that hold a model."""
        found = []
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                if process.cmdline()[:1] and process.cmdline()[0].startswith("ray::MapWorker"):
                    found.append(process)
        return found

    def close(self) -> None:
        """End what was started."""
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.kill()
        for process in self.started:
            process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> RayCluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def ray_environment(**extra: str) -> dict[str, str]:
    """For a driver: quiet, and without a cluster that the shell may know."""
    return {
        name: value
        for name, value in environment(**SETTINGS, **extra).items()
        if name != "RAY_ADDRESS" and os.fspath(value)
    }
