"""What a process needs around its verb: Ctrl-C before and after it, and three open streams.

Loads next to nothing, as a Ctrl-C while it is imported would end in a traceback.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

INTERRUPTED = 130


def leave(_number: int = 0, _frame: FrameType | None = None) -> NoReturn:
    """End at once, without the clean-up in which a Ctrl-C would be one more error."""
    os._exit(INTERRUPTED)


def leave_on_interrupt() -> None:
    """Have Ctrl-C end the process at once: nothing has begun, or everything is done.

    A process that was started to ignore Ctrl-C (``nohup``, ``&`` in a script) still does.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, leave)


def raise_on_interrupt() -> None:
    """Have Ctrl-C raise ``KeyboardInterrupt``, as it does by default.

    One that comes in a finaliser or in a callback of C code can not be raised there: Python would
    show a traceback and go on. It ends the process at once.
    """
    if signal.getsignal(signal.SIGINT) is leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.unraisablehook = _leave_or_show


def _leave_or_show(unraisable: sys.UnraisableHookArgs) -> None:
    if isinstance(unraisable.exc_value, KeyboardInterrupt):
        leave()
    sys.__unraisablehook__(unraisable)


def ignore_interrupts() -> None:
    """Have Ctrl-C do nothing more: the process ends by one already, and soon."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def fill_closed_streams() -> None:
    """Put something in the place of standard streams that are closed, as after ``>&-``.

    The next file that is opened would take the place, and what is printed would go into it.
    Results have nowhere to go and fail when they are written; messages are lost.
    """
    for number, access in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, access)  # takes the lowest number that is free
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure:  # a letter that the terminal's encoding lacks is no reason to fail
        reconfigure(errors="backslashreplace")
