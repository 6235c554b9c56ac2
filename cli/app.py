"""The tree of verbs, and the one place where errors become messages.

Importing this module loads nothing heavy: every verb imports what it works with when it is called.
Exit codes are in :mod:`setaccio.cli.terminal.exits` and in docs/cli.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from setaccio.cli import (
    demo,
    doctor,
    export,
    extract,
    merge,
    models,
    review,
    schema,
    serve,
    try_out,
)
from setaccio.cli.data import data, data_sets, label
from setaccio.cli.eval import budget, drift, reference, report, robustness, sweep
from setaccio.cli.eval import eval as eval_
from setaccio.cli.terminal.console import VERBS
from setaccio.cli.terminal.exits import OK, report_error
from setaccio.cli.train import improve, search, train

_HELP = "Free text in, JSON that always fits your schema out: offline, on a CPU."


class _Group(TyperGroup):
    """A group whose own flags are read only where there are some.

    Reading one, be it by its default, loads pydantic: a third of the time that ``--help`` takes.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Pass everything behind the name of a command on to it."""
        if not args or args[0] not in self.commands:
            return super().parse_args(ctx, args)
        ctx._protected_args, ctx.args = args[:1], args[1:]
        return args[1:]


class _Root(_Group):
    """The command group, which turns whatever a verb raises into a message and an exit code."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Name the verbs in the order in which they are used."""
        return [*VERBS]

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> NoReturn:
        """Parse, run a verb, and exit.

        The framework's own ``main`` prints errors in boxes and ends with 1 when a pipe is closed.
        """
        try:
            code = self._run(sys.argv[1:] if args is None else args)
            if sys.stdout is not None:
                sys.stdout.flush()
        except (Exception, KeyboardInterrupt) as error:
            code = report_error(error)
        except SystemExit as end:  # Rich's answer to a closed pipe
            if not isinstance(end.__context__, BrokenPipeError):
                raise
            code = report_error(end.__context__)
        sys.exit(code)

    def _run(self, args: Sequence[str]) -> int:
        _refuse_empty(args)
        try:
            with self.make_context("setaccio", list(args)) as context:
                self.invoke(context)
        except typer.Exit as end:
            return end.exit_code
        return OK


def _refuse_empty(args: Sequence[str]) -> None:
    """An unset shell variable gives an empty argument, which as a path is the current folder."""
    for before, argument in zip(("", *args), args, strict=False):
        flag = before if before.startswith("-") else "an argument"
        if argument.startswith("--") and argument.count("=") == 1 and argument.endswith("="):
            flag, argument = argument[:-1], ""
        if not argument:
            from setaccio.data.errors import UsageError

            raise UsageError(f"{flag} is empty. Is a shell variable not set?")


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


_data = typer.Typer(
    cls=_Group, help="Convert, label, generate, check, split and grow pairs.", no_args_is_help=True
)
_add(_data, data.generate, "generate", data.GENERATE_EXAMPLE)
_add(_data, data.check_verb, "check", data.CHECK_EXAMPLE)
_add(_data, data.split_verb, "split", data.SPLIT_EXAMPLE)
_add(_data, data_sets.convert_verb, "convert", data_sets.CONVERT_EXAMPLE)
_add(_data, data_sets.augment_verb, "augment", data_sets.AUGMENT_EXAMPLE)
_add(_data, data_sets.mix_verb, "mix", data_sets.MIX_EXAMPLE)
_add(_data, label.label_verb, "label", label.LABEL_EXAMPLE)
_add(_data, data.recipenlg, "recipenlg", data.RECIPENLG_EXAMPLE)
app.add_typer(_data, name="data", epilog=f"Example: {data.GENERATE_EXAMPLE}")
_schema = typer.Typer(
    cls=_Group, help="Look a JSON Schema over, or make one from examples.", no_args_is_help=True
)
_add(_schema, schema.schema_verb, "check", schema.CHECK_EXAMPLE)
_add(_schema, schema.infer_verb, "infer", schema.INFER_EXAMPLE)
app.add_typer(_schema, name="schema", epilog=f"Example: {schema.CHECK_EXAMPLE}")
_models = typer.Typer(
    cls=_Group, invoke_without_command=True, subcommand_metavar="[COMMAND [ARGS]...]"
)
_models.callback(epilog=f"Example: {models.EXAMPLE}")(models.models)
_add(_models, models.fetch_verb, "fetch", models.FETCH_EXAMPLE)
_add(_models, models.path, "path", models.PATH_EXAMPLE)
_add(_models, models.remove_verb, "remove", models.REMOVE_EXAMPLE)
app.add_typer(_models, name="models")
_train = typer.Typer(
    cls=_Group, invoke_without_command=True, subcommand_metavar="[search [ARGS]...]"
)
_train.callback(epilog=f"Example: {train.EXAMPLE}")(train.train_verb)
_add(_train, search.search_verb, "search", search.EXAMPLE)
app.add_typer(_train, name="train")
_add(app, export.export_verb, "export", export.EXAMPLE)
_add(app, extract.extract, "extract", extract.EXAMPLE)
_add(app, merge.merge_verb, "merge", merge.EXAMPLE)
_add(app, review.review_verb, "review", review.EXAMPLE)
_eval = typer.Typer(
    cls=_Group, invoke_without_command=True, subcommand_metavar="[COMPARISON [ARGS]...]"
)
_eval.callback(epilog=f"Example: {eval_.EXAMPLE}")(eval_.eval_verb)
_add(_eval, reference.reference, "reference", reference.EXAMPLE)
_add(_eval, sweep.sweep_verb, "sweep", sweep.EXAMPLE)
_add(_eval, robustness.robustness_verb, "robustness", robustness.EXAMPLE)
_add(_eval, report.report_verb, "report", report.EXAMPLE)
_add(_eval, budget.budget_verb, "budget", budget.EXAMPLE)
app.add_typer(_eval, name="eval")
_add(app, improve.improve, "improve", improve.EXAMPLE)
_add(app, drift.drift_verb, "drift", drift.EXAMPLE)
_add(app, serve.serve_verb, "serve", serve.EXAMPLE)
_add(app, doctor.doctor, "doctor", doctor.EXAMPLE)
_add(app, try_out.try_out, "try", try_out.EXAMPLE)
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
