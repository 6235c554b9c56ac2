"""From an exception to one line on standard error and an exit code.

  0  everything went well
  1  some documents failed, findings were reported, or an unexpected error
  2  usage: flags, configuration, a missing file or an optional install that is absent
  3  the task or its schema can not be used
  4  documents or pairs can not be read
  5  the model is missing, corrupt, of the wrong kind, or llama.cpp crashes here
  6  training was refused or went wrong
  7  export failed or its proof did
  8  eval --against: worse than the earlier run by more than the tolerance
130  interrupted with Ctrl-C
141  the reader of the output went away
"""

from __future__ import annotations

import os
import sys

from setaccio.cli.console import fail, one_line

OK = 0
SOME_FAILED = 1
USAGE = 2
BROKEN_TASK = 3
BROKEN_MODEL = 5
REGRESSED = 8
INTERRUPTED = 130
PIPE_CLOSED = 141
_TRAINING = frozenset(
    {"torch", "transformers", "trl", "peft", "datasets", "accelerate", "safetensors", "tokenizers"}
)
TRACEBACK = "SETACCIO_TRACEBACK"
"""Environment variable that, when set, shows where an error was raised."""


def report(error: BaseException) -> int:
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
    if isinstance(error, BrokenPipeError):
        # What Python still holds for the closed pipe must go somewhere when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    if hasattr(error, "format_message"):  # the option parser's own errors
        context = getattr(error, "ctx", None)
        hint = f" See: {context.command_path} --help" if context else ""
        fail(f"{error.format_message()}{hint}")
        return USAGE
    return _report_ours(error)


def _report_ours(error: BaseException) -> int:
    from setaccio.data.errors import MissingExtraError, SetaccioError

    if isinstance(error, ModuleNotFoundError) and error.name in _TRAINING:
        error = MissingExtraError("train", error.name)
    if isinstance(error, SetaccioError):
        fail(error)
        return error.exit_code
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        fail(f"{where}{error.strerror}.")
        return SOME_FAILED
    said = one_line(error)
    fail(
        f"{type(error).__name__}{': ' + said if said else ''}. This is a fault of Setaccio; "
        f"{TRACEBACK}=1 shows where it happened."
    )
    return SOME_FAILED
