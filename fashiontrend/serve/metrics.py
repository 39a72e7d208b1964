"""The Prometheus metrics of one replica."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The metrics of one replica; each replica has its own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "fashiontrend_http_requests",
            "Responses sent, by route, method and status.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "fashiontrend_http_request_seconds",
            "Seconds from the first byte of a request to the last byte of its response.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.pictures = Counter(
            "fashiontrend_pictures",
            "Pictures that callers sent for recognition, by the status of their result.",
            ("status",),
            registry=self.registry,
        )
        self.batches = Histogram(
            "fashiontrend_batch_pictures",
            "Number of pictures that went through the model in one batch.",
            buckets=_SIZES,
            registry=self.registry,
        )
        self.waiting = Gauge(
            "fashiontrend_waiting_pictures",
            "Pictures that wait for the model.",
            registry=self.registry,
        )
        self.processing = Gauge(
            "fashiontrend_answering_requests",
            "Requests whose body has arrived and whose response is not finished.",
            registry=self.registry,
        )
        self.receiving = Gauge(
            "fashiontrend_coming_bodies",
            "Requests whose body is still being received.",
            registry=self.registry,
        )
        self.release = Gauge(
            "fashiontrend_release_info",
            "1 for the release that this replica serves.",
            ("release",),
            registry=self.registry,
        )

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def watch_requests(
        self, processing: Callable[[], float], receiving: Callable[[], float]
    ) -> None:
        """Read the two gauges of current requests from functions, at every scrape."""
        self.processing.set_function(processing)
        self.receiving.set_function(receiving)

    def set_release(self, release_id: str) -> None:
        """Record which release this replica serves from now on."""
        self.release.clear()
        self.release.labels(release_id).set(1)
