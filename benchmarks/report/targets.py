"""What was promised, beside what was measured."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import NamedTuple

from benchmarks.report.summary import Column, Row

Measure = Callable[[Column], float | None]

REASONS: dict[str, str] = {}
"""By a target's key, why it is missed, where that is known; shown where it is."""


class Target(NamedTuple):
    """A number that was promised.

    Attributes:
        key: of :data:`REASONS`.
        what: in words.
        wanted: the promise.
        at_most: whether the number should not be more, or not be less.
        unit: behind the numbers.
        measure: the number; None where it was not measured, or a KeyError.
    """

    key: str
    what: str
    wanted: float
    at_most: bool
    unit: str
    measure: Measure

    def value(self, column: Column) -> float | None:
        """The number; None where it was not measured."""
        try:
            return self.measure(column)
        except (KeyError, TypeError, ZeroDivisionError, IndexError):
            return None

    def met(self, value: float) -> bool:
        """Whether the promise is kept, to the digits that tables show."""
        value = round(value, 1 if self.unit == "%" else 2)
        return value <= self.wanted if self.at_most else value >= self.wanted


def _arms(name: str, over: str, under: str) -> Measure:
    """Ratio of a number of two arms."""
    return lambda of: float(getattr(of.rows[over], name) / getattr(of.rows[under], name))


def _percent(row: Callable[[Column], Row], name: str, kind: str = "") -> Measure:
    """A number of a row in hundredths, of what the machine can do where that is named."""
    return lambda of: 100 * getattr(row(of), name) / (of.roofline[kind] if kind else 1.0)


def _serial(of: Column) -> Row:
    return of.rows["ours-serial-schema"]


def _batched(of: Column) -> Row:
    return of.rows["ours-batched-schema"]


def _busy(arm: str) -> Measure:
    return lambda of: of.rows[arm].tokens_per_second / of.busy[arm].tokens_per_second


def _command(name: str, what: str, scale: float = 1.0) -> Measure:
    return lambda of: median(found[what] for found in of.commands[name]) / scale


_SERIAL, _BATCHED = "ours-serial-schema", "ours-batched-schema"
_SPEED = "tokens_per_second"
_BATCH_GAIN = _arms(_SPEED, _BATCHED, _SERIAL)

TARGETS = (
    Target(
        "free",
        "constrained / free, seconds a document, serial",
        1.0,
        True,
        "",
        _arms("per_document", _SERIAL, "ours-serial-none"),
    ),
    Target(
        "free",
        "constrained / free, seconds a document, batched",
        1.0,
        True,
        "",
        _arms("per_document", _BATCHED, "ours-batched-none"),
    ),
    Target(
        "outlines",
        "batched / Outlines as documented, tokens/s",
        3.0,
        False,
        "",
        _arms(_SPEED, _BATCHED, "outlines-outlines_core"),
    ),
    Target(
        "outlines",
        "batched / Outlines (llguidance), tokens/s",
        3.0,
        False,
        "",
        _arms(_SPEED, _BATCHED, "outlines-llguidance"),
    ),
    Target(
        "serial", "batched / serial, tokens/s", 2.0, False, "", _arms(_SPEED, _BATCHED, _SERIAL)
    ),
    Target(
        "server",
        "batched / llama.cpp's server, as many slots, tokens/s",
        1.5,
        False,
        "",
        _arms(_SPEED, _BATCHED, "server"),
    ),
    Target("masks", "masks and Python, serial", 3.0, True, "%", _percent(_serial, "overhead")),
    Target("masks", "masks and Python, batched", 3.0, True, "%", _percent(_batched, "overhead")),
    Target(
        "reading",
        "prompt reading, of the matrix rate of the weights' type",
        70.0,
        False,
        "%",
        _percent(_serial, "reading_rate", "weights"),
    ),
    Target(
        "decoding",
        "batched decoding, of the matrix rate of the weights' type",
        50.0,
        False,
        "%",
        _percent(_batched, "decoding_rate", "weights"),
    ),
    Target(
        "first",
        "first document of a batch / the same by itself, seconds",
        1.5,
        True,
        "",
        _arms("first_s", _BATCHED, _SERIAL),
    ),
    Target("busy", "beside one busy core, times slower, serial", 2.2, True, "", _busy(_SERIAL)),
    Target("busy", "beside one busy core, times slower, batched", 2.2, True, "", _busy(_BATCHED)),
    Target(
        "same",
        "token-identical to one at a time without guesses, near ties included",
        100.0,
        False,
        "%",
        lambda of: 100 * (of.agreement["same"] + of.agreement["near"]) / of.agreement["of"],
    ),
    Target(
        "cold",
        "`setaccio extract note.txt`, cold, seconds",
        1.5,
        True,
        "",
        _command("cold", "seconds"),
    ),
    Target("help", "`setaccio --help`, seconds", 0.2, True, "", _command("help", "seconds")),
    Target(
        "peak",
        "`setaccio extract`, peak with as many slots, MB",
        400.0,
        True,
        "",
        _command("peak", "peak_bytes", 1e6),
    ),
    Target(
        "endurance",
        "memory at the end of many documents / after a tenth of them",
        1.05,
        True,
        "",
        lambda of: of.endurance["resident_bytes"][-1] / of.endurance["resident_bytes"][0],
    ),
)
"""Every promise, in the order of the table."""
