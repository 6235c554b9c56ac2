"""Reading flags: ``NAME=VALUE``, and flags that stand where they would be lost."""

from __future__ import annotations

import typer


def split_flag(flag: str, text: str, form: str) -> tuple[str, str]:
    """Name and value of a flag that is written ``NAME=VALUE``; the value may be empty.

    Args:
        flag: such as ``--set``.
        text: what was given.
        form: how it is written, for the message.

    Raises:
        UsageError: there is no name or no ``=``.
    """
    name, sign, value = text.partition("=")
    if not (sign and name.strip()):
        from setaccio.data.errors import UsageError

        raise UsageError(f"{flag} {text}: write it as {form}.")
    return name, value


def refuse_stray_flags(context: typer.Context) -> None:
    """Refuse a flag between a verb and the name of its command.

    Raises:
        UsageError: says where the flag belongs.
    """
    for name, value in context.params.items():
        source = context.get_parameter_source(name)
        if value is not None and source is not None and source.name == "COMMANDLINE":
            from setaccio.data.errors import UsageError  # loads pydantic: not for --help

            flag = "--" + name.replace("_", "-")
            raise UsageError(
                f"{flag}: goes behind the name: setaccio {context.info_name} "
                f"{context.invoked_subcommand} {flag} ..."
            )
