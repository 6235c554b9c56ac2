"""What was promised, beside what was measured."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import NamedTuple

from benchmarks.report.summary import Column

Measure = Callable[[Column], float | None]


class Target(NamedTuple):
    """A number that was promised.

    Attributes:
        what: in words.
        wanted: ``≤`` or ``≥``, a number, and ``%`` where it is in hundredths.
        measure: finds the number.
    """

    what: str
    wanted: str
    measure: Measure

    def value(self, column: Column) -> float | None:
        """The number; None where it was not measured."""
        try:
            return self.measure(column)
        except (KeyError, TypeError, ZeroDivisionError, IndexError):
            return None

    def met(self, value: float) -> bool:
        """Whether the promise is kept, to the digits that tables show."""
        sign, bound, *percent = self.wanted.split()
        value = round(value, 1 if percent else 2)
        return value <= float(bound) if sign == "≤" else value >= float(bound)


def _arms(name: str, over: str, under: str) -> Measure:
    """Ratio of a number of two arms."""
    return lambda of: float(getattr(of.rows[over], name) / getattr(of.rows[under], name))


def _percent(arm: str, name: str, most: str = "") -> Measure:
    """A number of an arm in hundredths, of what the machine can do where that is named."""
    return lambda of: 100 * getattr(of.rows[arm], name) / (of.roofline[most] if most else 1.0)


def _speedup(over: str, under: str) -> Measure:
    return _arms("tokens_per_second", over, under)


def _busy(arm: str) -> Measure:
    return lambda of: of.rows[arm].tokens_per_second / of.busy[arm].tokens_per_second


def _command(name: str, what: str, scale: float = 1.0) -> Measure:
    return lambda of: median(found[what] for found in of.commands[name]) / scale


def _same(of: Column) -> float:
    return 100 * (of.agreement["same"] + of.agreement["near"]) / of.agreement["of"]


def _growth(of: Column) -> float:
    return float(of.endurance["resident_bytes"][-1] / of.endurance["resident_bytes"][0])


_ONE, _ALL = "ours-serial-schema", "ours-batched-schema"
_TIME = "per_document"

TARGETS = (
    Target("constrained / free, time, serial", "≤ 1", _arms(_TIME, _ONE, "ours-serial-none")),
    Target("constrained / free, time, batched", "≤ 1", _arms(_TIME, _ALL, "ours-batched-none")),
    Target("batched / Outlines as documented", "≥ 3", _speedup(_ALL, "outlines-outlines_core")),
    Target("batched / Outlines (llguidance)", "≥ 3", _speedup(_ALL, "outlines-llguidance")),
    Target("batched / serial", "≥ 2", _speedup(_ALL, _ONE)),
    Target("batched / llama.cpp's server, as many slots", "≥ 1.5", _speedup(_ALL, "server")),
    Target("masks and Python, serial", "≤ 3 %", _percent(_ONE, "overhead")),
    Target("masks and Python, batched", "≤ 3 %", _percent(_ALL, "overhead")),
    Target("prompt reading / matrix rate", "≥ 70 %", _percent(_ONE, "reading_rate", "weights")),
    Target("batched decoding / matrix rate", "≥ 50 %", _percent(_ALL, "decoding_rate", "weights")),
    Target("first of a batch / by itself, time", "≤ 1.5", _arms("first_s", _ALL, _ONE)),
    Target("one core busy, times slower, serial", "≤ 2.2", _busy(_ONE)),
    Target("one core busy, times slower, batched", "≤ 2.2", _busy(_ALL)),
    Target("token-identical to serial without guesses, or near ties", "≥ 100 %", _same),
    Target("`setaccio extract note.txt`, cold, s", "≤ 1.5", _command("cold", "seconds")),
    Target("`setaccio --help`, s", "≤ 0.2", _command("help", "seconds")),
    Target("`setaccio extract`, peak, MB", "≤ 400", _command("peak", "peak_bytes", 1e6)),
    Target("memory, at the end / after a tenth of many documents", "≤ 1.05", _growth),
)
"""Every promise, in the order of the table; ratios of arms are of answer tokens a second."""
