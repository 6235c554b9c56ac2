"""TRL's SFTTrainer, with the five things changed that this product needs otherwise.

- The loss: TRL 1.15 computes it in Triton kernels, which exist for GPUs only (on a CPU its
  trainer fails at the first step). On a CPU the logits are computed on completion positions only,
  the rest being masked anyway: half the tokens, and with a large vocabulary most of the memory.
- The shapes: on a CPU rows are filled up to multiples of 32 tokens and learned positions to
  multiples of 256. Each new shape costs oneDNN a compilation and memory, and so there are few.
- The order: batches of similar length, shuffled, as a function of seed and epoch alone. The
  library's length-grouped sampler draws from the global generator, so that a resumed run sees
  another order; and it sorts batches from long to short.
- The learning rate follows progress in steps or time (:mod:`setaccio.train.schedule`).
- No model card is written into the checkpoint folder.

Import this module after Unsloth where Unsloth is used: Unsloth replaces ``trl.SFTTrainer``.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft.utils import ModulesToSaveWrapper
from torch.optim.lr_scheduler import LambdaLR
from transformers import PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer

from setaccio.train.config import TrainConfig
from setaccio.train.encode import IGNORED, Encoded
from setaccio.train.schedule import Clock, rate_at

NEVER = 10**9  # steps; the library evaluates and saves at the end all the same
POOL_BATCHES = 50  # batches among which rows are sorted by length
LENGTH_STEP = 32  # tokens; on a CPU rows are as long as a multiple of this
SELECTED_STEP = 256  # learned positions are filled up to multiples of this


class LengthBatches(torch.utils.data.Sampler):  # type: ignore[misc]  # torch is not followed
    """Row numbers in batches of similar length, the batches in random order.

    Args:
        lengths: tokens of each row.
        batch_size: rows per batch.
        seed: with the epoch, decides the order.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self.lengths = list(lengths)
        self.batch_size = batch_size
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order is iterated next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        generator = random.Random(f"order:{self.seed}:{self.epoch}")
        rows = list(range(len(self.lengths)))
        generator.shuffle(rows)
        pool = POOL_BATCHES * self.batch_size
        batches = []
        for start in range(0, len(rows), pool):
            near = sorted(rows[start : start + pool], key=self.lengths.__getitem__)
            batches += [near[i : i + self.batch_size] for i in range(0, len(near), self.batch_size)]
        # A batch that is not full must come last, or it would shift all that follow.
        part = [batch for batch in batches if len(batch) < self.batch_size]
        full = [batch for batch in batches if len(batch) == self.batch_size]
        generator.shuffle(full)
        return iter([row for batch in full + part for row in batch])


class Trainer(SFTTrainer):  # type: ignore[misc]  # TRL is not typed
    """The trainer of both back ends; see the module's docstring for what it changes."""

    settings: TrainConfig
    clock: Clock
    lr_scheduler: Any

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
        if inputs["input_ids"].device.type != "cpu" or return_outputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        return completion_loss(model, inputs, self.args.bf16, num_items_in_batch)


def completion_loss(
    model: Any, inputs: dict[str, Any], bf16: bool, num_items_in_batch: Any = None
) -> torch.Tensor:
    """Cross-entropy of next tokens, with logits on labelled positions only.

    Args:
        model: a PEFT model over a causal language model.
        inputs: ``input_ids`` and ``labels``, both int64 (rows, length), padded on the right, so
            that causal attention needs no mask.
        bf16: whether matrix products are computed in bf16.
        num_items_in_batch: what the sum is divided by (labelled tokens of all accumulated
            batches); by default the labelled tokens here.

    Returns:
        A float32 scalar in nats per token.
    """
    pad = torch.nn.functional.pad
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    targets = pad(inputs["labels"][:, 1:], (0, 1), value=IGNORED).flatten()
    learned = (targets != IGNORED).nonzero().squeeze(1)
    # Filled up with position 0, which nothing is learned from there: its label is ignored.
    selected = pad(learned, (0, -len(learned) % SELECTED_STEP))
    gold = targets[selected]
    gold[len(learned) :] = IGNORED
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
        output = inner.base_model(input_ids=inputs["input_ids"], use_cache=False)
        logits = inner.get_output_embeddings()(output.last_hidden_state.flatten(0, 1)[selected])
    total = torch.nn.functional.cross_entropy(logits.float(), gold, reduction="sum")
    count = len(learned) if num_items_in_batch is None else num_items_in_batch
    return total / torch.as_tensor(count).clamp(min=1)


def dataset(rows: Sequence[Encoded], *, by_length: bool = False) -> Dataset:
    """Rows as a data set with ``input_ids``, ``labels`` and ``length`` columns.

    Args:
        rows: encoded pairs.
        by_length: sort them, so that evaluation batches carry little padding.
    """
    ordered = sorted(rows, key=lambda row: len(row.input_ids)) if by_length else rows
    return Dataset.from_list(
        [
            {"input_ids": row.input_ids, "labels": row.labels, "length": len(row.input_ids)}
            for row in ordered
        ]
    )


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
    """
    limit = config.epoch_limit
    on_cpu = not torch.cuda.is_available()
    arguments = SFTConfig(
        output_dir=str(checkpoints),
        per_device_train_batch_size=config.batch_size,
        per_device_eval_batch_size=config.batch_size,
        gradient_accumulation_steps=config.gradient_accumulation,
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        max_grad_norm=config.max_grad_norm,
        optim="adamw_torch",
        # Without a limit in epochs the time budget ends the run, or max_steps does.
        num_train_epochs=limit if limit is not None else 10_000,
        max_steps=_step_limit(config, len(train_rows)),
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
        gradient_checkpointing=config.gradient_checkpointing,
        max_length=None,
        packing=False,
        pad_to_multiple_of=LENGTH_STEP if on_cpu else None,
        dataset_kwargs={"skip_prepare_dataset": True},
        include_num_input_tokens_seen="non_padding",
        report_to="none",
        disable_tqdm=True,
        log_level="error",
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=dataset(train_rows),
        eval_dataset=dataset(eval_rows, by_length=True) if eval_rows else None,
        processing_class=tokenizer,
        callbacks=[clock, *callbacks],
        peft_config=peft_config,
    )
    _widen_embeddings(trainer.model)
    trainer.settings, trainer.clock = config, clock
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
