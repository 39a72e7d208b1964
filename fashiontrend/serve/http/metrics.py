"""What Prometheus reads of a replica."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from fashiontrend.serve.http.admission import Admission

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The series of one replica; every replica has its own registry."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "fashiontrend_http_requests",
            "Answers by route, method and status.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "fashiontrend_http_request_seconds",
            "Time from the first byte of a request to the last of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.pictures = Counter(
            "fashiontrend_pictures",
            "Pictures that were asked for, by what became of them.",
            ("status",),
            registry=self.registry,
        )
        self.batches = Histogram(
            "fashiontrend_batch_pictures",
            "Pictures that went through the model together.",
            buckets=_SIZES,
            registry=self.registry,
        )
        self.waiting = Gauge(
            "fashiontrend_waiting_pictures",
            "Pictures that wait for the model.",
            registry=self.registry,
        )
        self.answering = Gauge(
            "fashiontrend_answering_requests",
            "Requests whose body is there and that are not answered yet.",
            registry=self.registry,
        )
        self.coming = Gauge(
            "fashiontrend_coming_bodies",
            "Requests whose body is on its way.",
            registry=self.registry,
        )
        self.release = Gauge(
            "fashiontrend_release_info",
            "1 for the release that answers.",
            ("release",),
            registry=self.registry,
        )

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)

    def follow(self, admission: Admission) -> None:
        """Show who has come in, whenever somebody looks."""
        self.answering.set_function(lambda: admission.answering)
        self.coming.set_function(lambda: admission.coming)

    def served(self, release_id: str) -> None:
        """Another release answers now."""
        self.release.clear()
        self.release.labels(release_id).set(1)
