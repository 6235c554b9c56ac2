"""Train and export without network. Run with: pytest tests/export/test_offline_export.py"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from export_parts import PAIRS

# Python runs this module at the start of every process that inherits the path, children of
# children too. Each attempt to reach a network leaves a line behind, so a caught one counts too;
# and so does each program that is started.
GUARD = """
import json, os, socket, sys, traceback

def note(name, line):
    with open(os.path.join(os.environ["GUARD_LOGS"], name), "a") as log:
        log.write(line + "\\n")

def refuse(what):
    def call(*args, **options):
        note("network", f"{what} {args} by {sys.argv}\\n" + "".join(traceback.format_stack()))
        raise OSError("the network is off")
    return call

connect = socket.socket.connect
def only_local(self, address):
    if self.family == socket.AF_UNIX:
        return connect(self, address)
    return refuse("connect")(self, address)

def audit(event, args):
    if event == "subprocess.Popen":
        command = args[1] if isinstance(args[1], (list, tuple)) else [args[1]]
        note("programs", json.dumps([str(part) for part in command]))
    elif event in ("os.system", "os.exec"):
        note("programs", json.dumps([str(args[0])]))

socket.socket.connect = socket.socket.connect_ex = only_local
socket.getaddrinfo = refuse("getaddrinfo")
sys.addaudithook(audit)
"""
TRAINING = {
    "task": "recipe",
    "max_steps": 1,
    "batch_size": 2,
    "rank": 2,
    "learning_rate": 0.05,
    "warmup": 0.0,
    "max_length": 1024,
    "eval_steps": 0,
    "save_steps": 0,
    "report_to": [],
    "validation_share": 0.0,
    "train_embeddings": True,
}
# They say what this machine has; none of them installs or compiles anything. The last one lists the
# fonts for matplotlib, which looks for them where it starts for the first time.
HARMLESS = {"ldconfig", "lscpu", "uname", "lspci", "nvidia-smi", "fc-list"}


@pytest.fixture
def logs(tmp_path) -> Path:
    folder = tmp_path / "logs"
    folder.mkdir()
    return folder


@pytest.fixture
def offline(tmp_path, logs):
    """Environment of a process tree whose Python sockets reach nothing."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(GUARD, encoding="utf-8")
    paths = [str(folder), *(path for path in sys.path if path)]
    fresh = {"MPLCONFIGDIR": str(tmp_path / "matplotlib"), "GUARD_LOGS": str(logs)}
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **fresh}


@pytest.fixture(scope="module")
def cut_off() -> list[str]:
    """A prefix that takes the network from native code too, where the kernel lets users do so."""
    prefix = ["unshare", "--map-root-user", "--net"]
    if shutil.which(prefix[0]) is None:
        return []
    tried = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    return prefix if tried.returncode == 0 else []


def setaccio(arguments, env, prefix):
    command = [*prefix, sys.executable, "-m", "setaccio.cli.main", *map(str, arguments)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def test_the_guard_sees_an_attempt_of_a_child(offline, logs):
    inner = "import urllib.request; urllib.request.urlopen('http://example.org', timeout=2)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    subprocess.run([sys.executable, "-c", outer], env=offline, capture_output=True, check=True)
    assert "getaddrinfo ('example.org'" in (logs / "network").read_text()
    assert json.loads((logs / "programs").read_text())[1:] == ["-c", inner]


def test_the_network_is_really_off(cut_off):
    if not cut_off:
        pytest.skip("this kernel lets no user unshare the network")
    listed = subprocess.run(
        [*cut_off, "cat", "/proc/net/route"], capture_output=True, text=True, check=False
    )
    assert len(listed.stdout.splitlines()) <= 1  # A header at most: no way leads anywhere.


@pytest.mark.slow
def test_train_to_export_reaches_for_no_network_and_no_tool(
    offline, logs, cut_off, tmp_path, base, source
):
    """The converter comes from the cache or the variable; nothing else is wanted from anywhere."""
    assert source.is_dir()
    rows = [
        {"id": f"{pair.id}-{n}", "text": f"{pair.text} {n}", "gold": pair.gold}
        for n in range(3)
        for pair in PAIRS
    ]
    for name, part in (("train", rows), ("held", rows[4:])):
        text = "".join(json.dumps(row) + "\n" for row in part)
        (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
    files = {
        "base": str(shutil.copytree(base, tmp_path / "base")),
        "pairs": str(tmp_path / "train.jsonl"),
        "out": str(tmp_path / "run"),
    }
    config = tmp_path / "run.yaml"
    config.write_text(json.dumps({**TRAINING, **files}), encoding="utf-8")  # JSON is YAML.

    setaccio(["train", "--config", config], offline, cut_off)
    files = ["--pairs", tmp_path / "held.jsonl", "--imatrix", tmp_path / "train.jsonl"]
    arguments = ["export", tmp_path / "run", "--quant", "q4_k_m", "--out", tmp_path / "out"]
    done = setaccio([*arguments, *files], offline, cut_off)

    assert "run-q4_k_m.gguf" in done.stdout
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "Trained whole beside the adapter: embed_tokens" in card
    assert "Training pairs: 6" in card
    assert not (logs / "network").exists(), (logs / "network").read_text()
    programs = [json.loads(line) for line in (logs / "programs").read_text().splitlines()]
    ours = [command for command in programs if command[0] == sys.executable]
    scripts = {Path(command[1]).name for command in ours if len(command) > 1}
    assert scripts == {
        "_run_converter.py", "_run_quantise.py", "_ask_llama.py", "_run_imatrix.py",
    }  # fmt: skip
    others = {Path(command[0].split()[0]).name for command in programs if command not in ours}
    assert others <= HARMLESS, others
