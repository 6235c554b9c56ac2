"""``setaccio data``: make pairs, look them over, divide them.

Converting, augmenting and mixing are in :mod:`setaccio.cli.data.data_sets`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from setaccio.cli.terminal.console import tell_step, warn, warn_of, write_line
from setaccio.cli.terminal.exits import SOME_FAILED
from setaccio.cli.terminal.targets import check_targets as check_targets

if TYPE_CHECKING:
    from setaccio.data.records import Pair, Problem

T = TypeVar("T")

GENERATE_EXAMPLE = "setaccio data generate --count 4000 --seed 1 --out pairs.jsonl"
CHECK_EXAMPLE = "setaccio data check train.jsonl test.jsonl --task recipe"
SPLIT_EXAMPLE = "setaccio data split pairs.jsonl --out parts/ --test 0.1 --seed 1"
RECIPENLG_EXAMPLE = "setaccio data recipenlg full_dataset.csv --limit 1000 --out pairs.jsonl"

Out = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="FILE", help="Write here, not to standard output."),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace an --out that is there already.")
]


def write(pairs: Iterable[Pair], out: Path | None) -> int:
    """Write pairs to a file, whole or not at all, or to standard output as they come."""
    from setaccio.data.records import write_pairs
    from setaccio.data.task.task import dump_compact

    if out is not None:
        return write_pairs(out, pairs)
    count = 0
    for pair in pairs:
        write_line(dump_compact(pair.to_dict()))
        count += 1
    return count


def counted(pairs: Iterable[Pair], total: int | None) -> Iterator[Pair]:
    """Pass pairs on and show how many there are."""
    from setaccio.cli.terminal.meter import Meter

    with Meter(total, results_on_terminal=False, noun="pairs") as meter:
        for pair in pairs:
            yield pair
            meter.count(failed=False)


def usable(items: Iterable[T | Problem], problems: list[Problem]) -> Iterator[T]:
    """Pass on what can be used and put the problems aside."""
    from setaccio.data.records import Problem

    for item in items:
        if isinstance(item, Problem):
            problems.append(item)
        else:
            yield item


def warn_of_repeats(pairs: Iterable[Pair], what_follows: str) -> None:
    """Say which ids come more than once, where any does."""
    from setaccio.data.pairs.near_duplicates import Ids

    ids = Ids()
    for pair in pairs:
        ids.add(pair.id)
    if said := ids.said():
        warn(f"{said}. {what_follows}")


def generate(
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many pairs.")] = 1000,
    seed: Annotated[int, typer.Option(help="Pairs of different seeds differ.")] = 1,
    held_out: Annotated[
        bool, typer.Option("--held-out", help="Draw from what is kept for evaluation.")
    ] = False,
    out: Out = None,
    overwrite: Overwrite = False,
) -> None:
    """Generate recipe pairs: public-domain recipes, varied and written as prose."""
    from setaccio.data.recipes.generate import generate_pairs

    check_targets([out], [], overwrite=overwrite)
    written = write(counted(generate_pairs(count, seed, held_out=held_out), count), out)
    if out:
        tell_step(f"{written} pairs in {out}.")


def check_verb(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Pairs; several files are parts.")
    ],
    task: Annotated[str, typer.Option(metavar="NAME|FILE", help="The task.")] = "recipe",
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Report duplicates, leaks between files, ungrounded gold, over-long and empty rows.

    Nothing is changed. The exit code is 1 when something was found.
    """
    from setaccio.cli.choices.tasks import load_named
    from setaccio.data.errors import DataError
    from setaccio.data.pairs.checks import check_pairs
    from setaccio.data.records import read_numbered_pairs

    _refuse_twice(files)
    problems: list[Problem] = []
    parts = {str(file): usable(read_numbered_pairs(file), problems) for file in files}
    report = check_pairs(parts, load_named(task))
    if not any(report.sizes.values()) and not problems:
        raise DataError(f"{files[0]}: nothing to check. Each line is {{id, text, gold}}.")
    if as_json:
        bad = [str(problem) for problem in problems]
        write_line(json.dumps({**report.as_dict(), "bad_lines": bad}, ensure_ascii=False))
    else:
        write_line(report.render())
    warn_of(problems)
    for part, size in report.sizes.items():
        if not size:
            warn(f"{part}: holds no usable pair, so nothing was compared with it.")
    if problems:
        tell_step("Bad lines are no pairs. Repair or remove them; only the others were checked.")
    if problems or not report.ok:
        raise typer.Exit(SOME_FAILED)


def _refuse_twice(files: Iterable[Path]) -> None:
    from setaccio.data.errors import UsageError

    seen: dict[Path, Path] = {}
    for file in files:
        first = seen.setdefault(file.resolve(), file)
        if first is not file:
            raise UsageError(f"{file}: is {first} once more. Name each part once.")


def split_verb(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Pairs.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="For the parts.")],
    stratify: Annotated[
        str | None,
        typer.Option(metavar="FIELD", help="Give each part its share of every value of FIELD."),
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD|near|origin",
            help="Keep rows together: of one value of FIELD, of nearly the same text (near), or "
            "copies with what they were made from (origin).",
        ),
    ] = None,
    reference: Annotated[
        bool, typer.Option("--reference", help="The first 50, the last 100 and the rest between.")
    ] = False,
    validation: Annotated[float, typer.Option(help="Share of the validation part.")] = 0.05,
    test: Annotated[float, typer.Option(help="Share of the test part.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Another seed, another division.")] = 1,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave bad lines out instead of refusing them.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace parts that are there already.")
    ] = False,
) -> None:
    """Divide pairs into parts: by a hash of their ids, evenly by a field of the gold, or in groups.

    FIELD is a field of the gold, such as intent or author.name.
    """
    from setaccio.data.errors import UsageError
    from setaccio.data.pairs.splits import check_division, divide_pairs, reference_split
    from setaccio.data.records import load_pairs, write_pairs

    if reference and (stratify or group):
        raise UsageError("--reference divides by position; leave --stratify and --group out.")
    pairs, problems = load_pairs(file, skip_bad=skip_bad)
    warn_of(problems)
    if reference:
        rows = reference_split(len(pairs))
        chosen = {"first": rows.first, "train": rows.train, "last": rows.last}
        parts = {name: [pairs[row] for row in part] for name, part in chosen.items()}
    else:
        shares = {"validation": validation, "test": test}
        parts, names = divide_pairs(pairs, seed, **shares, stratify=stratify, group=group)
        sizes = {name: len(part) for name, part in parts.items()}
        for name in check_division(sizes, names, shares):
            warn(f"{out}: the part {name} is empty: {len(pairs)} pairs are few for its share.")
    warn_of_repeats(pairs, "Rows of one id are not told apart; `setaccio data check` lists them.")
    targets = {name: out / f"{name}.jsonl" for name in parts}
    check_targets(targets.values(), [file], overwrite=overwrite)
    for name, part in parts.items():
        write_pairs(targets[name], part)
    tell_step(f"{out}: " + ", ".join(f"{len(part)} {name}" for name, part in parts.items()) + ".")


def recipenlg(
    file: Annotated[Path, typer.Argument(metavar="CSV", help="RecipeNLG, either CSV form.")],
    seed: Annotated[int, typer.Option(help="Another seed writes other texts.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Read only so many recipes.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse the file at its first bad row.")
    ] = False,
    out: Out = None,
    overwrite: Overwrite = False,
) -> None:
    """Write RecipeNLG rows as prose: pairs of a text and its recipe.

    The file is streamed. Bad rows are named with their line and left out.
    """
    from itertools import islice

    from setaccio.data.recipes.recipenlg import read_recipenlg, recipenlg_pairs

    check_targets([out], [file], overwrite=overwrite)
    problems: list[Problem] = []
    rows = islice(usable(read_recipenlg(file, strict=strict), problems), limit)
    written = write(counted(recipenlg_pairs(rows, seed), limit), out)
    warn_of(problems)
    if out:
        tell_step(f"{written} pairs in {out}, {len(problems)} bad rows left out.")
