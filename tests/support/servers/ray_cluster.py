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
        self.address = f"127.0.0.1:{free_port()}"
        self.started: list[subprocess.Popen[bytes]] = []
        self._program = program or "from ray.scripts.scripts import main; main()"
        port = self.address.rpartition(":")[2]
        head = ["--head", "--port", port, "--num-cpus", "0", "--include-dashboard=false"]
        try:
            self._start(*head, "--temp-dir", str(self.folder))
            self._wait(lambda: socket.create_connection(("127.0.0.1", int(port)), 1).close())
            for number in range(nodes):
                self._join(number + 2)
        except BaseException:
            self.close()
            raise

    def _start(self, *arguments: str) -> None:
        command = [sys.executable, "-c", self._program, "start", "--block", *arguments]
        command += [
            "--node-ip-address",
            "127.0.0.1",
            "--object-store-memory",
            str(STORE),
            "--disable-usage-stats",
        ]
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

    def _wait(self, attempt: object) -> None:
        until = time.monotonic() + _PATIENCE
        while True:
            try:
                attempt()
            except OSError:
                if time.monotonic() > until or self.started[-1].poll() is not None:
                    raise
                time.sleep(0.2)
            else:
                return

    def _join(self, count: int) -> None:
        """Start a node, and wait until so many are there; once more where Ray gave it up."""
        until = time.monotonic() + _PATIENCE
        self._start("--address", self.address, "--num-cpus", "1")
        while not self._has(count):
            assert time.monotonic() < until, "Ray's nodes do not start"
            if self.started[-1].poll() is not None:
                self._start("--address", self.address, "--num-cpus", "1")

    def _has(self, count: int) -> bool:
        command = [sys.executable, "-c", _COUNT, self.address, str(count)]
        try:
            return not subprocess.run(
                command, env=ray_environment(), capture_output=True, timeout=60, check=False
            ).returncode
        except subprocess.TimeoutExpired:
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
