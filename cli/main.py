"""The ``setaccio`` command.

    setaccio extract notes.txt
    python -m setaccio.cli.main --help

The tree of verbs is in :mod:`setaccio.cli.app`; it is imported when Ctrl-C can no longer end in a
traceback.
"""

from __future__ import annotations

import sys

from setaccio.cli.terminal.process import (
    INTERRUPTED,
    fill_closed_streams,
    ignore_interrupts,
    leave,
    leave_on_interrupt,
    raise_on_interrupt,
)

_SHOWING = frozenset({"-h", "--help", "--list-settings", "--version"})


def main() -> None:
    """Run the command line and exit."""
    leave_on_interrupt()
    fill_closed_streams()
    if sys.argv[1:2] in (["train"], ["improve"], ["demo"]) and _SHOWING.isdisjoint(sys.argv):
        from setaccio.train.backend.device import keep_heap

        keep_heap("setaccio.cli.main")
    from setaccio.cli.app import app

    raise_on_interrupt()
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            ignore_interrupts()
        raise
    except KeyboardInterrupt:  # a second one, while the first was being reported
        leave()
    finally:
        leave_on_interrupt()


if __name__ == "__main__":
    main()
