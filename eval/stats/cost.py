"""What a run costs the machine: wall seconds, peak memory, and energy where it is metered.

    >>> with watch_cost() as watch:
    ...     work()
    >>> watch.cost.peak_bytes, watch.cost.joules

Peak memory is the process's greatest resident set during the block, as the Linux kernel counts it
(``VmHWM``, set back at the start through ``/proc/self/clear_refs``); a mapped GGUF is part of it.
Where it can not be set back, it is the greatest since the process began. Child processes do not
count.

Energy is what the processor packages report through RAPL (``/sys/class/powercap``, Intel and AMD):
the whole package, other programs included, without memory or screen. Many systems let only root
read it and virtual machines have none: then it is None, never a guess.
"""

from __future__ import annotations

import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
_INTERVAL = 30.0  # seconds between readings: a counter wraps after minutes to hours, never sooner
_PACKAGES = ("intel-rapl:[0-9]", "intel-rapl:[0-9][0-9]")  # not their parts, such as :0:1


@dataclass(frozen=True)
class Cost:
    """What a block of work cost.

    Attributes:
        seconds: wall time.
        peak_bytes: greatest resident set; None where the system does not tell.
        joules: energy of the processor packages; None where it is not metered.
        documents: how many documents were worked on meanwhile; 0 when not counted.
    """

    seconds: float
    peak_bytes: int | None = None
    joules: float | None = None
    documents: int = 0


class CostWatch:
    """What :func:`watch_cost` yields; ``cost`` is there when the block has ended.

    ``documents`` may be set or counted up by the block.
    """

    def __init__(self) -> None:
        self.documents = 0
        self.cost = Cost(0.0)


@contextmanager
def watch_cost(powercap: Path = POWERCAP) -> Iterator[CostWatch]:
    """Measure the block.

    Args:
        powercap: where the system exposes RAPL.
    """
    watch = CostWatch()
    meter = EnergyMeter(powercap)
    _forget_peak()
    begin = time.perf_counter()
    try:
        with meter:
            yield watch
    finally:
        seconds = time.perf_counter() - begin
        watch.cost = Cost(seconds, peak_bytes(), meter.joules, watch.documents)


class EnergyMeter:
    """Adds up the energy counters of all packages, wrap-arounds included, while it is entered.

    Args:
        powercap: folder with ``intel-rapl:0`` and the like.
    """

    def __init__(self, powercap: Path = POWERCAP) -> None:
        self._zones = [
            zone
            for pattern in _PACKAGES
            for zone in sorted(powercap.glob(pattern))
            if _microjoules(zone / "energy_uj") is not None
        ]
        self._last: dict[Path, int] = {}
        self._total = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep_reading, daemon=True)

    @property
    def joules(self) -> float | None:
        """Energy since it was entered; None where nothing is metered."""
        return self._total / 1e6 if self._zones else None

    def __enter__(self) -> EnergyMeter:
        for zone in self._zones:
            self._last[zone] = _microjoules(zone / "energy_uj") or 0
        if self._zones:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._read()

    def _keep_reading(self) -> None:
        while not self._stop.wait(_INTERVAL):
            self._read()

    def _read(self) -> None:
        for zone in self._zones:
            now = _microjoules(zone / "energy_uj")
            if now is None:
                continue
            used = now - self._last[zone]
            if used < 0:  # the counter began again at 0
                used += _microjoules(zone / "max_energy_range_uj") or -used
            self._total += used
            self._last[zone] = now


def _microjoules(file: Path) -> int | None:
    try:
        return int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _forget_peak() -> None:
    """Set the kernel's peak back to what is resident now (Linux; elsewhere nothing happens)."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


def peak_bytes() -> int | None:
    """Greatest resident set of this process since the peak was set back, in bytes."""
    try:
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if sys.platform == "darwin" else peak * 1024) or None
