"""`setaccio improve` as a user calls it: corrections in, an adapter that is no worse out.

Run: pytest tests/train/test_improve.py
"""

import json
import signal
import subprocess
import time

import pytest

pytest.importorskip("trl")

from cli_process import COMMAND, environment
from train_parts import make_pairs, write_jsonl

from setaccio.data.files.digests import file_digest
from setaccio.train import load_config, train

KINDS = ["home", "met", "move"]
TASK = {
    "name": "what",
    "instruction": "What is told?",
    "schema": {
        "type": "object",
        "properties": {"what": {"enum": KINDS}},
        "required": ["what"],
        "additionalProperties": False,
    },
}


def told(count, seed):
    """People who live somewhere or were met."""
    rows = make_pairs(count, seed)
    return [{**row, "gold": {"what": "met" if "met" in row["text"] else "home"}} for row in rows]


def moved(count, seed):
    """A third kind of sentence, which the old run has not learned."""
    rows = []
    for index, row in enumerate(make_pairs(count, seed)):
        text = "{name} moved to {city} last May".format(**row["gold"]) + "!" * (index % 3 + 1)
        rows.append({"id": f"m{seed}-{index}", "text": text, "gold": {"what": "move"}})
    return rows


def corrections(rows):
    """Lines as `setaccio serve` writes them, of documents that are all different."""
    return [
        {
            **row,
            "id": f"c{index}",
            "text": f"{row['text']} ({index})",
            "task": "what",
            "from_model": "small + old",
            "data": {"what": "met"},
        }
        for index, row in enumerate(rows)
    ]


@pytest.fixture(scope="module")
def old_run(tmp_path_factory, small_base):
    """A run on a base that knows the form of answers; it held twelve pairs out."""
    folder = tmp_path_factory.mktemp("old")
    (folder / "what.json").write_text(json.dumps(TASK), encoding="utf-8")
    dice = [{**row, "gold": {"what": KINDS[n % 3]}} for n, row in enumerate(moved(100, 3))]
    more = write_jsonl(folder / "base.jsonl", [*told(200, 2), *dice])
    pairs = write_jsonl(folder / "pairs.jsonl", told(120, 1))
    values = {"base": small_base, "task": folder / "what.json", "pairs": more, "method": "full"}
    values |= {"out": folder / "base", "learning_rate": 1e-2, "batch_size": 16, "max_steps": 120}
    values |= {"validation_share": 0.1, "max_length": 256, "threads": 1, "report_to": "none"}
    train(load_config(None, values))
    values |= {"base": folder / "base" / "model", "pairs": pairs, "out": folder / "run"}
    values |= {"method": "lora", "max_steps": 15, "batch_size": 8}
    return train(load_config(None, values)).run


def setaccio(folder, *arguments):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def steps(out):
    file = out / "improve.json"
    return json.loads(file.read_text(encoding="utf-8"))["done"] if file.is_file() else {}


def values(file, key):
    return {json.loads(line)[key] for line in file.read_text(encoding="utf-8").splitlines()}


def stamps(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_right_corrections_make_the_adapter_and_a_second_call_redoes_nothing(old_run, tmp_path):
    write_jsonl(tmp_path / "c.jsonl", corrections(moved(40, 4)))
    command = ("improve", "--run", old_run, "--corrections", "c.jsonl", "--out", "out")
    command += ("--max-steps", 40, "--tolerance", 0.1)
    done = setaccio(tmp_path, *command)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    decision = json.loads((out / "decision.json").read_text())
    assert decision["kept"] == "new" and decision["reasons"] == []
    assert decision["run"] == str(out / "run")
    (new,) = (out / "export" / "new").glob("*.gguf")
    assert file_digest(out / "adapter.gguf") == file_digest(new) == decision["adapter_sha256"]
    assert {loss["measure"] for loss in decision["parts"]["test"]} == {"l1", "l2", "l3", "score"}
    parts = {n: (out / "pairs" / f"{n}.jsonl").read_text() for n in ("train", "held_out", "test")}
    learned, held_out = (
        [json.loads(line) for line in parts[name].splitlines()] for name in ("train", "held_out")
    )
    assert len(learned) + len(held_out) == 40 and len(held_out) >= 5
    assert learned[0]["from_model"] == "small + old" and learned[0]["data"] == {"what": "met"}
    assert len(parts["test"].splitlines()) == 12
    record = json.loads((out / "run" / "run.json").read_text())
    assert record["training_pairs"] == 2 * len(learned) and record["evaluation_pairs"] == 0
    assert load_config(out / "run" / "config.yaml").learning_rate == 1e-2
    before = stamps(out)
    again = setaccio(tmp_path, *command)
    assert again.returncode == 0 and again.stdout == done.stdout
    changed = {path for path, stamp in stamps(out).items() if before.get(path) != stamp}
    assert {path.name for path in changed} == {"adapter.gguf", "decision.json"}
    other = setaccio(tmp_path, *command[:-3], 41, "--tolerance", 0.1)
    assert other.returncode == 2 and "with other values of: settings." in other.stderr
    (before, after) = (
        next(loss[at] for loss in decision["parts"]["held_out"] if loss["measure"] == "l3")
        for at in ("before", "after")
    )
    assert after > before


@pytest.mark.slow
def test_wrong_corrections_leave_the_old_adapter_and_say_why(old_run, tmp_path):
    wrong = [{**row, "gold": {"what": "move"}} for row in told(40, 6)]
    write_jsonl(tmp_path / "c.jsonl", corrections(wrong))
    command = ["improve", "--run", old_run, "--corrections", "c.jsonl", "--out", "out"]
    done = setaccio(tmp_path, *command, "--max-steps", 60, "--set", "replay_share=0")
    assert done.returncode == 8, done.stderr
    assert "The old adapter stays" in done.stderr and "test part: L3" in done.stderr
    out = tmp_path / "out"
    decision = json.loads((out / "decision.json").read_text())
    (old,) = (out / "export" / "old").glob("*.gguf")
    assert decision["kept"] == "old" and decision["run"] == str(old_run)
    assert file_digest(out / "adapter.gguf") == file_digest(old)
    assert all(reason.startswith("test part") for reason in decision["reasons"])


@pytest.mark.slow
def test_killed_anywhere_it_goes_on_and_a_second_round_begins_where_the_first_ended(
    old_run, tmp_path
):
    file = write_jsonl(tmp_path / "c.jsonl", corrections(moved(40, 4)))
    out = tmp_path / "out"
    command = ("improve", "--run", old_run, "--corrections", file, "--out", out)
    command += ("--max-steps", 30, "--set", "save_steps=5", "--tolerance", 1)

    def kill_when(reached):
        process = subprocess.Popen(
            [*COMMAND, *map(str, command)],
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        while process.poll() is None and not reached():
            time.sleep(0.02)
        process.kill()
        return process.communicate()[1].decode(), process.returncode

    places = [
        lambda: list((out / "run" / "checkpoints").glob("checkpoint-*/trainer_state.json")),
        lambda: "export-old" in steps(out),
        lambda: "eval-old/test" in steps(out),
    ]
    seen = []
    for reached in places:
        error, code = kill_when(reached)
        assert code == -signal.SIGKILL, error
        seen.append(steps(out))
    assert "train" not in seen[0] and "train" in seen[1]
    with file.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(corrections(moved(41, 4))[-1]) + "\n")
    trained = (out / "run" / "run.json").stat().st_mtime_ns
    done = setaccio(tmp_path, *command)
    assert done.returncode == 0, done.stderr
    assert "has grown since" in done.stderr and "Exporting the old" not in done.stderr
    assert (out / "run" / "run.json").stat().st_mtime_ns == trained
    assert json.loads((out / "run" / "run.json").read_text())["result"]["steps"] == 30
    assert {"train", "export-new", "eval-new/held_out"} <= set(steps(out))
    grown = setaccio(tmp_path, *command)
    assert grown.returncode == 2 and f"--run {out} to go on" in " ".join(grown.stderr.split())

    again = ("improve", "--run", out, "--corrections", file, "--out", tmp_path / "second")
    second = setaccio(tmp_path, *again, "--max-steps", 2, "--tolerance", 1)
    assert second.returncode == 0, second.stderr
    new = tmp_path / "second"
    assert (new / "pairs" / "test.jsonl").read_text() == (out / "pairs" / "test.jsonl").read_text()
    kept = [values(at / "pairs" / "held_out.jsonl", "id") for at in (out, new)]
    assert kept[0] <= kept[1]
    replayed = values(new / "pairs" / "replay.jsonl", "text")
    corrected = values(file, "text")
    assert len(replayed) > 20 and not replayed & corrected
    assert json.loads((new / "run" / "run.json").read_text())["continued_from"] == str(out / "run")


@pytest.mark.slow
def test_wrong_input_is_one_line_before_anything_is_written(old_run, tmp_path):
    good = write_jsonl(tmp_path / "c.jsonl", corrections(moved(40, 4)))

    def refused(code, said, *arguments, file=good, run=old_run):
        done = setaccio(
            tmp_path, "improve", "--run", run, "--corrections", file, "--out", "out", *arguments
        )
        error = " ".join(done.stderr.split())
        assert (done.returncode, said in error) == (code, True), error
        assert not (tmp_path / "out").exists()

    refused(2, "gone: no such folder. --run takes", run="gone")
    refused(2, "c.jsonl: is a file", run=good)
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "config.yaml").write_bytes((old_run / "config.yaml").read_bytes())
    refused(2, "not finished. Go on with it: ", run="cut")
    refused(2, "gone.jsonl: can not be read", file="gone.jsonl")
    (tmp_path / "empty.jsonl").write_text("")
    refused(4, "empty.jsonl: holds no correction", file="empty.jsonl")
    few = write_jsonl(tmp_path / "few.jsonl", corrections(moved(4, 4)))
    refused(4, "would be held out, and fewer than 5", file=few)
    refused(2, "--set out: improve sets it itself", "--set", "out=there")
    refused(2, "has rank 16, and rank: 8", "--set", "rank=8")
    refused(2, "--held-out 1: is a share", "--held-out", 1)
    refused(2, "gone.jsonl: can not be read", "--pairs", "gone.jsonl")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("precious")
    done = setaccio(
        tmp_path, "improve", "--run", old_run, "--corrections", good, "--out", "out", "--overwrite"
    )
    assert done.returncode == 2 and "holds something else" in done.stderr
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]
