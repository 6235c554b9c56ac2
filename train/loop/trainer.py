"""TRL's SFTTrainer, with what this product needs otherwise.

- The loss is :mod:`setaccio.train.kernels.loss`'s on a CPU, and wherever pairs are packed or
  weighed.
- On a CPU the rows of a batch are one sequence, their shared prefix once
  (:mod:`setaccio.train.kernels.flat_rows`), where the model is proven to compute the same, and LoRA
  layers in float32 have passes of their own (:mod:`setaccio.train.kernels.lora_math`).
- On a CPU rows are padded to multiples of 32 tokens: each new shape costs oneDNN a compilation and
  memory.
- The order is a function of seed and epoch alone (:mod:`setaccio.train.inputs.batches`).
- The learning rate follows progress in steps or time (:mod:`setaccio.train.loop.schedule`).
- A batch for which memory does not suffice is computed in parts
  (:mod:`setaccio.train.loop.oom_retry`).
- No model card is written into the checkpoint folder.

Import this module after Unsloth where Unsloth is used: Unsloth replaces ``trl.SFTTrainer``.
"""

from __future__ import annotations

import math
import shutil
from typing import TYPE_CHECKING, Any

import torch
from peft.utils import ModulesToSaveWrapper
from torch.optim.lr_scheduler import LambdaLR
from transformers import PrinterCallback
from trl import SFTConfig, SFTTrainer

from setaccio.train.backend.backend_trl import uses_bf16
from setaccio.train.backend.device import world_size
from setaccio.train.config.settings import TrainConfig
from setaccio.train.inputs.batches import EXTRAS, LengthBatches, WithExtras, dataset
from setaccio.train.inputs.encode import LENGTH_STEP
from setaccio.train.inputs.packing import pack
from setaccio.train.kernels.flat_rows import flat_tokens
from setaccio.train.kernels.lora_math import speed_up
from setaccio.train.kernels.loss import completion_loss, learned_tokens
from setaccio.train.kernels.rows_proof import use_rows
from setaccio.train.loop.oom_retry import OomRetry, gradients, padded_tokens, put_back
from setaccio.train.loop.saving import save_present
from setaccio.train.loop.schedule import rate_at

if TYPE_CHECKING:
    from setaccio.train.fit import Training
    from setaccio.train.inputs.prepare import TrainInputs
    from setaccio.train.loop.scoring import Scorer

NEVER = 10**9  # steps; the library evaluates and saves at the end all the same
PROJECT = "setaccio"
PRESENT = "present"  # folder in which the model is scored during a training


class Trainer(SFTTrainer):  # type: ignore[misc]  # TRL is not typed
    """The trainer of both back ends; see the module's docstring for what it changes.

    Args:
        training: inputs, reporter, callbacks and scorer.
        model: the base, or a PEFT model where ``peft_config`` is None.
        peft_config: makes the adapter on the base.
    """

    data_collator: Any
    lr_scheduler: Any
    optimizer: Any

    def __init__(self, training: Training, model: Any, peft_config: Any) -> None:
        inputs, tell = training.inputs, training.reporter.tell
        config, rows, needed = inputs.config, inputs.rows, inputs.needed
        on_cpu = not torch.cuda.is_available()
        learned = pack(rows.train, config.max_length) if config.packing else dataset(rows.train)
        extras = [name for name in EXTRAS if name in learned.column_names]
        self.settings, self.clock, self.scorer = config, training.reporter.clock, training.scorer
        self.own_loss = on_cpu or bool(extras)
        super().__init__(
            model=model,
            args=_arguments(inputs, len(learned), on_cpu, bool(extras)),
            train_dataset=learned,
            eval_dataset=dataset(rows.eval, by_length=True) if rows.eval else None,
            processing_class=inputs.tokenizer,
            callbacks=[self.clock, *training.callbacks],
            peft_config=peft_config,
        )
        self.remove_callback(PrinterCallback)  # it writes to standard output
        if extras:
            self.data_collator = WithExtras(self.data_collator)
        _widen_embeddings(self.model)
        # Proven against the libraries' own passes, so before LoRA layers get others.
        longest = max(len(row.input_ids) for row in [*rows.train, *rows.eval])
        self.flat = on_cpu and not config.packing and use_rows(self.model, longest, self.args.bf16)
        if on_cpu and not self.args.bf16:
            speed_up(self.model)
        measure = flat_tokens if self.flat else padded_tokens
        self.oom_retry = OomRetry(tell, needed.part_tokens, measure)

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthBatches:
        lengths = self.train_dataset["length"]
        return LengthBatches(lengths, self.args.train_batch_size, self.settings.seed)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> LambdaLR:
        """Make the learning rate a function of the clock's progress."""
        if self.lr_scheduler is None:
            settings, clock = self.settings, self.clock

            def rate(step: int) -> float:
                return rate_at(clock.progress(step), settings.schedule, settings.warmup)

            self.lr_scheduler = LambdaLR(optimizer or self.optimizer, rate)
        return self.lr_scheduler

    def forget_metrics(self) -> None:
        """Drop what the library has noted about batches so far."""
        self._metrics["train"].clear()

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Write none: a card without content in each checkpoint helps nobody."""

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Mean cross-entropy over completion tokens (float32, scalar)."""
        if return_outputs or not self.own_loss:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        return completion_loss(model, inputs, self.args.bf16, num_items_in_batch, flat=self.flat)

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        """Forward and backward pass of one batch, in parts where memory is short."""
        if self.accelerator.num_processes > 1:
            return super().training_step(model, inputs, num_items_in_batch)
        # With accumulation, gradients of earlier batches are there and must outlive a failure.
        first = all(parameter.grad is None for parameter in model.parameters())
        kept = None if first else gradients(model)
        items = num_items_in_batch
        if items is None and self.oom_retry.cuts(inputs) > 1:
            items = learned_tokens(inputs)
        step = super().training_step
        return self.oom_retry.run(
            inputs, lambda part: step(model, part, items), lambda: put_back(model, kept)
        )

    def prediction_step(
        self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: Any = None
    ) -> Any:
        """Loss of one evaluation batch, in parts where memory is short."""
        step = super().prediction_step
        whole = max(learned_tokens(inputs), 1)

        def share(part: Any) -> Any:
            loss = step(model, part, True, ignore_keys)[0]
            return loss if part is inputs else loss * (learned_tokens(part) / whole)

        return self.oom_retry.run(inputs, share), None, None

    def evaluation_loop(self, *args: Any, **named: Any) -> Any:
        """Evaluation loss, and L3 where the run is judged by it."""
        output = super().evaluation_loop(*args, **named)
        if self.scorer is not None:
            output.metrics["eval_l3"] = self.score_present(self.scorer)
        return output

    def score_present(self, scorer: Scorer) -> float:
        """L3 of the model as it is now, 0 to 1; weights and random numbers stay as they are."""
        folder = self.settings.out / "checkpoints" / PRESENT
        model = self.accelerator.unwrap_model(self.model)
        try:
            with torch.random.fork_rng():
                whole = self.settings.method == "full"
                save_present(model, self.processing_class, folder, whole=whole)
                return scorer(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _arguments(inputs: TrainInputs, rows: int, on_cpu: bool, extras: bool) -> SFTConfig:
    """The library's arguments for a data set of so many rows, with or without extra columns."""
    config, evaluates = inputs.config, bool(inputs.rows.eval)
    return SFTConfig(
        output_dir=str(config.out / "checkpoints"),
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=config.batch_size,
        gradient_accumulation_steps=config.gradient_accumulation,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        optim="adamw_torch_fused",
        # Without a limit in steps the time budget ends the run.
        num_train_epochs=10_000,
        max_steps=step_limit(config, rows) or -1,
        logging_steps=1,
        logging_nan_inf_filter=False,
        eval_strategy="steps" if evaluates else "no",
        eval_steps=config.eval_steps or NEVER,
        eval_on_start=evaluates,
        prediction_loss_only=True,
        save_strategy="steps",
        save_steps=config.save_steps or NEVER,
        save_total_limit=config.keep_checkpoints,
        seed=config.seed,
        bf16=uses_bf16(config),
        use_cpu=on_cpu,
        dataloader_pin_memory=not on_cpu,
        gradient_checkpointing=config.gradient_checkpointing or inputs.needed.recompute,
        max_length=None,
        packing=False,
        # Unsloth turns it on; the OOM retry and extra columns need a row for each pair.
        padding_free=False,
        pad_to_multiple_of=LENGTH_STEP if on_cpu else None,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=not extras,
        include_num_input_tokens_seen="non_padding",
        report_to=[name for name in config.report_to if name != "tensorboard"],
        project=PROJECT,
        run_name=config.out.name,
        disable_tqdm=True,
        log_level="error",
    )


def _widen_embeddings(model: Any) -> None:
    """Hold embeddings that are trained in float32: in 16 bits small updates are rounded away.

    PEFT does the same for the adapter's own matrices.
    """
    for module in model.modules():
        if isinstance(module, ModulesToSaveWrapper):
            for parameter in module.modules_to_save.parameters():
                parameter.data = parameter.data.float()


def step_limit(config: TrainConfig, rows: int) -> int | None:
    """Optimiser steps of a training on so many rows; None where only time limits it."""
    limits = [] if config.max_steps is None else [config.max_steps]
    if config.epoch_limit is not None:
        each = config.batch_size * config.gradient_accumulation * world_size()
        per_epoch = math.ceil(rows / each)
        limits.append(max(1, math.ceil(config.epoch_limit * per_epoch)))
    return min(limits, default=None)
