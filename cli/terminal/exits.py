"""From an exception to one line on standard error and an exit code.

  0  everything went well
  1  some documents failed, findings were reported, or an unexpected error
  2  usage: flags, configuration, a missing file or an optional install that is absent
  3  the task or its schema is missing or can not be used
  4  documents or pairs can not be read
  5  the model is missing, corrupt, of the wrong kind, or llama.cpp crashes here
  6  training was refused or went wrong
  7  export failed or its proof did
  8  eval --against: worse than the earlier run by more than the tolerance
  9  drift: new results differ from the reference by more than chance
130  interrupted with Ctrl-C
141  the reader of the output went away
"""

from __future__ import annotations

import os
import sys

from setaccio.cli.terminal.console import fail, install_hint, one_line
from setaccio.cli.terminal.process import INTERRUPTED as INTERRUPTED

OK = 0
SOME_FAILED = 1
USAGE = 2
BROKEN_TASK = 3
BROKEN_MODEL = 5
REGRESSED = 8
DRIFTED = 9
PIPE_CLOSED = 141
_TRAINING = frozenset(
    {"torch", "transformers", "trl", "peft", "datasets", "accelerate", "safetensors", "tokenizers"}
)
TRACEBACK = "SETACCIO_TRACEBACK"
"""Environment variable that, when set, shows where an error was raised."""


def report_error(error: BaseException) -> int:
    """Print an error as one line.

    Args:
        error: what a verb raised.

    Returns:
        The exit code that belongs to it.
    """
    if os.environ.get(TRACEBACK):
        import traceback

        traceback.print_exception(error)
    if isinstance(error, KeyboardInterrupt):
        fail("Interrupted.")
        return INTERRUPTED
    output_failed = isinstance(error, OSError) and _discard_output()
    if isinstance(error, BrokenPipeError):
        return PIPE_CLOSED
    if hasattr(error, "format_message"):  # the option parser's own errors
        said = one_line(error.format_message())
        context = getattr(error, "ctx", None)
        hint = f" See: {context.command_path} --help" if context else ""
        if said:  # else it has shown the help of a command that needs more words
            fail(f"{said}{'' if said.endswith(('.', '?')) else '.'}{hint}")
        return USAGE
    return _report_ours(error, "standard output: " if output_failed else "")


def _discard_output() -> bool:
    """Whether standard output takes no more; what Python still holds for it then goes nowhere.

    Otherwise it would be tried once more when the process ends, with a traceback.
    """
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        return True
    return False


def _report_ours(error: BaseException, where: str) -> int:
    from setaccio.data.errors import MissingExtraError, SetaccioError

    if isinstance(error, ModuleNotFoundError) and error.name in _TRAINING:
        error = MissingExtraError("train", error.name)
    if isinstance(error, MissingExtraError):
        fail(f"{error.package} is not installed. {install_hint(error.extra)}")
        return error.exit_code
    if isinstance(error, SetaccioError):
        fail(error)
        return error.exit_code
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else where
        fail(f"{where}{error.strerror}.")
        return SOME_FAILED
    said = one_line(error)
    fail(
        f"{type(error).__name__}{': ' + said if said else ''}. This is a fault of Setaccio; "
        f"{TRACEBACK}=1 shows where it happened."
    )
    return SOME_FAILED
