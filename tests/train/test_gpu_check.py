"""The GPU check, as far as a CPU shows it. Run with: pytest tests/train/test_gpu_check.py"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))

from scripts import gpu_check
from scripts.gpu_check import ARMS, PartError, run_part
from scripts.gpu_report import RELATIVE, compare, markdown, smooth

ROOT = Path(__file__).parents[2]
CURVE = [12.0 - 0.1 * step for step in range(30)]


def arm(backend: str, *, shift: float = 0.0, seconds: float = 10.0, peak: int = 10) -> dict:
    return {
        "backend": backend,
        "losses": [loss + shift for loss in CURVE],
        "timed_tokens": 30_000,
        "timed_seconds": seconds,
        "warm_up_seconds": 2.0,
        "peak_bytes": peak * 2**30,
        "reserved_bytes": peak * 2**30,
    }


def both(**unsloth) -> dict:
    arms = [arm(name, **(unsloth if name == "unsloth" else {})) for name in ARMS]
    return compare(arms)


def test_smoothing_and_spread():
    assert smooth([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]) == [1.0, 1.5, 2.0, 2.5, 3.0, 4.0]
    arms = [arm("unsloth"), arm("trl"), arm("trl", shift=0.5), arm("unsloth")]
    assert compare(arms)["curves"]["noise_between_runs"] == pytest.approx(0.5)
    assert both()["curves"]["noise_between_runs"] == 0.0


def test_curves_that_differ_by_rounding_overlap():
    curves = both(shift=0.5 * RELATIVE * CURVE[-1])["curves"]
    assert curves["overlap"]
    assert curves["greatest_difference"] == pytest.approx(0.5 * RELATIVE * CURVE[-1])


@pytest.mark.parametrize("shift", [3 * RELATIVE * CURVE[0], float("nan")])
def test_curves_that_differ_by_more_do_not(shift):
    assert not both(shift=shift)["curves"]["overlap"]


def test_a_run_that_ended_early_does_not_overlap():
    arms = [arm(name) for name in ARMS]
    for short in (arms[0], arms[3]):
        short["losses"] = short["losses"][:10]
    assert not compare(arms)["curves"]["overlap"]


@pytest.mark.parametrize(
    ("seconds", "peak", "met"), [(5.0, 6, (True, True)), (8.0, 9, (False, False))]
)
def test_targets(seconds, peak, met):
    found = both(seconds=seconds, peak=peak)
    assert found["ratios"]["speed"] == pytest.approx(10 / seconds)
    assert found["ratios"]["memory"] == pytest.approx(peak / 10)
    assert (found["speed_met"], found["memory_met"]) == met


def test_memory_in_use_decides_and_reserved_memory_is_told():
    arms = [arm(name, peak=10) for name in ARMS]
    for ours in (arms[0], arms[3]):
        ours["peak_bytes"] = 6 * 2**30
    found = compare(arms)
    assert found["ratios"]["memory"] == pytest.approx(0.6) and found["memory_met"]
    assert found["ratios"]["reserved"] == pytest.approx(1.0)


def test_one_stack_alone_is_not_compared():
    arms = [arm("trl"), {"backend": "unsloth", "skipped": "no GPU"}, {"backend": "trl"}]
    result = compare(arms)
    assert result["ratios"] is None and result["curves"] is None
    assert result["stacks"]["trl"]["tokens_per_second"] == 3000


def test_report_says_what_was_met_and_what_failed():
    result = {
        "kind": "GPU run",
        "date": "2031-02-03T00:00:00+00:00",
        "settings": gpu_check.SETTINGS["gpu"],
        "arms": [arm("trl"), {"backend": "trl", "failed": "out of memory"}],
        "comparison": both(seconds=5.0, peak=9),
        "carried": {"failed": "no converter"},
        "seconds": 99.0,
    }
    text = markdown(result)
    assert "### GPU run, 2031-02-03" in text
    assert "2.00 x the plain stack's tokens/s (target >= 1.5): met" in text
    assert "0.90 x the plain stack's (target <= 0.7): NOT met" in text
    assert "- trl: out of memory" in text and "no converter" in text


@pytest.mark.parametrize("absent", ["trl", "unsloth"])
def test_a_machine_without_a_package_is_refused_in_one_line(monkeypatch, absent):
    monkeypatch.setattr(gpu_check.importlib.util, "find_spec", lambda name: name != absent or None)
    with pytest.raises(SystemExit, match=f"{absent} is not installed") as caught:
        gpu_check.look({"rehearse": False})
    assert "\n" not in str(caught.value)


def test_a_machine_without_gpu_may_rehearse(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(gpu_check.importlib.util, "find_spec", lambda name: name)
    assert gpu_check.look({"rehearse": True}) == {}
    with pytest.raises(SystemExit, match=r"no CUDA GPU.*--rehearse"):
        gpu_check.look({"rehearse": False})


def test_the_tree_is_not_written_to_and_nothing_reaches_the_network(tmp_path):
    values = gpu_check.environment(tmp_path / "work", None, gpu=True)
    seen = "CUDA_VISIBLE_DEVICES"
    assert values.get(seen) == os.environ.get(seen)
    for name in (*gpu_check.CACHES, "UNSLOTH_COMPILE_LOCATION"):
        assert values[name].startswith(str(tmp_path)), name
    assert values["HF_HUB_OFFLINE"] == values["PIP_NO_INDEX"] == "1"
    values = gpu_check.environment(tmp_path / "work", None, gpu=False)
    assert values[seen] == ""
    code = "import setaccio.data.errors, scripts.gpu_check; print(setaccio.data.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=values,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(tmp_path / "work" / "farm"))


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
    with pytest.raises(PartError, match="time was up"):
        run_part(
            [sys.executable, "-c", code], dict(os.environ), tmp_path / "log", time.monotonic() + 15
        )
    state = Path(f"/proc/{mark.read_text()}/stat")
    late = time.monotonic() + 60

    def ended() -> bool:
        try:
            return state.read_text().rsplit(")", 1)[1].split()[0] == "Z"
        except OSError:  # gone
            return True

    while not ended() and time.monotonic() < late:
        time.sleep(0.1)
    assert ended()


def test_the_lock_pins_every_package_of_the_archive(repository):
    script = (repository / "scripts" / "gpu_wheels.sh").read_text(encoding="utf-8")
    names = script.partition('packages="')[2].partition('"')[0].split()
    lock = (repository / "requirements" / "lock.txt").read_text(encoding="utf-8")
    assert len(names) > 30
    assert [name for name in [*names, "llama-cpp-python"] if f"\n{name}==" not in lock] == []


def test_an_archive_comes_before_what_is_installed(tmp_path, monkeypatch):
    monkeypatch.delenv("SETACCIO_LLAMACPP_SOURCE", raising=False)
    for name in ("packages/thing.py", "llama.cpp/LICENSE"):
        file = tmp_path / "packed" / name
        file.parent.mkdir(parents=True)
        file.write_text("x = 1")
    archive = shutil.make_archive(str(tmp_path / "wheels"), "xztar", tmp_path / "packed")
    values = gpu_check.environment(tmp_path / "work", Path(archive), gpu=True)
    first = Path(values["PYTHONPATH"].split(os.pathsep)[0])
    assert (first / "thing.py").is_file()
    assert (Path(values["SETACCIO_LLAMACPP_SOURCE"]) / "LICENSE").is_file()


def test_both_stacks_start_from_the_same_adapter():
    torch = pytest.importorskip("torch")

    class Layers(torch.nn.Module):
        def __init__(self, dtype) -> None:
            super().__init__()
            part = torch.nn.ModuleDict({"lora_A": torch.nn.Linear(16, 4, bias=False, dtype=dtype)})
            self.layers = torch.nn.ModuleList([part])

    plain, wrapped = Layers(torch.bfloat16), torch.nn.ModuleDict({"m": Layers(torch.float32)})
    assert gpu_check.start_adapter(plain) == gpu_check.start_adapter(wrapped) == 1
    ours, theirs = next(plain.parameters()), next(wrapped.parameters())
    assert torch.equal(ours.float(), theirs)
    assert 0 < ours.abs().max() <= 0.25


def check(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "scripts.gpu_check", *arguments]
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
    assert [a.get("skipped") is not None for a in result["arms"]] == [True, False, False, True]
    first, second = result["arms"][1], result["arms"][2]
    assert len(first["losses"]) == gpu_check.SETTINGS["rehearsal"]["training"]["max_steps"]
    assert first["losses"] == second["losses"]  # a CPU repeats itself to the bit
    assert first["losses"][-1] < first["losses"][0]
    assert first["data_sha256"] == second["data_sha256"]
    assert first["adapter_matrices"] == 28  # 7 in each of 4 layers
    assert result["comparison"]["stacks"]["trl"]["tokens_per_second"] > 0
    carried = result["carried"]
    assert all(file["ok"] for file in carried["files"])
    assert carried["documents"] == carried["json"] == carried["fits_schema"] == 2
    section = (tmp_path / "section.md").read_text(encoding="utf-8")
    assert "### Rehearsal on a CPU" in section and "No comparison" in section
