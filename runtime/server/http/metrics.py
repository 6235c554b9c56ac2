"""What ``/metrics`` tells Prometheus; each application has numbers of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from setaccio.runtime.server.request_types import EngineStats

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300)


class Metrics:
    """Counts requests, and asks the engine for the rest when it is asked itself.

    Args:
        stats: gives the engine's state.
    """

    def __init__(self, stats: Callable[[], EngineStats]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_EngineNumbers(stats))
        self._requests = Counter(
            "setaccio_requests",
            "Requests that were answered.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "setaccio_request_seconds",
            "Seconds from a request's head to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note a request that was answered."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """The numbers in Prometheus' text format."""
        return generate_latest(self._registry)


class _EngineNumbers(Collector):
    def __init__(self, stats: Callable[[], EngineStats]) -> None:
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        stats = self._stats()
        for name, told, number in (
            ("slots", "Answers that can be decoded at once.", stats.slots),
            ("busy_slots", "Slots in use.", stats.busy),
            ("queued", "Requests that wait for a slot.", stats.queued),
            ("oldest_seconds", "Age of the request in work for longest.", stats.oldest_seconds),
            ("queue_seconds", "Mean wait of the latest requests.", stats.queue_seconds),
        ):
            yield GaugeMetricFamily(f"setaccio_{name}", told, number)
        yield _by("documents", "Documents by the status of their result.", stats.documents)
        yield _by("chats", "Completions by how they ended.", stats.chats)
        kinds = {"prompt": stats.prompt_tokens, "completion": stats.completion_tokens}
        yield _by("tokens", "Tokens of prompts and of answers.", kinds, "kind")
        for name, told, number in (
            ("passes", "Forward passes.", stats.passes),
            ("pass_seconds", "Seconds in forward passes.", stats.pass_seconds),
        ):
            yield CounterMetricFamily(f"setaccio_{name}", told, number)


def _by(
    name: str, told: str, counts: Mapping[str, float], label: str = "status"
) -> CounterMetricFamily:
    family = CounterMetricFamily(f"setaccio_{name}", told, labels=[label])
    for key, count in counts.items():
        family.add_metric([key], count)
    return family
