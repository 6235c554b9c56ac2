"""Train and export without network. Run with: pytest tests/export/test_offline_export.py"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest
from export_parts import PAIRS

# Python runs this module at the start of every process that inherits the path, children of
# children too. Each attempt to reach a network leaves a line behind, so a caught one counts too.
NO_NETWORK = """
import os, socket, sys, traceback

def refuse(what):
    def call(*args, **options):
        with open(os.environ["NETWORK_LOG"], "a") as log:
            log.write(f"{what} {args} by {sys.argv}\\n" + "".join(traceback.format_stack()))
        raise OSError("the network is off")
    return call

connect = socket.socket.connect
def only_local(self, address):
    if self.family == socket.AF_UNIX:
        return connect(self, address)
    return refuse("connect")(self, address)

socket.socket.connect = socket.socket.connect_ex = only_local
socket.getaddrinfo = refuse("getaddrinfo")
with open(os.environ["STARTED_LOG"], "a") as log:
    log.write(f"{sys.argv}\\n")
"""
TRAIN_AND_EXPORT = """
import json, sys
from pathlib import Path
from setaccio.data.records import load_pairs
from setaccio.export import export
from setaccio.train import load_config, train

job = json.load(sys.stdin)
pairs, _ = load_pairs(job["pairs"])
settings = {
    "base": job["base"], "task": "recipe", "pairs": job["pairs"], "out": job["run"],
    "max_steps": 1, "batch_size": 2, "rank": 2, "learning_rate": 0.05, "warmup": 0.0,
    "max_length": 1024, "eval_steps": 0, "save_steps": 0, "report_to": [],
    "validation_share": 0.0,
}
result = train(load_config("tiny", settings))
report = export(result.run, Path(job["out"]), quantisations=["q4_k_m"], pairs=pairs[1:],
                calibration=pairs[:1], source=Path(job["source"]))
print("EXPORTED", report.files[0].path)
"""


@pytest.fixture
def offline(tmp_path):
    """Environment of a process tree whose sockets reach nothing."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(NO_NETWORK, encoding="utf-8")
    paths = [str(folder), *(path for path in sys.path if path)]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "NETWORK_LOG": str(tmp_path / "network.log"),
        "STARTED_LOG": str(tmp_path / "started.log"),
    }


def test_the_guard_sees_an_attempt_of_a_child(offline, tmp_path):
    inner = "import urllib.request; urllib.request.urlopen('http://example.org', timeout=2)"
    outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    subprocess.run([sys.executable, "-c", outer], env=offline, capture_output=True, check=True)
    assert "getaddrinfo ('example.org'" in (tmp_path / "network.log").read_text()


@pytest.mark.slow
def test_train_to_export_reaches_for_no_network(offline, tmp_path, base, source):
    rows = [
        {"id": f"{pair.id}-{n}", "text": f"{pair.text} {n}", "gold": pair.gold}
        for n in range(3)
        for pair in PAIRS
    ]
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    copy = shutil.copytree(base, tmp_path / "base")
    job = {
        "pairs": str(pairs),
        "base": str(copy),
        "run": str(tmp_path / "run"),
        "out": str(tmp_path / "out"),
        "source": str(source),
    }
    done = subprocess.run(
        [sys.executable, "-c", TRAIN_AND_EXPORT],
        env=offline,
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "EXPORTED" in done.stdout
    started = (tmp_path / "started.log").read_text()
    for script in ("_run_converter", "_run_quantise", "_run_gguf", "_run_imatrix"):
        assert script in started  # The guard was in each child.
    assert not (tmp_path / "network.log").exists()
