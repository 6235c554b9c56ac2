"""TRL's SFTTrainer, with what this product needs otherwise.

- The loss is :mod:`setaccio.train.kernels.loss`'s on a CPU, and wherever pairs are packed or
  weighed.
- On a CPU the rows of a batch are one sequence, what they begin with once
  (:mod:`setaccio.train.kernels.flat_rows`), where the model is proven to compute the same, and LoRA
  layers in float32 have passes of their own (:mod:`setaccio.train.kernels.lora_math`).
- The shapes: on a CPU rows are filled up to multiples of 32 tokens. Each new shape costs oneDNN a
  compilation and memory, and so there are few.
- The order is a function of seed and epoch alone (:mod:`setaccio.train.inputs.batches`).
- The learning rate follows progress in steps or time (:mod:`setaccio.train.loop.schedule`).
- A batch for which memory does not suffice is halved (:mod:`setaccio.train.loop.oom_retry`).
- No model card is written into the checkpoint folder.

Import this module after Unsloth where Unsloth is used: Unsloth replaces ``trl.SFTTrainer``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from peft.utils import ModulesToSaveWrapper
from torch.optim.lr_scheduler import LambdaLR
from transformers import PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer

from setaccio.train.config.settings import TrainConfig
from setaccio.train.inputs.batches import EXTRAS, LengthBatches, WithExtras, dataset
from setaccio.train.inputs.encode import Encoded
from setaccio.train.inputs.packing import pack
from setaccio.train.kernels.flat_rows import flat_tokens
from setaccio.train.kernels.lora_math import speed_up
from setaccio.train.kernels.loss import completion_loss, learned_tokens
from setaccio.train.kernels.rows_proof import use_rows
from setaccio.train.loop.oom_retry import Halver, gradients, put_back
from setaccio.train.loop.schedule import Clock, rate_at
from setaccio.train.record.pace import TimeLeft

NEVER = 10**9  # steps; the library evaluates and saves at the end all the same
PROJECT = "setaccio"
LENGTH_STEP = 32  # tokens; on a CPU rows are as long as a multiple of this


class Trainer(SFTTrainer):  # type: ignore[misc]  # TRL is not typed
    """The trainer of both back ends; see the module's docstring for what it changes."""

    settings: TrainConfig
    clock: Clock
    halver: Halver
    own_loss: bool
    flat: bool
    lr_scheduler: Any
    optimizer: Any
    pace: TimeLeft | None = None
    score_l3: Callable[[], float] | None = None

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthBatches:
        lengths = self.train_dataset["length"]
        return LengthBatches(lengths, self.args.train_batch_size, self.settings.seed)

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> LambdaLR:
        """Make the learning rate a function of the clock's progress."""
        if self.lr_scheduler is None:
            settings, clock = self.settings, self.clock
            clock.total_steps = num_training_steps

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
        if items is None and self.halver.cuts(inputs) > 1:
            items = learned_tokens(inputs)
        step = super().training_step
        return self.halver.run(
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

        return self.halver.run(inputs, share), None, None

    def evaluation_loop(self, *args: Any, **named: Any) -> Any:
        """Evaluation loss, and L3 where the run is judged by it."""
        begun = time.monotonic()
        output = super().evaluation_loop(*args, **named)
        if self.pace is not None:
            self.pace.evaluated(time.monotonic() - begun)
        if self.score_l3 is not None:
            output.metrics["eval_l3"] = self.score_l3()
        return output


def build_trainer(
    config: TrainConfig,
    model: Any,
    tokenizer: Any,
    train_rows: Sequence[Encoded],
    eval_rows: Sequence[Encoded],
    *,
    clock: Clock,
    checkpoints: Path,
    bf16: bool,
    callbacks: Sequence[TrainerCallback] = (),
    peft_config: Any = None,
    tell: Callable[[str], None] = lambda _: None,
    part_tokens: int | None = None,
    recompute: bool = False,
) -> Trainer:
    """Assemble the trainer.

    Args:
        config: the run's settings.
        model: the base, or a PEFT model where ``peft_config`` is None.
        tokenizer: its tokenizer.
        train_rows: rows to learn from.
        eval_rows: rows for the evaluation loss; may be empty.
        clock: measures progress; becomes the first callback.
        checkpoints: folder for ``checkpoint-N``.
        bf16: whether matrix products are computed in bf16.
        callbacks: further callbacks.
        peft_config: makes the adapter on the base.
        tell: called with what a person should know, such as that memory ran short.
        part_tokens: batches are computed in parts of at most so many tokens.
        recompute: recompute activations, whatever the settings say.
    """
    limit = config.epoch_limit
    on_cpu = not torch.cuda.is_available()
    learned = pack(train_rows, config.max_length) if config.packing else dataset(train_rows)
    extras = [name for name in EXTRAS if name in learned.column_names]
    arguments = SFTConfig(
        output_dir=str(checkpoints),
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=config.batch_size,
        gradient_accumulation_steps=config.gradient_accumulation,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        optim="adamw_torch_fused",
        # Without a limit in epochs the time budget ends the run, or max_steps does.
        num_train_epochs=limit if limit is not None else 10_000,
        max_steps=_step_limit(config, len(learned)),
        logging_steps=1,
        logging_nan_inf_filter=False,
        eval_strategy="steps" if eval_rows else "no",
        eval_steps=config.eval_steps or NEVER,
        eval_on_start=bool(eval_rows),
        prediction_loss_only=True,
        save_strategy="steps",
        save_steps=config.save_steps or NEVER,
        save_total_limit=config.keep_checkpoints,
        seed=config.seed,
        bf16=bf16,
        use_cpu=on_cpu,
        dataloader_pin_memory=not on_cpu,
        gradient_checkpointing=config.gradient_checkpointing or recompute,
        max_length=None,
        packing=False,
        # Unsloth turns it on; halving and extra columns need a row for each pair.
        padding_free=False,
        pad_to_multiple_of=LENGTH_STEP if on_cpu else None,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=not extras,
        include_num_input_tokens_seen="non_padding",
        # The trackers are callbacks of their own; these are the names they give the run.
        report_to="none",
        project=PROJECT,
        run_name=config.out.name,
        disable_tqdm=True,
        log_level="error",
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=learned,
        eval_dataset=dataset(eval_rows, by_length=True) if eval_rows else None,
        processing_class=tokenizer,
        callbacks=[clock, *callbacks],
        peft_config=peft_config,
    )
    _widen_embeddings(trainer.model)
    if extras:
        trainer.data_collator = WithExtras(trainer.data_collator)
    trainer.settings, trainer.clock, trainer.halver = config, clock, Halver(tell, part_tokens)
    trainer.own_loss = on_cpu or bool(extras)
    longest = max(len(row.input_ids) for row in [*train_rows, *eval_rows])
    trainer.flat = on_cpu and not config.packing and use_rows(trainer.model, longest, bf16)
    if trainer.flat:
        trainer.halver.measure = flat_tokens
    if on_cpu and not bf16:
        speed_up(trainer.model)
    trainer.remove_callback(PrinterCallback)  # it writes to standard output
    return trainer


def _widen_embeddings(model: Any) -> None:
    """Hold embeddings that are trained in float32: in 16 bits small updates are rounded away.

    PEFT does the same for the adapter's own matrices.
    """
    for module in model.modules():
        if isinstance(module, ModulesToSaveWrapper):
            for parameter in module.modules_to_save.parameters():
                parameter.data = parameter.data.float()


def _step_limit(config: TrainConfig, rows: int) -> int:
    """The smaller of both limits in steps; -1 leaves it to the epochs, as transformers reads it."""
    if config.max_steps is None:
        return -1
    limit = config.epoch_limit
    if limit is None:
        return config.max_steps
    batches = -(-rows // config.batch_size)
    per_epoch = -(-batches // config.gradient_accumulation)
    return min(config.max_steps, max(1, -int(-limit * per_epoch // 1)))
