"""The GPU check, as far as a CPU shows it. Run with: pytest tests/train/test_gpu_check.py"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from scripts import gpu_wheels, wheel_tools
from scripts.gpu_check import machine
from scripts.gpu_check.compare import RELATIVE, compare, smooth, spread
from scripts.gpu_check.parts import PartError, pack, run_part
from scripts.gpu_check.report import markdown
from scripts.gpu_check.settings import ARMS, GPU, REHEARSAL

from setaccio.data.errors import ExportError
from setaccio.export.gguf.llamacpp_source import vocabulary_file

ROOT = Path(__file__).parents[2]
CUDA = {"gpu": "A GPU", "bf16": True, "free_bytes": 80 * 2**30, "total_bytes": 80 * 2**30}
CURVE = [12.0 - 0.1 * step for step in range(30)]


def arm(backend: str, *, shift: float = 0.0, seconds: float = 10.0, peak: int = 10) -> dict:
    return {
        "backend": backend,
        "losses": [loss + shift for loss in CURVE],
        "timed_tokens": 30_000,
        "timed_seconds": seconds,
        "load_seconds": 1.0,
        "warm_up_seconds": 2.0,
        "peak_bytes": peak * 2**30,
        "peak_allocated_bytes": peak * 2**30,
        "peak_with_load_bytes": peak * 2**30,
        "nvidia_smi_bytes": peak * 2**30,
    }


def both(**unsloth) -> dict:
    arms = [arm(name, **(unsloth if name == "unsloth" else {})) for name in ARMS]
    return compare(arms, 1.5, 0.7)


def found(**versions) -> dict:
    return {"versions": dict.fromkeys(machine.GPU_PACKAGES, "1") | versions, "cuda": CUDA}


def test_smoothing_and_spread():
    assert smooth([1.0, 2.0, 3.0, 4.0], 2) == [1.0, 1.5, 2.5, 3.5]
    assert spread([[1.0, 1.0], [1.0, 2.0]]) == 0.5
    assert spread([[1.0, 2.0]]) == 0.0


def test_curves_that_differ_by_rounding_overlap():
    curves = both(shift=0.5 * RELATIVE * CURVE[-1])["curves"]
    assert curves["overlap"]
    assert curves["steps"] == len(CURVE)
    assert curves["first_step_difference"] == pytest.approx(0.5 * RELATIVE * CURVE[-1])


@pytest.mark.parametrize("shift", [3 * RELATIVE * CURVE[0], float("nan")])
def test_curves_that_differ_by_more_do_not(shift):
    assert not both(shift=shift)["curves"]["overlap"]


def test_a_run_that_ended_early_does_not_overlap():
    arms = [arm(name) for name in ARMS]
    for short in (arms[0], arms[3]):
        short["losses"] = short["losses"][:10]
    assert not compare(arms, 1.5, 0.7)["curves"]["overlap"]


@pytest.mark.parametrize(
    ("seconds", "peak", "met"), [(5.0, 6, (True, True)), (8.0, 9, (False, False))]
)
def test_targets(seconds, peak, met):
    targets = both(seconds=seconds, peak=peak)["targets"]
    assert targets["speed_ratio"] == pytest.approx(10 / seconds)
    assert targets["memory_ratio"] == pytest.approx(peak / 10)
    assert (targets["speed_met"], targets["memory_met"]) == met


def test_memory_in_use_decides_and_reserved_memory_is_told():
    arms = [arm(name, peak=10) for name in ARMS]
    for ours in (arms[0], arms[3]):
        ours["peak_allocated_bytes"] = 6 * 2**30
    targets = compare(arms, 1.5, 0.7)["targets"]
    assert targets["memory_ratio"] == pytest.approx(0.6) and targets["memory_met"]
    assert targets["reserved_ratio"] == pytest.approx(1.0)


def test_one_stack_alone_is_not_compared():
    arms = [arm("trl"), {"backend": "unsloth", "skipped": "no GPU"}, {"backend": "trl"}]
    result = compare(arms, 1.5, 0.7)
    assert result["targets"] is None and result["curves"] is None
    assert result["stacks"]["trl"]["tokens_per_second"] == 3000


def test_report_says_what_was_met_and_what_failed():
    settings = GPU._asdict()
    result = {
        "kind": "gpu",
        "date": "2031-02-03T00:00:00+00:00",
        "machine": {"system": "Linux", "cores": 4, "python": "3.12.3", "versions": {}, **CUDA},
        "settings": settings,
        "model": None,
        "arms": [{"backend": "trl", "failed": "out of memory"}],
        "comparison": both(seconds=5.0, peak=9),
        "carried": {"random weights": {"skipped": "skipped: arm-1 did not finish"}},
        "seconds": 99.0,
    }
    text = markdown(result)
    assert "### GPU run, 2031-02-03" in text
    assert "2.00 x the plain stack's tokens/s (target >= 1.5): met" in text
    assert "0.90 x the plain stack's (target <= 0.7): NOT met" in text
    assert "out of memory" in text and "arm-1 did not finish" in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"versions": {**found()["versions"], "unsloth": None}}, "unsloth is not installed"),
        ({"cuda": {}}, "no CUDA GPU.*--rehearse"),
        ({"cuda": {**CUDA, "bf16": False}}, "no bf16"),
        ({"compiler": False}, "no C compiler"),
        ({"cuda": {**CUDA, "free_bytes": 2**30}}, "1.0 GiB of GPU memory are free, 14"),
    ],
)
def test_wrong_machines_are_refused_in_one_line(change, said):
    with pytest.raises(machine.SetupError, match=said) as caught:
        machine.require(found() | change, rehearse=False, gpu_gib=14, disk_gib=0)
    assert "\n" not in str(caught.value)


def test_a_machine_without_gpu_may_rehearse():
    bare = found(unsloth=None, bitsandbytes=None) | {"cuda": {}}
    machine.require(bare, rehearse=True, gpu_gib=0, disk_gib=0)
    with pytest.raises(machine.SetupError, match="disk"):
        machine.require(bare, rehearse=True, gpu_gib=0, disk_gib=10**9)


def test_the_tree_is_not_written_to_and_nothing_reaches_the_network(tmp_path):
    ready = machine.prepare(tmp_path / "work", None, gpu=True)
    seen = "CUDA_VISIBLE_DEVICES"
    assert ready.gpu.get(seen) == os.environ.get(seen)
    assert ready.values(gpu=False)["CUDA_VISIBLE_DEVICES"] == ""
    for name, value in ready.gpu.items():
        if name.endswith(("_CACHE_DIR", "_CACHE_HOME", "_CACHE_PATH", "HF_HOME", "_LOCATION")):
            assert value.startswith(str(tmp_path)), name
    assert ready.gpu["HF_HUB_OFFLINE"] == ready.gpu["TRANSFORMERS_OFFLINE"] == "1"
    code = "import setaccio.data.errors, scripts.gpu_check.machine; print(setaccio.data.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=ready.cpu,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(tmp_path / "work" / "farm"))


def test_the_source_is_looked_for_where_exports_look(tmp_path, monkeypatch):
    try:
        expected = vocabulary_file("qwen2").parents[1]
    except ExportError as error:  # no network, no archive
        pytest.skip(str(error))
    paths = [machine.link_farm(tmp_path / "farm"), ROOT]
    values = machine.environment(paths, tmp_path, gpu=False)
    assert machine.find_source(tmp_path, tmp_path, values) == expected
    # What is carried comes first, and a variable before that.
    inner = expected / "LICENSE"
    with tarfile.open(tmp_path / machine.SOURCE_ARCHIVE, "w:xz") as tar:
        tar.add(inner, "LICENSE")
    found = machine.find_source(tmp_path, tmp_path, values)
    assert found == tmp_path / "source" and (found / "LICENSE").read_text() == inner.read_text()
    monkeypatch.setenv(machine.SOURCE_VARIABLE, str(expected))
    values = machine.environment(paths, tmp_path, gpu=False)
    assert machine.find_source(tmp_path, tmp_path, values) == expected
    monkeypatch.setenv(machine.SOURCE_VARIABLE, str(tmp_path))
    values = machine.environment(paths, tmp_path, gpu=False)
    assert machine.find_source(tmp_path, tmp_path, values) is None


@pytest.mark.parametrize("buffering", [{}, {"PYTHONUNBUFFERED": "1"}])
@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("print('first'); sys.exit('ValueError: too bad')", "ValueError: too bad"),
        ("print('result'); raise ValueError('worse')", "ValueError: worse"),
        ("print('said on the wrong stream'); sys.exit(3)", "said on the wrong stream"),
        ("sys.stderr.write(' \\n'); sys.exit(3)", "exit 3"),
    ],
)
def test_a_part_that_fails_is_told_by_its_errors_last_line(tmp_path, code, said, buffering):
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", f"import sys; {code}"]
    with pytest.raises(PartError) as caught:
        run_part(command, inherited | buffering, tmp_path / "log", time.monotonic() + 60)
    assert str(caught.value) == said


def test_a_part_whose_time_is_up_is_not_begun(tmp_path):
    with pytest.raises(PartError, match="not begun"):
        run_part([sys.executable, "-c", ""], dict(os.environ), tmp_path / "log", 0.0)


def test_a_part_whose_time_is_up_ends_with_all_that_it_started(tmp_path):
    mark = tmp_path / "child"
    child = f"import os, time, pathlib; pathlib.Path({str(mark)!r}).write_text(str(os.getpid()))"
    code = (
        "import subprocess, sys, time; "
        f"subprocess.Popen([sys.executable, '-c', {child + '; time.sleep(600)'!r}]); "
        "time.sleep(600)"
    )
    began = []

    def watch():
        if mark.exists() and mark.read_text():
            began.append(int(mark.read_text()))

    with pytest.raises(PartError, match="time was up"):
        run_part(
            [sys.executable, "-c", code],
            dict(os.environ),
            tmp_path / "log",
            time.monotonic() + 15,
            watch,
        )
    state = Path(f"/proc/{began[0]}/stat")
    late = time.monotonic() + 60

    def ended() -> bool:
        try:
            return state.read_text().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:  # gone
            return True

    while not ended() and time.monotonic() < late:
        time.sleep(0.1)
    assert ended()


def test_a_folder_is_packed_without_what_is_left_out(tmp_path):
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "checkpoints" / "big").write_text("x")
    (tmp_path / "run" / "run.json").write_text("{}")
    pack(tmp_path / "run", tmp_path / "run.tar.gz", leave_out=("checkpoints",))
    with tarfile.open(tmp_path / "run.tar.gz") as tar:
        assert sorted(tar.getnames()) == ["run", "run/run.json"]


def make_wheel(folder: Path) -> Path:
    """A wheel of three files with a true RECORD, made by the packer itself."""
    raw = folder / "thing-1.0-py3-none-any.whl"
    info = "thing-1.0.dist-info"
    files = {
        "thing/__init__.py": "x = 1\n",
        "thing/big.so": "0" * 1000,
        "thing/spare.so": "1",
        f"{info}/METADATA": "Name: thing\nVersion: 1.0\nRequires-Dist: other>=2; extra == 'x'\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(raw, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    (folder / "true").mkdir()
    made, _ = wheel_tools.repack(raw, folder / "true", lambda name: name != "thing/spare.so")
    return made


def test_a_cut_wheel_has_a_true_record(tmp_path):
    wheel = make_wheel(tmp_path)
    (tmp_path / "cut").mkdir()
    made, dropped = wheel_tools.repack(wheel, tmp_path / "cut", lambda name: "big" not in name)
    assert dropped == ["thing/big.so"]
    assert "-1cut-" in made.name
    assert wheel_tools.check_record(made) == 3
    with zipfile.ZipFile(made) as archive:
        assert b"Build: 1cut" in archive.read("thing-1.0.dist-info/WHEEL")
        assert "thing/big.so" not in archive.read("thing-1.0.dist-info/RECORD").decode()
    assert [r.name for r in wheel_tools.requirements(made)] == ["other"]


def test_the_glibc_that_a_wheel_needs_is_read_from_its_libraries(tmp_path):
    wheel = tmp_path / "thing-1.0-py3-none-any.whl"
    assert wheel_tools.glibc_needed(make_wheel(tmp_path)) == (0, 0)
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("a.so", b"\x7fELF\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBCXX_9.99\0memcpy\0")
        archive.writestr("lib/b.so.1", b"\x7fELF\0GLIBC_2.17\0")
        archive.writestr("notes.txt", b"\0GLIBC_3.1\0")
    assert wheel_tools.glibc_needed(wheel) == (2, 34)


def test_a_changed_wheel_is_found(tmp_path):
    wheel = make_wheel(tmp_path)
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("thing/late.py", "")
    with pytest.raises(wheel_tools.WheelError, match=r"late\.py"):
        wheel_tools.check_record(wheel)


def test_the_lock_pins_every_wheel_for_the_gpu_machine():
    pinned = gpu_wheels.pins()
    assert [name for name in gpu_wheels.WANTED if name not in pinned] == []
    assert gpu_wheels.LLAMA in pinned


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("bitsandbytes/libbitsandbytes_cuda130.so", True),
        ("bitsandbytes/libbitsandbytes_cuda128.so", False),
        ("bitsandbytes/libbitsandbytes_rocm72.so", False),
        ("bitsandbytes/libbitsandbytes_cpu.so", True),
        ("unsloth/models/llama.py", True),
        ("studio/frontend/index.html", False),
        ("llama_cpp/lib/libllama.so.0", True),
        ("llama_cpp/lib/libllama.so.0.5.0", False),
        ("llama_cpp/lib/libmtmd.so", False),
        ("lib/libllama.so", False),
    ],
)
def test_what_is_cut(name, kept):
    assert gpu_wheels.keep(name) is kept


def test_carried_files_are_compared_with_the_manifest(tmp_path):
    with pytest.raises(machine.SetupError, match="just gpu-wheels"):
        machine.check_wheels(tmp_path)
    wheel = make_wheel(tmp_path)
    entry = {"name": f"true/{wheel.name}", "sha256": machine.digest(wheel)}
    (tmp_path / machine.MANIFEST).write_text(json.dumps({"files": [entry]}), encoding="utf-8")
    assert machine.check_wheels(tmp_path) == sorted(tmp_path.glob("*.whl"))
    wheel.write_bytes(b"damaged")
    with pytest.raises(machine.SetupError, match="missing or damaged"):
        machine.check_wheels(tmp_path)


def test_both_stacks_start_from_the_same_adapter():
    torch = pytest.importorskip("torch")
    from scripts.gpu_check.arm import start_adapter

    class Layers(torch.nn.Module):
        def __init__(self, dtype) -> None:
            super().__init__()
            part = torch.nn.ModuleDict({"lora_A": torch.nn.Linear(16, 4, bias=False, dtype=dtype)})
            self.layers = torch.nn.ModuleList([part])

    plain, wrapped = Layers(torch.bfloat16), torch.nn.ModuleDict({"m": Layers(torch.float32)})
    assert start_adapter(plain) == start_adapter(wrapped) == 1
    ours, theirs = next(plain.parameters()), next(wrapped.parameters())
    assert torch.equal(ours.float(), theirs)
    assert 0 < ours.abs().max() <= 0.25


def check(*arguments: str, module: str = "scripts.gpu_check") -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_without_a_gpu_one_line_and_exit_2(tmp_path):
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    done = check("--out", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("gpu-check: ") and done.stderr.count("\n") == 1


@pytest.mark.slow
def test_rehearsal(tmp_path):
    pytest.importorskip("trl")
    done = check("--rehearse", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert result["kind"] == "rehearsal"
    assert [a.get("skipped") is not None for a in result["arms"]] == [True, False, False, True]
    first, second = result["arms"][1], result["arms"][2]
    assert len(first["losses"]) == REHEARSAL.training["max_steps"]
    assert first["losses"] == second["losses"]  # a CPU repeats itself to the bit
    assert first["losses"][-1] < first["losses"][0]
    assert first["data_sha256"] == second["data_sha256"]
    assert first["adapter_matrices"] == 14  # 7 in each of 2 layers
    assert result["comparison"]["stacks"]["trl"]["tokens_per_second"] > 0
    for carried in result["carried"].values():
        assert all(file["parity_ok"] for file in carried["files"])
        answers = carried["extraction"]
        assert answers["documents"] == answers["json"] == answers["fits_schema"] == 2
    section = (tmp_path / "section.md").read_text(encoding="utf-8")
    assert "### Rehearsal on a CPU" in section and "No comparison" in section
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {
        "result.json",
        "section.md",
        "logs.txt",
        "tiny-trl.tar.gz",
        "tiny-trl-q8_0.gguf",
    }
