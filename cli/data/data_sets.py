"""``setaccio data convert``, ``augment`` and ``mix``: training sets from what there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from setaccio.cli.data.data import (
    Out,
    Overwrite,
    check_targets,
    counted,
    usable,
    warn_of_repeats,
    write,
)
from setaccio.cli.terminal.console import tell_step, warn, warn_of

if TYPE_CHECKING:
    from setaccio.data.records import Pair, Problem

CONVERT_EXAMPLE = (
    "setaccio data convert phrases.csv --text '{phrase}' --fields tone --out pairs.jsonl"
)
AUGMENT_EXAMPLE = (
    "setaccio data augment train.jsonl --task recipe --typos 0.2 --space 0.2 --out more.jsonl"
)
MIX_EXAMPLE = (
    "setaccio data mix real.jsonl made.jsonl --weight made.jsonl=0.5 --examples 2 --out mixed.jsonl"
)

SkipBad = Annotated[
    bool, typer.Option("--skip-bad", help="Leave bad rows out instead of refusing the source.")
]
Seed = Annotated[int, typer.Option(help="Another seed, another result.")]


def convert_verb(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A .jsonl, .json, .csv, .tsv or .parquet file, a folder of documents with their "
            "gold as .json beside them or of datasets, or hub:OWNER/NAME; with a slice, such as "
            "[:4096], behind it.",
        ),
    ],
    text: Annotated[
        str | None,
        typer.Option(
            metavar="TEMPLATE", help="The text, such as '{title}: {body}' or '{file:document}'."
        ),
    ] = None,
    fields: Annotated[
        str | None, typer.Option(metavar="COLUMN,...", help="The gold: these columns as they are.")
    ] = None,
    gold: Annotated[
        str | None,
        typer.Option(
            metavar="TEMPLATE|FILE",
            help='The gold: JSON with columns in it, such as \'{"tone": "{tone}"}\', a file of '
            "such, or '{column}' for a column that holds all of it.",
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            metavar="pairs|messages|sharegpt|alpaca|completion",
            help="The form of the rows; seen from their columns by default.",
        ),
    ] = None,
    part: Annotated[
        str | None, typer.Option("--split", metavar="SLICE", help="Such as train[:4096] or [10%:].")
    ] = None,
    task: Annotated[
        str | None, typer.Option(metavar="NAME|FILE", help="Rows whose gold breaks it are bad.")
    ] = None,
    id_: Annotated[
        str | None, typer.Option("--id", metavar="TEMPLATE", help="The ids, such as '{isbn}'.")
    ] = None,
    weight: Annotated[
        str | None,
        typer.Option(metavar="NUMBER|TEMPLATE", help="The pairs' weight in training, above 0."),
    ] = None,
    delimiter: Annotated[
        str | None, typer.Option(metavar="CHARACTER", help="What separates the cells of a CSV.")
    ] = None,
    config: Annotated[
        str | None, typer.Option(metavar="NAME", help="The configuration of a Hub data set.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Read only so many rows.")] = None,
    skip_bad: SkipBad = False,
    allow_download: Annotated[
        bool, typer.Option("--allow-download", help="Let a data set be fetched from the Hub.")
    ] = False,
    out: Out = None,
    overwrite: Overwrite = False,
) -> None:
    """Make pairs of JSON, chat messages, CSV, Parquet or a Hub data set.

    Every bad row is named with its line. Nothing is fetched without --allow-download.
    """
    from setaccio.cli.choices.tasks import load_named
    from setaccio.data.errors import DataError, UsageError
    from setaccio.data.pairs.near_duplicates import Ids
    from setaccio.data.readers.convert import Rule, convert_rows
    from setaccio.data.readers.slices import Slice, parse_slice, split_source

    name, behind = (source, Slice()) if Path(source).exists() else split_source(source)
    if part is not None:
        if not behind.whole:
            raise UsageError(f"{source}: has a slice already. Leave --split out.")
        behind = parse_slice(part)
    of_task = load_named(task) if task else None
    rule = Rule(form, text, _gold(gold, fields), id_, weight, of_task)
    check_targets([out], [Path(name)], overwrite=overwrite)
    rows = convert_rows(
        name,
        rule,
        behind,
        delimiter="\t" if delimiter == "\\t" else delimiter,
        allow_download=allow_download,
        config=config,
    )
    problems: list[Problem] = []
    ids = Ids()

    def good() -> Iterator[Pair]:
        used = 0
        for pair in usable(islice(rows, limit), problems):
            used += 1
            ids.add(pair.id)
            yield pair
        if problems and not skip_bad:
            bad = "1 row" if len(problems) == 1 else f"{len(problems)} rows"
            raise DataError(
                f"{name}: {bad} can not be used{', so nothing was written' if out else ''}. Repair "
                "them, or leave them out with --skip-bad."
            )
        if not used:
            raise DataError(f"{name}: no usable row. Check the file, its slice and the template.")

    try:
        written = write(counted(good(), limit), out)
    finally:
        warn_of(problems)
    if said := ids.said():
        warn(f"{name}: {said}. Name a column that tells rows apart with --id '{{column}}'.")
    if out:
        lost = [problem for problem in problems if problem.lines]
        lines = sum(problem.lines for problem in lost)
        more = f" ({lines} lines)" if lines > len(lost) else ""
        tell_step(f"{written} pairs in {out}, {len(lost)} bad rows{more} left out.")


def _gold(template: str | None, fields: str | None) -> Any:
    """The template of the gold, as ``--gold`` or ``--fields`` says it."""
    from setaccio.data.errors import UsageError
    from setaccio.data.readers.convert import parse_gold

    if fields and template:
        raise UsageError("--fields and --gold exclude each other; give one of them.")
    if fields is not None:
        names = [name.strip() for name in fields.split(",")]
        return {name: f"{{{name}}}" for name in names if name}
    if template is None:
        return None
    file = Path(template)
    is_file = not template.lstrip().startswith("{") and file.is_file()
    return parse_gold(file.read_text(encoding="utf-8") if is_file else template)


def augment_verb(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Pairs, such as the train part.")],
    task: Annotated[str, typer.Option(metavar="NAME|FILE", help="The task.")] = "recipe",
    case: Annotated[float, typer.Option(help="Copies per pair with other capitals.")] = 0.0,
    typos: Annotated[float, typer.Option(help="Copies per pair with typing errors.")] = 0.0,
    space: Annotated[float, typer.Option(help="Copies per pair with other white space.")] = 0.0,
    order: Annotated[
        float, typer.Option(help="Copies per pair with sentences in another order.")
    ] = 0.0,
    absent: Annotated[
        float, typer.Option(help="Copies per pair with one field taken out of text and gold.")
    ] = 0.0,
    only_copies: Annotated[
        bool, typer.Option("--only-copies", help="Leave the pairs themselves out.")
    ] = False,
    seed: Seed = 1,
    skip_bad: SkipBad = False,
    out: Out = None,
    overwrite: Overwrite = False,
) -> None:
    """Make changed copies of pairs whose gold stays right, each of them proved.

    0.2 makes a copy of a fifth of the pairs, 2 makes two of each. Divide first: only the training
    part should grow.
    """
    from setaccio.cli.choices.tasks import load_named
    from setaccio.data.pairs.augment import AugmentReport
    from setaccio.data.pairs.augment import augment as make
    from setaccio.data.records import load_pairs

    check_targets([out], [file], overwrite=overwrite)
    shares = {"case": case, "typos": typos, "space": space, "order": order, "absent": absent}
    pairs, problems = load_pairs(file, skip_bad=skip_bad)
    warn_of(problems)
    warn_of_repeats(pairs, "Copies of them share their ids too; make ids unique first.")
    report = AugmentReport()
    made = make(pairs, load_named(task), shares, seed, keep=not only_copies, report=report)
    written = write(counted(made, None), out)
    tell_step(f"{report.render()}.")
    if out:
        tell_step(f"{written} pairs in {out}.")


def mix_verb(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="Pairs; a slice such as [:1000] may stand behind."),
    ],
    weight: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE=NUMBER", help="What the weights of a file are multiplied by."),
    ] = None,
    examples: Annotated[
        int, typer.Option(min=0, help="Worked examples in the prompt of the chosen pairs.")
    ] = 0,
    examples_share: Annotated[
        float, typer.Option(help="Share of the pairs that get examples.")
    ] = 0.5,
    shuffle: Annotated[bool, typer.Option("--shuffle", help="In another order.")] = False,
    seed: Seed = 1,
    skip_bad: SkipBad = False,
    out: Out = None,
    overwrite: Overwrite = False,
) -> None:
    """Put several files of pairs together, with weights and few-shot examples."""
    from setaccio.data.pairs.mix import MixSource, with_examples
    from setaccio.data.pairs.mix import mix as put_together
    from setaccio.data.readers.convert import load_any
    from setaccio.data.readers.slices import split_source

    weights = _weights(weight or [], files)
    paths = [Path(name if Path(name).exists() else split_source(name)[0]) for name in files]
    check_targets([out], paths, overwrite=overwrite)
    sources, problems = [], []
    for name, path in zip(files, paths, strict=True):
        pairs, bad = load_any(name, skip_bad=skip_bad)
        problems += bad
        sources.append(MixSource(path.stem, pairs, weights.get(name, weights.get(str(path), 1.0))))
    warn_of(problems)
    mixed = put_together(sources, shuffle=seed if shuffle else None)
    renamed = len(mixed) - len(
        {pair.id for each in sources for pair in each.pairs} & {pair.id for pair in mixed}
    )
    if renamed:
        warn(f"{renamed} ids were there before; the name of their file stands before them now.")
    written = write(with_examples(mixed, examples, examples_share, seed), out)
    if out:
        tell_step(f"{written} pairs in {out}.")


def _weights(texts: Sequence[str], files: Sequence[str]) -> dict[str, float]:
    from setaccio.data.errors import UsageError

    weights: dict[str, float] = {}
    for text in texts:
        name, sign, value = text.rpartition("=")
        known = {*files, *(file.partition("[")[0] for file in files)}
        try:
            weights[name] = float(value)
        except ValueError:
            sign = ""
        if not sign or name not in known:
            raise UsageError(f"--weight {text}: write FILE=NUMBER with a FILE that is mixed.")
    return weights
