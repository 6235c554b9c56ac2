"""Servers under test, each a process of its own on a free port of the loopback."""

from __future__ import annotations

import importlib.util
import json
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import httpx
import psutil

from benchmarks.measure import environment
from benchmarks.subjects import Subject
from setaccio.data.errors import SetaccioError

OURS, XLLAMACPP, LLAMA_CPP_PYTHON = "setaccio serve", "xllamacpp", "llama-cpp-python"
PEERS = {XLLAMACPP: "xllamacpp", LLAMA_CPP_PYTHON: "llama_cpp.server"}
"""llama.cpp's servers by their names, each with the module that must be there."""

_PATIENCE = 300.0
_PEER = """
import json, sys, xllamacpp
given = json.loads(sys.argv[1])
parameters = xllamacpp.CommonParams()
parameters.model.path = given["model"]
if given["adapter"]:
    parameters.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(given["adapter"], 1.0)]
parameters.n_parallel = given["slots"]
parameters.n_ctx = given["context"] * given["slots"]
parameters.kv_unified = False
parameters.fit_params = False
parameters.cache_ram_mib = 0
parameters.n_gpu_layers = 0
parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = given["threads"]
parameters.verbosity = 1
parameters.port = 0
server = xllamacpp.Server(parameters)
print(f"at {server.listening_address} ", file=sys.stderr, flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Setting:
    """What a server is started with.

    Attributes:
        subject: the model.
        slots: answers decoded at once, where a server can.
        threads: threads that compute.
        context: tokens of context for each slot.
    """

    subject: Subject
    slots: int
    threads: int
    context: int


@dataclass(frozen=True)
class Running:
    """A server that answers.

    Attributes:
        url: its address.
        process: its process.
        log: what it writes.
    """

    url: str
    process: psutil.Process
    log: Path

    def memory(self) -> int:
        """Resident bytes of the process and those that it started."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(each.memory_info().rss for each in family)

    @property
    def faults(self) -> int:
        """Tracebacks in its log."""
        return self.log.read_text("utf-8", "replace").count("Traceback")


def is_there(name: str) -> bool:
    """Whether a server's package is installed."""
    return importlib.util.find_spec(PEERS[name].partition(".")[0]) is not None


@contextmanager
def serving(name: str, setting: Setting) -> Iterator[Running]:
    """Run a server until the block ends.

    Args:
        name: :data:`OURS` or one of :data:`PEERS`.
        setting: model, slots, threads.

    Raises:
        SetaccioError: it does not start.
    """
    command, port = _command(name, setting)
    with tempfile.TemporaryDirectory(prefix="serving-") as folder:
        log = Path(folder) / "log"
        with log.open("w") as words:
            child = _start(command, folder, words)
            try:
                yield Running(_address(child, log, port), psutil.Process(child.pid), log)
            finally:
                child.terminate()
                try:
                    child.wait(_PATIENCE)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()


def _start(command: Sequence[str], folder: str, words: TextIO) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=words,
        stderr=words,
        cwd=folder,
        env=environment(),
    )


def _command(name: str, setting: Setting) -> tuple[list[str], int]:
    """Python's arguments, and the port where it was chosen here."""
    of = setting.subject
    numbers = {"slots": setting.slots, "threads": setting.threads, "context": setting.context}
    if name == XLLAMACPP:
        given = {"model": of.gguf, "adapter": of.adapter, **numbers}
        return ["-c", _PEER, json.dumps(given)], 0
    if name == LLAMA_CPP_PYTHON:
        port = _free_port()
        command = ["-m", "llama_cpp.server", "--model", of.gguf, "--port", str(port)]
        command += ["--n_ctx", str(setting.context), "--n_threads", str(setting.threads)]
        command += ["--n_threads_batch", str(setting.threads)]
        return [*command, *(["--lora_path", of.adapter] if of.adapter else [])], port
    command = ["-m", "setaccio.cli.main", "serve", of.gguf, "--port", "0"]
    command += [*(["--adapter", f"{of.name}={of.adapter}"] if of.adapter else [])]
    command += ["--parallel", str(setting.slots), "--threads", str(setting.threads)]
    return [*command, "--context", str(setting.context)], 0


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _address(child: subprocess.Popen[bytes], log: Path, port: int) -> str:
    """Where it listens, as soon as it answers."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and child.poll() is None:
        said = re.search(r"at (http://\S+) ", log.read_text("utf-8", "replace"))
        url = f"http://127.0.0.1:{port}" if port else said[1] if said else ""
        if url and _answers(url):
            return url
        time.sleep(0.1)
    raise SetaccioError(f"the server did not start: {log.read_text('utf-8', 'replace')[-300:]}")


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/v1/models", timeout=10).status_code == 200
    except httpx.TransportError:
        return False
