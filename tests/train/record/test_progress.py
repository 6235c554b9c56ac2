"""What a person sees while a model is trained: a bar on a terminal, plain lines elsewhere."""

import io
from types import SimpleNamespace

import pytest

pytest.importorskip("transformers")

from rich.console import Console

from setaccio.data.errors import TrainError
from setaccio.train.loop.schedule import Clock
from setaccio.train.record.progress import MetricsFile, Reporter, clock_text, read_metrics


def state_at(step: int) -> SimpleNamespace:
    return SimpleNamespace(global_step=step, max_steps=10, num_input_tokens_seen=100 * step)


def report(terminal: bool) -> str:
    out = io.StringIO()
    clock = Clock(None, started=0.0)
    reporter = Reporter(clock, Console(file=out, force_terminal=terminal, width=120))
    for call in (clock, reporter):
        call.on_train_begin(None, state_at(0), None)
    reporter.on_log(None, state_at(5), None, {"loss": 1.25})
    reporter.on_log(None, state_at(5), None, {"eval_loss": 2.5})
    reporter.on_step_end(None, state_at(5), None)
    reporter.on_train_end(None, state_at(10), None)
    return out.getvalue()


def test_a_terminal_gets_a_bar():
    shown = report(terminal=True)
    assert "100%" in shown
    assert "step 10, loss 1.250, eval loss 2.500" in shown


def test_elsewhere_lines_are_plain_and_few():
    shown = report(terminal=False)
    assert "\x1b" not in shown
    assert shown.count("\n") == 1
    assert shown.startswith("training 100%  step 10, loss 1.250")
    assert "tokens/s" in shown


def test_durations():
    assert [clock_text(s) for s in (-1, 5, 65, 3661)] == ["0:00", "0:05", "1:05", "1:01:01"]


def test_metrics_of_steps_that_are_trained_again_are_dropped(tmp_path):
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 3}\n{"step": 2, "loss": 2}\n{"step": 3, "lo')
    metrics = MetricsFile(path, Clock(None, started=0.0), resumed_step=1)
    metrics.on_log(None, state_at(2), None, {"loss": 1.5, "epoch": 1})
    assert [(row["step"], row["loss"]) for row in read_metrics(path)] == [(1, 3), (2, 1.5)]
    with pytest.raises(TrainError, match="at step 3"):
        metrics.on_log(None, state_at(3), None, {"loss": float("nan")})
