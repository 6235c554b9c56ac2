"""How fast fine-tuning is on this machine's CPU: ``python -m benchmarks.training --help``.

Everything is a ratio within one run: the arithmetic that training needs, in operations a second,
against what this machine's float32 matrix products reach at that very time; rows of a batch against
rows apart; beside a busy core against alone; the time that was estimated against the time that it
took. Rows are random tokens: the time does not depend on what they say.

One process for each line, so that the peak of its memory is its own.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from typing import Any, NamedTuple

SKIPPED = 2  # first steps, in which the heap grows
ESTIMATED_AFTER = 3  # steps


class Kind(NamedTuple):
    """Rows of one kind, in tokens: what all begin with, the rest of the prompt, the answer."""

    shared: int
    document: tuple[int, int]
    answer: tuple[int, int]
    batch: int


KINDS = {
    "long": Kind(85, (60, 170), (70, 220), 4),  # recipes
    "short": Kind(120, (8, 30), (22, 38), 8),  # bookings
}


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    add = parser.add_argument
    add("--base", default="smollm2", help="the base model (default: %(default)s)")
    add("--steps", type=int, default=12, help="steps of each line (default: %(default)s)")
    add("--adapter-layers", type=int, help="for one more line: adapters on so many layers only")
    add("--threads", type=int, help="default: as many as PyTorch takes")
    add(
        "--processor-time",
        action="store_true",
        help="with --threads 1 on a machine that others use too: count the time that this process "
        "had a processor",
    )
    add("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def make_rows(kind: Kind, count: int, words: int) -> list[Any]:
    """Rows of random tokens that begin alike."""
    from setaccio.train.inputs.encode import Encoded

    draw = random.Random(0)
    shared = [draw.randrange(words) for _ in range(kind.shared)]
    rows = []
    for number in range(count):
        document, answer = draw.randint(*kind.document), draw.randint(*kind.answer)
        ids = shared + [draw.randrange(words) for _ in range(document + answer)]
        mask = [0] * (kind.shared + document) + [1] * answer
        rows.append(Encoded(f"row{number}", ids, mask))
    return rows


def useful(model: Any, rows: list[Any], shared: int) -> float:
    """Operations that a batch of rows needs, forwards and backwards, nothing computed twice."""
    config = model.config.get_text_config()
    layers = list(model.get_base_model().model.layers)
    trained = [any(p.requires_grad for p in layer.parameters()) for layer in layers]
    lowest = trained.index(True)
    frozen = [
        sum(p.numel() for p in layer.parameters() if not p.requires_grad and p.ndim == 2)
        for layer in layers
    ]
    adapter = sum(p.numel() for p in model.parameters() if p.requires_grad)
    tokens = shared + sum(len(row.input_ids) - shared for row in rows)
    labels = sum(sum(row.completion_mask) for row in rows)
    pairs = shared * shared / 2
    for row in rows:
        own = len(row.input_ids) - shared
        pairs += own * shared + own * own / 2
    heads = config.num_attention_heads * layers[0].self_attn.head_dim
    backwards = len(layers) - lowest
    return (
        2 * tokens * (sum(frozen) + sum(frozen[lowest:]))
        + 6 * tokens * adapter
        + 4 * heads * pairs * (len(layers) + 2 * backwards)
        + 4 * labels * config.vocab_size * config.hidden_size
    )


def matrix_rate(shapes: list[tuple[int, int]], now: Any, tokens: int = 512) -> float:
    """Best float32 operations a second of products with these weights (out, in)."""
    import torch

    best = 0.0
    for out, wide in shapes:
        left, right = torch.randn(tokens, wide), torch.randn(out, wide)
        for _ in range(6):
            begun = now()
            torch.nn.functional.linear(left, right)
            best = max(best, 2 * tokens * out * wide / (now() - begun))
    return best


def child(options: argparse.Namespace) -> dict[str, Any]:
    """Measure one kind of rows in this process."""
    import psutil
    import torch
    from transformers import TrainerCallback

    from setaccio.train import load_config
    from setaccio.train.backend.base import load_tokenizer, resolve_base
    from setaccio.train.fit import Training, build_trainer
    from setaccio.train.inputs.prepare import make_inputs
    from setaccio.train.inputs.sources import Rows
    from setaccio.train.loop.schedule import Clock
    from setaccio.train.record.plan import measure_pace
    from setaccio.train.record.progress import Reporter, quiet

    asked = json.loads(options.child)
    kind = KINDS[asked["kind"]]
    if options.threads:
        torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder, quiet():
        values = {
            "base": options.base,
            "pairs": "none",
            "out": folder,
            "precision": "fp32",
            "batch_size": kind.batch,
            "max_steps": options.steps,
            "save_steps": 0,
            "report_to": "none",
            "adapter_layers": asked.get("layers"),
        }
        config = load_config(None, values)
        base = resolve_base(config.base)
        tokenizer = load_tokenizer(base)
        encoded = make_rows(kind, 40 * kind.batch, 40_000)
        rows = Rows(encoded, [], None)  # type: ignore[arg-type]  # nothing was left out
        inputs = make_inputs(config, base, tokenizer, rows, "trl")
        needed = inputs.needed
        watch = _Watch(encoded, kind)
        if options.processor_time:
            watch.now = time.process_time

        class Hooks(TrainerCallback):  # type: ignore[misc]  # transformers is not typed
            def on_step_begin(self, *_: Any, **__: Any) -> None:
                watch.begin()

            def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
                watch.end(state.global_step)

        reporter = Reporter(Clock(None, 0.0))
        trainer = build_trainer(Training(inputs, reporter, [Hooks()]))
        if asked.get("apart"):
            _undo(trainer)
        watch.prepare(trainer)
        watch.pace = measure_pace(trainer, options.steps)
        if watch.pace:
            watch.pace.now = watch.now
        trainer.train()
    return {
        **watch.result(),
        "threads": torch.get_num_threads(),
        "level": torch.backends.cpu.get_cpu_capability(),
        "part": needed.part_tokens,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "end": psutil.Process().memory_info().rss / 2**30,
        "planned": needed.memory / 2**30,
    }


def _undo(trainer: Any) -> None:
    """Train as the libraries do by themselves: rows apart, PEFT's passes, batches whole."""
    for module in trainer.model.modules():
        vars(module).pop("forward", None)
    trainer.model.get_base_model().config._attn_implementation = "sdpa"
    trainer.flat, trainer.oom_retry.tokens = False, None


class _Watch:
    """Times each step, and the machine's matrix products before it."""

    def __init__(self, rows: list[Any], kind: Kind) -> None:
        self.rows, self.kind = rows, kind
        self.pace: Any = None
        self.steps: list[tuple[float, float, float, float]] = []
        self.memory: list[float] = []
        self.estimate = (0.0, 0)
        self.now = time.perf_counter

    def prepare(self, trainer: Any) -> None:
        """Count the operations of each step."""
        order, size = list(trainer._get_train_sampler()), self.kind.batch
        self.batches = [
            [self.rows[i] for i in order[s : s + size]] for s in range(0, len(order), size)
        ]
        self.model = trainer.model
        shapes = {tuple(p.shape) for n, p in self.model.named_parameters() if "base_layer" in n}
        self.shapes = sorted(shape for shape in shapes if len(shape) == 2)

    def begin(self) -> None:
        """Before a step."""
        self.rate = matrix_rate(self.shapes, self.now)
        self.pace.begin()
        self.begun = self.now()

    def end(self, step: int) -> None:
        """After a step."""
        import psutil

        spent = self.now() - self.begun
        self.pace.end(step)
        rows = self.batches[(step - 1) % len(self.batches)]
        needs = useful(self.model, rows, self.kind.shared)
        self.steps.append((spent, self.rate, needs, sum(len(row.input_ids) for row in rows)))
        self.memory.append(psutil.Process().memory_info().rss / 2**30)
        if step == ESTIMATED_AFTER:
            self.estimate = (self.pace.left(step), step)

    def result(self) -> dict[str, Any]:
        """What was found."""
        kept = self.steps[SKIPPED:]
        rate = max(rate for _, rate, _, _ in kept)
        shares = sorted(needs / spent / rate for spent, rate, needs, _ in kept)
        fastest = max(needs / spent for spent, _, needs, _ in kept)
        took = sum(spent for spent, _, _, _ in self.steps[ESTIMATED_AFTER:])
        return {
            "matrix": rate / 1e9,
            "useful": fastest / 1e9,
            "share": fastest / rate,
            "median_share": shares[len(shares) // 2],
            "best_tokens": max(tokens / spent for spent, _, _, tokens in kept),
            "tokens": sum(step[3] for step in kept) / sum(step[0] for step in kept),
            "estimated": self.estimate[0] / took,
            "growth": max(self.memory) - self.memory[SKIPPED],
        }


def measure(options: argparse.Namespace, busy: bool = False, **asked: Any) -> dict[str, Any]:
    """Run a child, beside a program that keeps one core busy where that is asked for."""
    command = [sys.executable, "-m", "benchmarks.training", "--base", options.base]
    command += ["--steps", str(options.steps), "--child", json.dumps(asked)]
    if options.processor_time:
        command.append("--processor-time")
    if options.threads:
        command += ["--threads", str(options.threads)]
    from benchmarks.measure import busy_core
    from setaccio.train.backend.device import TUNABLES

    environment = {**os.environ, "GLIBC_TUNABLES": TUNABLES}
    with busy_core(busy):
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure and print a table."""
    options = parse()
    if options.child:
        sys.stdout.write(json.dumps(child(options)) + "\n")
        return
    lines = {
        "long": measure(options, kind="long"),
        "short": measure(options, kind="short"),
        "short, as the libraries do it": measure(options, kind="short", apart=True),
        "short, one core busy": measure(options, busy=True, kind="short"),
    }
    if options.adapter_layers:
        name = f"short, top {options.adapter_layers} layers"
        lines[name] = measure(options, kind="short", layers=options.adapter_layers)
    sys.stdout.write("\n".join(table(options, lines)) + "\n")


def table(options: argparse.Namespace, lines: dict[str, dict[str, Any]]) -> list[str]:
    """What was measured, as Markdown."""
    first = lines["long"]
    head = "matrix products, GFLOP/s | useful, GFLOP/s | share (median) | tokens/s (mean)"
    written = [
        f"{first['threads']} threads, {first['level']}, {options.base}, {options.steps} steps",
        "",
        f"| rows | {head} | peak, GiB (planned) | growth, GiB | estimate / truth |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, of in lines.items():
        written.append(
            f"| {name} | {of['matrix']:.0f} | {of['useful']:.0f} | {of['share']:.0%} "
            f"({of['median_share']:.0%}) | {of['best_tokens']:.0f} ({of['tokens']:.0f}) | "
            f"{of['peak']:.2f} ({of['planned']:.2f}) | {of['growth']:.2f} | {of['estimated']:.2f} |"
        )
    slower = lines["short"]["tokens"] / lines["short, one core busy"]["tokens"]
    return [*written, "", f"beside one busy core {slower:.1f} times as long as alone"]


if __name__ == "__main__":
    main()
