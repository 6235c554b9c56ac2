"""Fine-tune a base on pairs: ``train(config)`` writes a run folder with an adapter in it.

    from setaccio.train import load_config, train
    train(load_config(None, {"pairs": "pairs.jsonl", "out": "runs/recipe"}))

One road on every machine: the configuration becomes inputs (pairs checked and encoded, needs
estimated), the inputs become a trainer (TRL + PEFT anywhere, Unsloth on a GPU), and the trainer
becomes a run. The loss is computed on completions only. A run that was interrupted goes on from
its last checkpoint, to the same losses. The checkpoints' optimiser state is in PyTorch's own
format, as the library writes it, and is read back with ``weights_only``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from setaccio.data.errors import TrainError
from setaccio.data.files.locks import lock_folder
from setaccio.data.records import pairs_digest
from setaccio.train.backend.device import leads, wait_for_all
from setaccio.train.config.idle import idle_settings
from setaccio.train.config.settings import TrainConfig
from setaccio.train.fit import Fitted, Training, fit
from setaccio.train.inputs.parent import settle
from setaccio.train.inputs.prepare import TrainInputs, prepare_inputs
from setaccio.train.inputs.sources import (
    Sources,
    choose_backend,
    require_extra,
    training_sources,
)
from setaccio.train.loop.saving import save_adapter, save_model
from setaccio.train.loop.scoring import check_scorer
from setaccio.train.record.run_folder import (
    TrainResult,
    check_run,
    last_checkpoint,
    start_run,
    versions,
    write_result,
)

if TYPE_CHECKING:
    from transformers import TrainerCallback

    from setaccio.train.loop.scoring import Scorer
    from setaccio.train.record.progress import Reporter


def train(
    config: TrainConfig,
    callbacks: Sequence[TrainerCallback] = (),
    *,
    scorer: Scorer | None = None,
) -> TrainResult:
    """Fine-tune a base on pairs.

    Args:
        config: every setting; see :class:`setaccio.train.TrainConfig`.
        callbacks: further transformers callbacks.
        scorer: measures L3, for ``metric_for_best: l3``; see :mod:`setaccio.train.loop.scoring`.

    Returns:
        Losses, steps and time; the adapter lies in ``config.out / "adapter"``, or with ``method:
        full`` the model in ``config.out / "model"``. A finished run that is resumed returns what
        it returned before.

    Raises:
        TrainError: the data, the memory or the disk would not serve, or the loss diverged; the
            last good weights are then the run's result all the same.
        UsageError: the run folder is in use by another run, L3 is asked for without a scorer, or
            there is no such adapter to go on from, or it contradicts the configuration.
        MissingExtraError: a package of the ``train`` or ``gpu`` extra is not installed.
        ModelError: the base is not there or can not be loaded.
        TaskError: the task can not be used.
        DataError: the pairs can not be read.
    """
    started = time.monotonic()
    require_extra()
    config = settle(config)
    scorer = check_scorer(config, scorer)
    sources = training_sources(config)
    finished = check_run(config, sources.digests)
    if finished is not None:
        return finished
    backend = choose_backend(config)  # before transformers, which Unsloth changes

    from setaccio.train.loop.schedule import Clock
    from setaccio.train.record.progress import Reporter, quiet

    reporter = Reporter(Clock(config.max_minutes, started))
    with quiet():
        inputs = prepare_inputs(config, sources, backend)
        wait_for_all()  # every process has looked at the folder by now
        with lock_folder(config.out) if leads() else nullcontext():
            if leads():
                start_run(config, sources.task, sources.digests)
            wait_for_all()
            _announce(inputs, sources, reporter)
            fitted = fit(Training(inputs, reporter, callbacks, scorer))
            return _finish(inputs, sources, fitted, reporter)


def _announce(inputs: TrainInputs, sources: Sources, reporter: Reporter) -> None:
    """Say what comes before the first step."""
    for sentence in sources.start():
        reporter.tell(sentence)
    config, evaluated = inputs.config, len(inputs.rows.eval)
    for sentence in idle_settings(config, len(inputs.rows.train), evaluated):
        reporter.tell(sentence)
    waits = [f"{inputs.base.name} is loaded", "one batch is timed twice"]
    if evaluated:
        waits.append(f"{evaluated} held-out pairs are evaluated")
    reporter.show([f"before the first step: {', '.join(waits)}"])
    if config.resume and last_checkpoint(config.out) is None:
        reporter.show([f"Nothing to resume in {config.out}: the training begins anew."])


def _finish(
    inputs: TrainInputs, sources: Sources, fitted: Fitted, reporter: Reporter
) -> TrainResult:
    """Write the result, also of a training that diverged after it had come somewhere."""
    config, tokenizer = inputs.config, inputs.tokenizer
    if fitted.problem is not None and fitted.step is None:
        raise TrainError(f"{fitted.problem} No state before it was saved.") from fitted.problem
    result = _result(config, fitted, reporter)
    if leads():
        from setaccio.train.record.curves import draw_curves

        record = _provenance(inputs, sources)
        model = fitted.trainer.accelerator.unwrap_model(fitted.trainer.model)
        if config.method == "full":
            save_model(model, tokenizer, config.out, inputs.base.folder, record)
        else:
            save_adapter(model, tokenizer, config.out)
        if draw_curves(config.out) is None:
            reporter.show(["curves.png was not drawn: pip install '.[report]' brings matplotlib"])
        write_result(result, record)
    wait_for_all()
    if fitted.problem is not None:
        raise TrainError(
            f"{fitted.problem} The last good weights, those of step {fitted.step}, are kept in "
            f"{result.adapter}."
        ) from fitted.problem
    return result


def _result(config: TrainConfig, fitted: Fitted, reporter: Reporter) -> TrainResult:
    from setaccio.train.record.progress import read_metrics

    trainer, clock = fitted.trainer, reporter.clock
    metrics = read_metrics(config.out / "metrics.jsonl")
    if fitted.problem is not None:  # what came after the last good state is no number
        metrics = [row for row in metrics if row["step"] <= (fitted.step or 0)]
    losses = [row["loss"] for row in metrics if "loss" in row]
    evals = {row["step"]: row["eval_loss"] for row in metrics if "eval_loss" in row}
    shares = {row["step"]: row["eval_l3"] for row in metrics if "eval_l3" in row}
    last = losses[-max(1, len(losses) // 10) :]
    stopped = "time" if clock.out_of_time else "steps"
    if fitted.problem is not None:
        stopped = "divergence"
    elif fitted.stopping.out_of_patience:
        stopped = "patience"
    return TrainResult(
        run=config.out,
        steps=trainer.state.global_step,
        train_loss=sum(last) / len(last),
        eval_loss_before=next(iter(evals.values()), None),
        eval_loss=evals.get(fitted.step, next(reversed(evals.values()), None)),
        tokens=trainer.state.num_input_tokens_seen,
        seconds=round(clock.elapsed, 2),
        stopped_by=stopped,
        result_step=fitted.step,
        parts=trainer.oom_retry.parts,
        notes=tuple(reporter.notes),
        l3_before=shares.get(0),
        l3=shares.get(fitted.step),
    )


def _descent(sources: Sources) -> dict[str, Any]:
    """What a run says of the adapter that it went on from."""
    if sources.parent is None:
        return {}
    return {
        "continued_from": str(sources.parent.path.absolute()),
        "parent_adapter_sha256": sources.parent.sha256,
        "replayed_pairs": sources.mixed.replayed,
    }


def _provenance(inputs: TrainInputs, sources: Sources) -> dict[str, Any]:
    base, task, rows, config = sources.base, sources.task, inputs.rows, inputs.config
    left_out = {*rows.left_out.long, *rows.left_out.invalid}
    used = [pair for pair in sources.learned if pair.id not in left_out]
    return {
        "base_model": base.name,
        "base_path": str(Path(base.folder).absolute()),
        "base_sha256": base.digest(),
        "base_quantised": base.quantised,
        **({"base_gguf": str(base.gguf.absolute())} if base.gguf else {}),
        **({"base_gguf_sha256": base.gguf_sha256} if base.gguf_sha256 else {}),
        "task": task.name,
        "task_sha256": task.digest,
        "training_data_sha256": pairs_digest(used),
        "training_pairs": len(rows.train),
        "evaluation_pairs": len(rows.eval),
        "left_out": {
            "long": len(rows.left_out.long),
            "invalid": len(rows.left_out.invalid),
            "bad_lines": len(sources.mixed.problems),
        },
        **_descent(sources),
        "backend": inputs.backend,
        "seed": config.seed,
        "config": config.model_dump(mode="json", exclude={"resume", "overwrite"}),
        "versions": versions(),
    }
