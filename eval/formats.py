"""How numbers are written in tables, charts and the report."""

from __future__ import annotations


def percent(rate: float) -> str:
    """A rate as a percentage with one digit, ``100%`` and ``0%`` without it.

    Anything short of all is shown as less than 100%, and anything above none as more than 0%.
    """
    if rate in (0.0, 1.0):
        return f"{rate:.0%}"
    return f"{min(max(rate, 0.001), 0.999):.1%}"


def points(difference: float) -> str:
    """A difference of rates in points of a hundred, such as ``+12.0``; never ``-0.0``."""
    return f"{100 * difference + 0:+.1f}".replace("-0.0", "+0.0")


def fixed(value: float | None, digits: int) -> str:
    """A number with so many digits behind the point; ``-`` when unknown."""
    return "-" if value is None else f"{value:.{digits}f}"


def megabytes(size: float | None, digits: int = 1) -> str:
    """Bytes as megabytes (10^6), without the unit; ``-`` when unknown."""
    return fixed(None if size is None else size / 1e6, digits)


def file_size(size: int | None) -> str:
    """A file's size such as ``4.6 MB``; empty when unknown."""
    if not size:
        return ""
    for limit, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if size >= limit:
            return f"{size / limit:.3g} {unit}"
    return f"{size} B"


def format_parameters(count: int) -> str:
    """A number of weights such as ``1.5 B`` or ``4.2 M``."""
    for size, letter in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if count >= size:
            return f"{count / size:.1f} {letter}"
    return str(count)
