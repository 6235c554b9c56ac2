"""A job on a real cluster whose workers and driver are killed: every document has its one row.

Run: pytest tests/cli/extract/test_extract_ray.py (without -m "not slow" twenty long runs more)
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from cli_process import COMMAND
from test_extract_batch import SCHEMA

pytest.importorskip("ray", reason="Ray is not installed: pip install '.[ray]'")
from ray_cluster import RayCluster, free_port, ray_environment

Call = Callable[..., "subprocess.CompletedProcess[str]"]
LONG, RUNS = 2000, 20
SHORT = 200
PATIENCE = 400.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    with RayCluster(2) as found:
        yield found


@pytest.fixture
def call(tmp_path: Path, gguf: Path, cluster: RayCluster) -> Call:
    """`setaccio extract` in an empty folder, on the cluster unless an address is given."""
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMA))

    def run(*arguments: object, **how: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(gguf, *arguments),
            cwd=tmp_path,
            env=ray_environment(),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            **how,
        )

    return run


def command(gguf: Path, *arguments: object) -> list[str]:
    flags = ["--model", gguf, "--schema", "schema.json", "--parallel", "4"]
    return list(map(str, [*COMMAND, "extract", *arguments, *flags]))


def on(cluster: RayCluster) -> list[str]:
    where = ["--engine", "ray", "--address", cluster.address]
    return [*where, "--workers", "2", "--threads-per-worker", "1"]


def write_documents(path: Path, count: int) -> None:
    lines = [json.dumps({"id": f"d{i}", "text": f"Beat {i} eggs."}) for i in range(count)]
    lines[count // 2] = '{"id": "broken"'
    path.write_text("\n".join(lines))


def rows_of(path: Path) -> dict[str, dict[str, Any]]:
    """Rows by id without what the clock says; each id is there once."""
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    found = {row["id"]: {k: v for k, v in row.items() if k != "seconds"} for row in rows}
    assert len(found) == len(rows)
    return found


def journal_of(folder: Path) -> Path:
    (found,) = folder.glob("rows-*.jsonl")
    return found


def written(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("rows-*.jsonl"))


class Job:
    """A driver of its own, watched while it works."""

    def __init__(self, folder: Path, gguf: Path, cluster: RayCluster, out: Path) -> None:
        self.cluster = cluster
        self.out = out
        arguments = ("docs.jsonl", *on(cluster), "--out", out, "--resume")
        self.said = folder / "said.txt"
        with self.said.open("ab") as log:
            self.driver = subprocess.Popen(
                command(gguf, *arguments), cwd=folder, env=ray_environment(), stderr=log
            )

    def wait_for(self, rows: int) -> None:
        until = time.monotonic() + PATIENCE
        while written(self.out) < rows and self.driver.poll() is None:
            assert time.monotonic() < until, self.said.read_text()
            time.sleep(0.02)

    def kill_worker(self, chance: random.Random) -> bool:
        """Kill a worker; False where none is there, as while one is being replaced."""
        workers = self.cluster.workers()
        if not workers:
            return False
        try:
            chance.choice(workers).send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            return False
        return True

    def end(self) -> int:
        return self.driver.wait(timeout=PATIENCE)


def survive(
    folder: Path, gguf: Path, cluster: RayCluster, count: int, chance: random.Random
) -> int:
    """Kill a worker, the driver, and a worker of the job that goes on; how many were hit."""
    out = folder / "out"
    job = Job(folder, gguf, cluster, out)
    first, second, third = sorted(chance.sample(range(1, count * 9 // 10), 3))
    job.wait_for(first)
    hit = job.kill_worker(chance)
    job.wait_for(second)
    job.driver.send_signal(signal.SIGKILL)
    job.end()
    assert 0 < written(out) < count
    job = Job(folder, gguf, cluster, out)
    job.wait_for(third)
    hit += job.kill_worker(chance)
    assert job.end() == 1, job.said.read_text()  # the broken line
    assert f"{count - written_before(job)} " in job.said.read_text()
    return hit


def written_before(job: Job) -> int:
    """How many documents the last driver found done."""
    return int(job.said.read_text().rpartition(" were done before")[0].rpartition(" ")[2])


def check(folder: Path, count: int, single: Path) -> None:
    rows = rows_of(journal_of(folder / "out"))
    assert len(rows) == count
    assert rows == rows_of(single)


def test_a_worker_and_the_driver_are_killed(
    tmp_path: Path, gguf: Path, cluster: RayCluster, call: Call
) -> None:
    write_documents(tmp_path / "docs.jsonl", SHORT)
    assert call("docs.jsonl", "--threads", 1, "--out", "one.jsonl").returncode == 1
    assert survive(tmp_path, gguf, cluster, SHORT, random.Random(3)) > 0
    check(tmp_path, SHORT, tmp_path / "one.jsonl")
    again = call("docs.jsonl", *on(cluster), "--out", "out", "--resume")
    assert again.returncode == 1
    assert f"{SHORT} were done before" in again.stderr
    check(tmp_path, SHORT, tmp_path / "one.jsonl")


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory, gguf: Path) -> Path:
    """The long job's rows from one process."""
    folder = tmp_path_factory.mktemp("single")
    (folder / "schema.json").write_text(json.dumps(SCHEMA))
    write_documents(folder / "docs.jsonl", LONG)
    arguments = ("docs.jsonl", "--threads", 1, "--out", "one.jsonl")
    done = subprocess.run(command(gguf, *arguments), cwd=folder, env=ray_environment(), check=False)
    assert done.returncode == 1
    return folder / "one.jsonl"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(RUNS))
def test_any_moment_of_death_leaves_every_document_its_one_row(
    tmp_path: Path, gguf: Path, cluster: RayCluster, call: Call, single: Path, seed: int
) -> None:
    write_documents(tmp_path / "docs.jsonl", LONG)
    survive(tmp_path, gguf, cluster, LONG, random.Random(seed))
    check(tmp_path, LONG, single)


def test_parquet_in_and_out_and_another_option_begins_anew(
    tmp_path: Path, cluster: RayCluster, call: Call
) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    texts = [f"Beat {i} eggs." for i in range(20)]
    parquet.write_table(pa.table({"id": range(20), "text": texts}), tmp_path / "docs.parquet")
    done = call("docs.parquet", *on(cluster), "--out", "out", "--format", "parquet")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "Statuses: ok 20." in done.stderr
    assert "ray" not in done.stderr.replace("Ray: 2 workers", "")
    table = parquet.read_table(tmp_path / "out").to_pylist()
    (journal,) = (tmp_path / "out").glob("_rows-*.jsonl")
    rows = {row["id"]: row for row in map(json.loads, journal.read_text().splitlines())}
    assert sorted(rows) == sorted(map(str, range(20)))
    absent = {"review": None, "risk": None, "thought": None}  # columns there, keys in no row here
    for row in table:
        nested = {name: json.loads(row[name]) for name in ("data", "confidence", "spans")}
        assert {**absent, **rows[row["id"]], "removed": 0} == {**row, **nested, "removed": 0}
    (former,) = (tmp_path / "out").glob("rows-*.parquet")
    other = ["docs.parquet", *on(cluster), "--out", "out", "--max-tokens", "30"]
    refused = call(*other)
    assert refused.returncode == 2
    assert "holds another job's parts (max_tokens: None, now 30)" in refused.stderr
    anew = call(*other, "--resume")
    assert anew.returncode == 0, anew.stderr
    assert "out: begins anew." in anew.stderr
    assert len(rows_of(journal_of(tmp_path / "out"))) == 20
    assert (tmp_path / "out" / f"_{former.name}").exists()


def test_bad_input_is_one_line(tmp_path: Path, gguf: Path, cluster: RayCluster, call: Call) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    write_documents(tmp_path / "docs.jsonl", 4)
    parquet.write_table(pa.table({"body": ["a"]}), tmp_path / "no.parquet")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    nobody = f"127.0.0.1:{free_port()}"
    elsewhere = ["--engine", "ray", "--address", nobody, "--out", "out"]
    cases = [
        (["docs.jsonl", *elsewhere], 2, f"--address {nobody}: nothing answers there"),
        (
            ["docs.jsonl", "--engine", "ray", "--address", "ray://x:1", "--out", "out"],
            2,
            "a client",
        ),
        (["docs.jsonl", *on(cluster), "--workers", 9, "--out", "out"], 2, "have room for 2"),
        (["docs.jsonl", *on(cluster), "--out", "full"], 2, "full: holds other files"),
        (["no.parquet", *on(cluster), "--out", "out"], 4, "no.parquet: no column 'text'"),
        (["none.jsonl", *on(cluster), "--out", "out"], 2, "none.jsonl: no such file"),
        (["docs.jsonl", *on(cluster)], 2, "writes into a folder here"),
        (["docs.jsonl", *on(cluster), "--shard", "1/2", "--out", "out"], 2, "exclude each other"),
        (["docs.jsonl", *on(cluster), "--threads", 1, "--out", "out"], 2, "--threads-per-worker"),
        (["docs.jsonl", *on(cluster), "--text-out", "t", "--out", "out"], 2, "--text-out needs"),
        (["docs.jsonl", "--workers", 2, "--out", "out"], 2, "Add --engine ray"),
    ]
    for arguments, code, said in cases:
        done = call(*arguments)
        lines = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
        assert (done.returncode, len(lines)) == (code, 1), (arguments, done.stderr)
        assert said in lines[0], (arguments, done.stderr)
    assert (tmp_path / "full" / "thesis.txt").read_text() == "mine"
    assert not (tmp_path / "out").exists()


def test_a_node_without_the_model_is_named(tmp_path: Path, cluster: RayCluster) -> None:
    from setaccio.data.errors import ModelError
    from setaccio.runtime.batch.ray.cluster import check_nodes, connect

    with connect() as nodes:  # a cluster of this process
        with pytest.raises(
            ModelError, match=rf"node {nodes[0].address}: /none\.gguf: no such file"
        ):
            check_nodes(nodes, {"/none.gguf": "0"})
        (tmp_path / "other.gguf").write_text("another")
        with pytest.raises(ModelError, match="is another file"):
            check_nodes(nodes, {str(tmp_path / "other.gguf"): "0"})


def test_another_version_of_ray_is_named(tmp_path: Path, gguf: Path, call: Call) -> None:
    write_documents(tmp_path / "docs.jsonl", 4)
    old = "import ray; ray.__version__ = '2.0.0'; from ray.scripts.scripts import main; main()"
    with RayCluster(0, program=old) as other:
        flags = ["--engine", "ray", "--address", other.address, "--out", "out"]
        done = call("docs.jsonl", *flags)
    assert done.returncode == 2
    assert "the cluster runs another version of Ray" in done.stderr
    assert "2.0.0" in done.stderr


def test_doctor_names_version_and_resources(
    tmp_path: Path, gguf: Path, cluster: RayCluster
) -> None:
    import ray

    arguments = [*COMMAND, "doctor", "--model", str(gguf), "--address", cluster.address]
    done = subprocess.run(
        arguments, env=ray_environment(COLUMNS="200"), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert f"{ray.__version__}; {cluster.address}: 2 machines that compute, 2 CPUs," in said
