"""More pairs from those that there are, with gold that stays right: ``setaccio data augment``.

Contract: every pair that is made is proved before it is given out: its gold fits the schema, and
whatever of the gold stood in the text, likeness aside, stands in the new text in the same letters.
A pair that can not be changed so is counted, not changed otherwise. The same seed and pair give the
same result, whatever else is in the file.

    for item in augment(pairs, task, {"typos": 0.2, "absent": 0.3}, seed=1): ...

kinds   what changes
case    upper and lower case, outside of the gold's values
typos   letters swapped, lost or doubled, in words that no value of the gold shares
space   blanks, line breaks and tabs, outside of the gold's values
order   the order of sentences, but for those that hold items of an ordered list
absent  a field's sentences are taken out and its gold becomes null, or is left out
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from setaccio.data.errors import UsageError
from setaccio.data.pairs.drop_fields import drop_field
from setaccio.data.pairs.shuffle import shuffle_sentences
from setaccio.data.pairs.typos import change_case, change_letters, change_spaces
from setaccio.data.records import Pair
from setaccio.data.schema.pointers import leaves
from setaccio.data.task.task import Task
from setaccio.data.text.evidence import evidence
from setaccio.data.text.sentences import Passage

_TRIES = 3
MOST_COPIES = 100


@dataclass
class AugmentReport:
    """What was made.

    Attributes:
        made: new pairs by kind.
        impossible: pairs by kind that were chosen and could not be changed and proved.
        invalid: pairs that were left alone because their own gold breaks the schema.
    """

    made: Counter[str] = field(default_factory=Counter)
    impossible: Counter[str] = field(default_factory=Counter)
    invalid: int = 0

    def render(self) -> str:
        """The counts in one line."""
        parts = [
            f"{kind}: {self.made[kind]} made, {self.impossible[kind]} not possible"
            for kind in KINDS
            if self.made[kind] or self.impossible[kind]
        ]
        if self.invalid:
            parts.append(f"{self.invalid} left alone, their gold breaks the schema")
        return "; ".join(parts) or "nothing was chosen"


def _kept(pair: Pair) -> list[Passage]:
    return evidence(pair.text, pair.gold).passages


def _case(pair: Pair, task: Task, rng: random.Random) -> Pair | None:
    return replace(pair, text=change_case(pair.text, _kept(pair), rng))


def _space(pair: Pair, task: Task, rng: random.Random) -> Pair | None:
    return replace(pair, text=change_spaces(pair.text, _kept(pair), rng))


def _typos(pair: Pair, task: Task, rng: random.Random) -> Pair | None:
    said = " ".join(value for _, value in leaves(pair.gold) if isinstance(value, str))
    spared = frozenset(word.casefold() for word in re.findall(r"[^\W\d_]+", said))
    return replace(pair, text=change_letters(pair.text, _kept(pair), rng, spared))


KINDS: dict[str, Callable[[Pair, Task, random.Random], Pair | None]] = {
    "case": _case,
    "typos": _typos,
    "space": _space,
    "order": shuffle_sentences,
    "absent": drop_field,
}
"""Every kind of change, by name."""


def proved(before: Pair, after: Pair, task: Task) -> bool:
    """Whether a changed pair is as right as the one that it was made from.

    Args:
        before: the pair as it was.
        after: the pair as it became; its gold may lack fields of the former.
        task: for its schema.

    Returns:
        True where the gold fits the schema, and each value of it that stood in the text before
        stands there now in the same letters.
    """
    if task.problems(after.gold):
        return False
    known = evidence(before.text, before.gold).found
    kept = Counter(map(repr, (value for _, value in leaves(after.gold))))
    for pointer, value in leaves(before.gold):
        if pointer in known and kept[repr(value)]:
            letters = [before.text[start:end] for start, end in known[pointer]]
            if not any(each in after.text for each in letters):
                return False
    return True


def check_shares(shares: Mapping[str, float]) -> None:
    """Refuse kinds that are not known, shares that mean nothing, and none at all.

    Raises:
        UsageError: names it.
    """
    for kind, share in shares.items():
        if kind not in KINDS or not 0 <= share <= MOST_COPIES:
            raise UsageError(
                f"{kind}: {share}: give {', '.join(KINDS)} a share from 0: 0.2 makes copies of a "
                f"fifth of the pairs, 2 makes two of each; at most {MOST_COPIES}."
            )
    if not any(shares.values()):
        raise UsageError(f"Nothing to do. Give at least one of --{', --'.join(KINDS)} a share.")


def augment(
    pairs: Iterable[Pair],
    task: Task,
    shares: Mapping[str, float],
    seed: int,
    *,
    keep: bool = True,
    report: AugmentReport | None = None,
) -> Iterator[Pair]:
    """Make changed copies of pairs.

    Args:
        pairs: where they are made from.
        task: its schema and scoring rules say what may change.
        shares: how many copies of a kind are made per pair, on average.
        seed: another seed, other copies.
        keep: give the pairs themselves out too, each before its copies.
        report: is filled while the pairs are given out.

    Yields:
        Pairs; a copy's id is that of its pair with ``~kind`` and a number behind.

    Raises:
        UsageError: a kind or share that means nothing.
    """
    check_shares(shares)
    report = report if report is not None else AugmentReport()
    for pair in pairs:
        if keep:
            yield pair
        if task.problems(pair.gold):
            report.invalid += 1
            continue
        for kind, share in shares.items():
            rng = random.Random(f"augment:{seed}:{kind}:{pair.id}")
            for number in range(1, int(share) + (rng.random() < share % 1) + 1):
                changed = _change(pair, task, kind, rng)
                if changed is None:
                    report.impossible[kind] += 1
                else:
                    report.made[kind] += 1
                    yield replace(changed, id=f"{pair.id}~{kind}{number}")


def _change(pair: Pair, task: Task, kind: str, rng: random.Random) -> Pair | None:
    for _ in range(_TRIES):
        changed = KINDS[kind](pair, task, rng)
        if changed is not None and changed.text != pair.text and proved(pair, changed, task):
            return changed
    return None
