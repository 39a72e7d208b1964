"""The Prometheus collector: the metrics of the last good reading, and whether the newest one succeeded."""

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, ProcessCollector, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from fashiontrend.config import Config
from fashiontrend.errors import ConfigError, FashiontrendError
from fashiontrend.exporter.families import families
from fashiontrend.exporter.state import Reader
from fashiontrend.storage.object_store import Store, open_store

log = logging.getLogger(__name__)


class Exporter(Collector):
    """Serves a scrape from memory; only `refresh` reads the store, so no scrape waits for it.

    Args:
        store: the store that is read.
        config: names the exported platforms, and holds prices.
        clock: returns the time.
    """

    def __init__(self, store: Store, config: Config, clock: Callable[[], datetime]) -> None:
        self.reader, self.config, self.clock = Reader(store), config, clock
        self._families: tuple[Metric, ...] = ()
        self._up = 0.0
        self._refreshed: datetime | None = None
        self._seconds = 0.0

    def refresh(self) -> None:
        """Read the store; if that fails, what was known stays and `fashiontrend_exporter_up` is 0."""
        began = time.monotonic()
        try:
            self._families = tuple(families(self.reader.read(), self.config))
        except FashiontrendError as error:
            self._up = 0.0
            log.warning("not refreshed: %s", error)
        except Exception:  # whatever the store holds, the exporter keeps serving
            self._up = 0.0
            log.exception("not refreshed")
        else:
            self._up, self._refreshed = 1.0, self.clock()
        self._seconds = time.monotonic() - began

    def collect(self) -> Iterator[Metric]:
        """The families of the last good reading, and the exporter's own."""
        yield GaugeMetricFamily(
            "fashiontrend_exporter_up",
            "1 if the newest reading of the store succeeded, else 0.",
            self._up,
        )
        yield GaugeMetricFamily(
            "fashiontrend_exporter_refresh_seconds",
            "Duration of the newest reading of the store, in seconds.",
            self._seconds,
        )
        if self._refreshed is not None:
            yield GaugeMetricFamily(
                "fashiontrend_exporter_refreshed_timestamp_seconds",
                "Unix time at which the store was last read successfully.",
                self._refreshed.timestamp(),
            )
        yield from self._families


def serve(config: Config, port: int, address: str) -> None:
    """Serve scrapes at any path of a port until SIGTERM or SIGINT, and read the store regularly.

    Raises:
        ConfigError: the address or the port cannot be listened on.
    """
    exporter = Exporter(open_store(config.store), config, lambda: datetime.now(tz=UTC))
    registry = CollectorRegistry()
    registry.register(exporter)
    ProcessCollector(registry=registry)
    try:
        server, thread = start_http_server(port, address, registry)
    except OSError as error:
        raise ConfigError(
            f"{address}:{port} cannot be listened on: {error.strerror}. Name another port with "
            "--port, or another address of this machine with --address."
        ) from error
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    log.info("metrics of %s on %s:%d", config.store.url, address, server.server_port)
    while True:
        exporter.refresh()
        if stopped.wait(config.exporter.refresh_s):
            break
    server.shutdown()
    server.server_close()
    thread.join()
