"""Count requests and their time, by route and status, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from gateway.routing import Route

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """One registry for each application, so that several can live in a process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "http_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "http_request_seconds",
            "Time from a request's first byte to its answer.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._open = Gauge("http_requests_open", "Requests under way.", registry=self._registry)
        self._counters: dict[tuple[int, int], Counter] = {}
        self._timers: dict[int, Histogram] = {}

    def begin(self) -> None:
        self._open.inc()

    def end(self, route: Route | None, status: int, seconds: float) -> None:
        self._open.dec()
        key = id(route) if route is not None else 0
        counter = self._counters.get((key, status))
        if counter is None:
            counter = self._counters[key, status] = self._requests.labels(
                *_labels(route), str(status)
            )
        timer = self._timers.get(key)
        if timer is None:
            timer = self._timers[key] = self._seconds.labels(*_labels(route))
        counter.inc()
        timer.observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self._registry)


def _labels(route: Route | None) -> tuple[str, str]:
    return (route.method, route.path) if route is not None else ("", "unmatched")
