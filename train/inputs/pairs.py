"""The pairs of a run: read, and divided into those to learn from and those to evaluate on.

Contract: ``training_pairs(config)`` gives the same division for the same file and seed; bad lines
are refused, or with ``skip_bad`` returned, so that none disappears without a word. Copies that
``setaccio data augment`` made of one pair stay together: one that is learned from would otherwise
give away another that is evaluated on.

With ``continue_from`` a share of the pairs are old ones, drawn by the seed from those that the
adapter has learned from, so that it does not forget. Pairs that it was evaluated on are never
learned from; they join the evaluation, in the same proportion. Of a document that the new pairs
bring again, with other gold perhaps, the old pairs are left out.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from setaccio.data.errors import UsageError
from setaccio.data.readers.convert import load_any
from setaccio.data.readers.hub import HUB
from setaccio.data.records import Pair, Problem, origin_of, pairs_digest
from setaccio.train.config.config import load_config
from setaccio.train.config.settings import TrainConfig

SHOWN_PROBLEMS = 10  # bad lines that are named; the rest is counted
ADVICE = "Give them with --set replay_pairs=FILE, or learn without them: --set replay_share=0"

Division = tuple[list[Pair], list[Pair], list[Problem]]


def training_pairs(config: TrainConfig) -> Division:
    """Read the pairs, divided into those to learn from and those for the evaluation loss.

    Args:
        config: names the files, or the share to hold out at random. A file may be anything that
            ``setaccio data convert`` reads without a template, and with a slice behind its name
            (``pairs.jsonl[:4096]``) only a part of it is taken.

    Returns:
        Both parts, and the lines that were left out on request.

    Raises:
        DataError: pairs can not be read.
        UsageError: as for :func:`mixed_pairs`.
    """
    return mixed_pairs(config)[:3]


class Mixed(NamedTuple):
    """The pairs of a run.

    Attributes:
        learned: pairs to learn from, the new ones first.
        held_out: pairs of the evaluation loss.
        problems: lines that were left out on request.
        replayed: how many of ``learned`` are old ones.
        wanted: how many ``replay_share`` asks for.
        known: how many there are to draw from.
    """

    learned: list[Pair]
    held_out: list[Pair]
    problems: list[Problem]
    replayed: int = 0
    wanted: int = 0
    known: int = 0

    def describe(self) -> str:
        """What was mixed, in a few words."""
        new = len(self.learned) - self.replayed
        said = f"{new} new pairs and {self.replayed} of {self.known} old ones"
        short = f"; replay_share asks for {self.wanted}" if self.replayed < self.wanted else ""
        return said + short


def mixed_pairs(config: TrainConfig) -> Mixed:
    """Read the pairs of a run, and those to be repeated.

    Raises:
        DataError: pairs can not be read.
        UsageError: it is not known which pairs the adapter has learned from, or their file is
            gone or another one.
    """
    return _mixed(config, _divide(config), _pool(config))


def _divide(config: TrainConfig) -> Division:
    """Read and divide the files of a run, without what ``continue_from`` adds."""
    generator = random.Random(f"split:{config.seed}")
    pairs, problems = load_any(config.pairs, skip_bad=config.skip_bad)
    if config.eval_pairs is not None:
        held_out, more = load_any(config.eval_pairs, skip_bad=config.skip_bad)
        learned, problems = list(pairs), problems + more
    else:
        groups = _groups(pairs)
        count = min(round(config.validation_share * len(groups)), len(groups) - 1)
        if config.validation_share and len(groups) > 1:
            count = max(count, 1)
        drawn = generator.sample(range(len(groups)), count)
        chosen = {index for group in drawn for index in groups[group]}
        held_out = [pair for index, pair in enumerate(pairs) if index in chosen]
        learned = [pair for index, pair in enumerate(pairs) if index not in chosen]
    return learned, _at_most(held_out, config.max_eval_pairs, generator), problems


def _groups(pairs: Sequence[Pair]) -> list[list[int]]:
    """Row numbers that stay together: a pair and its copies, or else a row alone."""
    origins = [origin_of(pair.id) for pair in pairs]
    copied = {each for each, pair in zip(origins, pairs, strict=True) if each != pair.id}
    groups: dict[str | int, list[int]] = {}
    for index, origin in enumerate(origins):
        groups.setdefault(origin if origin in copied else index, []).append(index)
    return list(groups.values())


def _pool(config: TrainConfig) -> tuple[list[Pair], list[Pair]]:
    """Pairs that the adapter has learned from, and those that it was evaluated on."""
    if config.continue_from is None or not config.replay_share:
        return [], []
    if config.replay_pairs is not None:
        update: dict[str, Any] = {"pairs": config.replay_pairs, "eval_pairs": None}
        if config.eval_pairs is not None:
            update["validation_share"] = 0.0
        learned, held_out, _ = _divide(config.model_copy(update=update))
        return learned, held_out
    if not config.continue_from.is_dir():
        raise UsageError(
            f"{config.continue_from}: does not know which pairs it has learned from. {ADVICE}"
        )
    _, own, older, _ = _read_run(config.continue_from)
    new = own[0] + own[1]
    return own[0] + _others(older[0], new), own[1] + _others(older[1], new)


def old_pairs(config: TrainConfig, but: Sequence[Pair] = ()) -> list[Pair]:
    """The pairs that replay draws from: all that the adapter has learned from.

    Args:
        config: with ``continue_from``; none where ``replay_share`` is 0.
        but: documents to leave out, with their copies.

    Raises:
        DataError, UsageError: as for :func:`mixed_pairs`.
    """
    return _others(_pool(config)[0], but)


def run_pairs(run: Path) -> tuple[TrainConfig, Mixed]:
    """The pairs of a run that was made before, held to the hashes that it kept.

    Returns:
        Its configuration, with paths that are right from here, and its pairs.

    Raises:
        DataError: pairs can not be read.
        UsageError: their file is gone, or another one.
    """
    config, _, _, mixed = _read_run(run)
    return config, mixed


def _read_run(run: Path) -> tuple[TrainConfig, Division, tuple[list[Pair], list[Pair]], Mixed]:
    """A run's configuration, its own pairs, those of the runs before it, and both mixed."""
    inputs = _kept(run)
    config = _located(load_config(run / "config.yaml"), Path(str(inputs.get("folder", "."))))
    try:
        own = _divide(config)
    except UsageError as error:
        raise UsageError(f"{run}: its pairs are not there any more. {error} {ADVICE}") from error
    older = _pool(config)
    mixed = _mixed(config, own, older)
    for name, pairs in (("pairs", mixed.learned), ("eval_pairs", mixed.held_out)):
        if inputs.get(f"{name}_sha256") not in (None, pairs_digest(pairs)):
            raise UsageError(
                f"{config.pairs}: is not what {run} has learned from any more (the SHA-256 "
                f"differs). {ADVICE}"
            )
    return config, own, older, mixed


def _kept(run: Path) -> dict[str, Any]:
    try:
        content = json.loads((run / "inputs.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _located(config: TrainConfig, folder: Path) -> TrainConfig:
    """The same with paths that are right from here: as they stand, or from where the run was."""
    update = {}
    for name in ("pairs", "eval_pairs", "continue_from", "replay_pairs"):
        path: Path | None = getattr(config, name)
        if path is not None and not path.exists() and not str(path).startswith(HUB):
            update[name] = folder / path
    return config.model_copy(update=update)


def _others(pairs: Sequence[Pair], than: Sequence[Pair]) -> list[Pair]:
    """Pairs of other documents; copies of a document go with it."""
    texts = {pair.text for pair in than}
    origins = {origin_of(pair.id) for pair in pairs if pair.text in texts}
    return [pair for pair in pairs if pair.text not in texts and origin_of(pair.id) not in origins]


def _mixed(
    config: TrainConfig,
    own: Division,
    pool: tuple[list[Pair], list[Pair]],
) -> Mixed:
    learned, held_out, problems = own
    if not any(pool):
        return Mixed(learned, held_out, problems)
    generator = random.Random(f"replay:{config.seed}")
    times = config.replay_share / (1 - config.replay_share)
    known = _others(pool[0], learned + held_out)
    wanted = round(times * len(learned))
    drawn = generator.sample(known, min(wanted, len(known)))
    if config.eval_pairs is None:
        old = _others(pool[1], learned + held_out)
        held_out = held_out + generator.sample(old, min(round(times * len(held_out)), len(old)))
        held_out = _at_most(held_out, config.max_eval_pairs, generator)
    return Mixed(learned + drawn, held_out, problems, len(drawn), wanted, len(known))


def _at_most(pairs: list[Pair], count: int, generator: random.Random) -> list[Pair]:
    return pairs if len(pairs) <= count else generator.sample(pairs, count)


def tell_problems(problems: Sequence[Problem], notes: Sequence[str] = ()) -> None:
    """Name the lines that were left out, the first ones at least, on standard error.

    Args:
        problems: the lines.
        notes: what else is to be said, such as of the task's schema.
    """
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for note in notes:
        console.print(f"warning: {note}", markup=False)
    for problem in problems[:SHOWN_PROBLEMS]:
        console.print(f"left out: {problem}", markup=False)
    if len(problems) > SHOWN_PROBLEMS:
        console.print(f"left out: {len(problems) - SHOWN_PROBLEMS} more bad lines")
