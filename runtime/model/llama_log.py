"""llama.cpp's log, kept in memory in place of standard error.

llama.cpp writes hundreds of lines while it loads a model. Here they are swallowed, except errors:
when a load fails, these say why. ctypes discards what is raised in here, Ctrl-C too; so calls that
may log stand in :func:`uninterrupted`.
"""

from __future__ import annotations

import contextlib
import ctypes
import signal
import threading
from collections import deque
from collections.abc import Iterator
from types import FrameType
from typing import Any

import llama_cpp

# Values of `enum ggml_log_level` in ggml.h; a continued line has the level of the one before.
_ERROR, _CONTINUED = 4, 5


class _Recorder:
    """Keeps the latest errors."""

    def __init__(self) -> None:
        self.errors: deque[str] = deque(maxlen=8)
        self.callback: Any = None
        self._level = 0

    def record(self, level: int, text: bytes, _user_data: object) -> None:
        self._level = self._level if level == _CONTINUED else level
        line = " ".join(text.decode("utf-8", "replace").split())
        if self._level == _ERROR and line:
            self.errors.append(line)


_RECORDER = _Recorder()


def silence_llama() -> None:
    """Send llama.cpp's log here instead of to standard error. Harmless to call again."""
    if _RECORDER.callback is None:
        # The C side keeps only a pointer, so the callback must live as long as the process.
        _RECORDER.callback = llama_cpp.llama_log_callback(_RECORDER.record)
        llama_cpp.llama_log_set(_RECORDER.callback, ctypes.c_void_p(0))


def clear_errors() -> None:
    """Forget the errors recorded so far."""
    _RECORDER.errors.clear()


def last_errors() -> str:
    """The errors recorded since :func:`clear_errors`, in one line; may be empty."""
    return "; ".join(_RECORDER.errors)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """While this is entered, Ctrl-C waits; it is raised when this is left.

    Python runs a signal's handler in whichever of its code comes next. In the midst of a call into
    llama.cpp that is the log, and what is raised there is lost.
    """
    handler: Any = None
    # Handlers run in the main thread only, and only there can they be changed.
    if threading.current_thread() is threading.main_thread():
        handler = signal.getsignal(signal.SIGINT)
    if not callable(handler):
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    signal.signal(signal.SIGINT, lambda *call: came.append(call))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        if came:
            handler(*came[-1])
