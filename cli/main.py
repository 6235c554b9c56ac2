"""The ``setaccio`` command: its verbs, and the one place where errors become messages.

    setaccio extract notes.txt
    python -m setaccio.cli.main --help

Importing this module costs a few milliseconds: every verb imports what it works with when it is
called. Exit codes are in :mod:`setaccio.cli.exits` and in docs/cli.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from setaccio.cli import (
    data,
    data_sets,
    demo,
    doctor,
    eval_reference,
    eval_report,
    eval_robustness,
    eval_sweep,
    export,
    extract,
    schema,
    search,
    train,
)
from setaccio.cli import eval as eval_
from setaccio.cli.exits import report

VERBS = ("data", "schema", "train", "export", "extract", "eval", "doctor", "demo")
_HELP = "Free text in, JSON that always fits your schema out: offline, on a CPU."


class _Root(TyperGroup):
    """The command group, which turns whatever a verb raises into a message and an exit code."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Name the verbs in the order in which they are used."""
        return [*VERBS]

    def invoke(self, ctx: Any) -> Any:
        """Run a verb."""
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort):
            raise
        except (Exception, KeyboardInterrupt) as error:
            raise typer.Exit(report(error)) from error


app = typer.Typer(
    cls=_Root,
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _add(group: typer.Typer, verb: Callable[..., None], name: str, example: str) -> None:
    group.command(name, epilog=f"Example: {example}")(verb)


_data = typer.Typer(help="Convert, generate, check, split and grow pairs.", no_args_is_help=True)
_add(_data, data.generate, "generate", data.GENERATE_EXAMPLE)
_add(_data, data.check, "check", data.CHECK_EXAMPLE)
_add(_data, data.split, "split", data.SPLIT_EXAMPLE)
_add(_data, data_sets.convert, "convert", data_sets.CONVERT_EXAMPLE)
_add(_data, data_sets.augment, "augment", data_sets.AUGMENT_EXAMPLE)
_add(_data, data_sets.mix, "mix", data_sets.MIX_EXAMPLE)
_add(_data, data.recipenlg, "recipenlg", data.RECIPENLG_EXAMPLE)
app.add_typer(_data, name="data", epilog=f"Example: {data.GENERATE_EXAMPLE}")
_schema = typer.Typer(help="Look a JSON Schema over before it is used.", no_args_is_help=True)
_add(_schema, schema.check, "check", schema.CHECK_EXAMPLE)
app.add_typer(_schema, name="schema", epilog=f"Example: {schema.CHECK_EXAMPLE}")
_train = typer.Typer(invoke_without_command=True, subcommand_metavar="[search [ARGS]...]")
_train.callback(epilog=f"Example: {train.EXAMPLE}")(train.train)
_add(_train, search.search, "search", search.EXAMPLE)
app.add_typer(_train, name="train")
_add(app, export.export, "export", export.EXAMPLE)
_add(app, extract.extract, "extract", extract.EXAMPLE)
_eval = typer.Typer(invoke_without_command=True, subcommand_metavar="[COMPARISON [ARGS]...]")
_eval.callback(epilog=f"Example: {eval_.EXAMPLE}")(eval_.evaluate)
_add(_eval, eval_reference.reference, "reference", eval_reference.EXAMPLE)
_add(_eval, eval_sweep.sweep, "sweep", eval_sweep.EXAMPLE)
_add(_eval, eval_robustness.robustness, "robustness", eval_robustness.EXAMPLE)
_add(_eval, eval_report.report, "report", eval_report.EXAMPLE)
app.add_typer(_eval, name="eval")
_add(app, doctor.doctor, "doctor", doctor.EXAMPLE)
_add(app, demo.demo, "demo", demo.EXAMPLE)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("setaccio"))
        raise typer.Exit()


@app.callback(epilog=f"Example: {extract.EXAMPLE}")
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_show_version)
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line and exit."""
    if sys.argv[1:2] in (["train"], ["demo"]):
        from setaccio.train.allocator import keep_heap

        keep_heap("setaccio.cli.main")
    app()


if __name__ == "__main__":
    main()
