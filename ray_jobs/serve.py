"""Serve: the recogniser and the tables as two Ray Serve applications, each one deployment behind the proxy.

Decode, batch and model live in one deployment, and tables in another application of their own:
a request never hops from replica to replica (docs/adr/0013-serving.md has what a hop costs).
"""

import asyncio
import logging
import signal
import socket
import sys
import threading
from typing import Any

from ray import serve
from ray.util.metrics import Gauge

from fashiontrend import console
from fashiontrend.config import Config, ReplicaConfig, ServeConfig
from fashiontrend.errors import ConfigError, StoreError
from fashiontrend.pipeline.context import now
from fashiontrend.serve import autoscaling
from fashiontrend.serve.http import tokens
from fashiontrend.serve.http.admission import Intake
from fashiontrend.serve.http.fetch import Fetcher
from fashiontrend.serve.http.metrics import Metrics
from fashiontrend.serve.http.middleware import Edge
from fashiontrend.serve.recognition import jobs, served_model, versions
from fashiontrend.serve.recognition.recognise import Recognition
from fashiontrend.serve.recognition.served_model import ServedModel
from fashiontrend.serve.recognition.versions import Versions
from fashiontrend.serve.release import adhoc_forecast, tables
from fashiontrend.serve.release.adhoc_forecast import Trend
from fashiontrend.serve.release.history import History
from fashiontrend.serve.release.tables import Tables
from fashiontrend.serve.release.watch import Watch
from fashiontrend.serve.routes.app import Background, create_app
from fashiontrend.serve.routes.services import Library, Services
from fashiontrend.serve.routes.status import READY
from fashiontrend.storage.object_store import open_store
from ray_jobs import devices
from ray_jobs.runtime import connect, disconnect

log = logging.getLogger(__name__)
RECOGNISE, TABLES = "recognise", "tables"
#: The longest prefix wins, so /v1/recognise goes past the tables.
PREFIXES = {RECOGNISE: "/v1/recognise", TABLES: "/"}
READY_TIMEOUT_S = 2.0
MIRROR_S = 5.0
#: Longer than the ten seconds between two reports of a replica, as Ray Serve asks.
LOOK_BACK_S = 12.0


class Recogniser:
    """A replica with one recogniser: decode, batch and model."""

    def __init__(self, config: dict[str, Any]) -> None:
        settings = Config.model_validate(config)
        cfg, store = settings.serve, open_store(settings.store)
        _log_to_stderr()
        self.cfg, self.metrics, self.guard = cfg, Metrics(), tokens.make_guard(cfg)
        self.intake = Intake(cfg, cfg.recogniser.max_ongoing_requests)
        device = devices.assigned_to_actor()

        def load(release_id: str) -> ServedModel:
            return served_model.load(store, release_id, cfg, self.metrics, device)

        def follow(release_id: str) -> ServedModel:
            served = load(release_id)
            self.metrics.served(release_id)
            return served

        served_model.await_release(store)
        self.watch = Watch(lambda: served_model.current_release(store), follow)
        models = Versions(
            lambda: self.watch.current,
            lambda version: load(versions.find_release(store, version)),
            cfg.max_models,
        )
        fetch = Fetcher(cfg.fetch, cfg.max_image_bytes)
        self.recognition = Recognition(models, cfg, self.metrics, fetch, store.read)

    def __serve_build_asgi_app__(self) -> Edge:
        """What Ray Serve calls once the replica is there."""
        services = Services(
            self.cfg, self.guard, self.metrics, self._parts, self.intake, self.recognition
        )
        return create_app(services, _background(self.watch, self.cfg, self.metrics))

    async def _parts(self) -> dict[str, str]:
        return {RECOGNISE: READY}

    def record_autoscaling_stats(self) -> dict[str, float]:
        """What `scaling.by_answering` goes by."""
        return {autoscaling.ANSWERING: float(self.intake.answering)}

    def release(self) -> str:
        """Which release answers; a replica that is asked has passed its self-test."""
        return self.watch.mark


class Shelves:
    """A replica that answers what is released: tables, forecasts, catalogue jobs, the board."""

    def __init__(self, config: dict[str, Any]) -> None:
        settings = Config.model_validate(config)
        self.cfg, store = settings.serve, open_store(settings.store)
        _log_to_stderr()
        self.metrics, self.guard = Metrics(), tokens.make_guard(self.cfg)
        self.intake = Intake(self.cfg, self.cfg.tables.max_ongoing_requests)

        def load(mark: tables.Mark) -> tuple[Tables, Trend]:
            found = tables.load(store, mark)
            trend = adhoc_forecast.load(store, found.release)
            self.metrics.served(mark[0])
            return found, trend

        served_model.await_release(store)
        self.watch = Watch(lambda: tables.find(store), load)
        self.library = Library(
            store,
            lambda: self.watch.current[0],
            lambda: self.watch.current[1],
            History(store),
            jobs.Jobs(store, self.cfg, now),
            lambda: self.watch.refused[1] if self.watch.refused else None,
        )

    def __serve_build_asgi_app__(self) -> Edge:
        """What Ray Serve calls once the replica is there."""
        services = Services(
            self.cfg, self.guard, self.metrics, self._parts, self.intake, library=self.library
        )
        return create_app(services, _background(self.watch, self.cfg, self.metrics))

    def record_autoscaling_stats(self) -> dict[str, float]:
        """What `scaling.by_answering` goes by."""
        return {autoscaling.ANSWERING: float(self.intake.answering)}

    async def _parts(self) -> dict[str, str]:
        """The tables are ready when this runs; the recogniser is asked."""
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await serve.get_app_handle(RECOGNISE).release.remote()
        except Exception as error:  # whatever Ray raises, it is not ready
            return {TABLES: READY, RECOGNISE: f"no replica answers ({type(error).__name__})"}
        return {TABLES: READY, RECOGNISE: READY}


def deploy(kind: type, name: str, settings: dict[str, Any]) -> Any:
    """A deployment whose replicas answer HTTP with what the class builds."""
    return serve.deployment(name=name, **settings)(serve.ingress()(kind))


class Mirror:
    """Gives a replica's numbers to Ray, whose exporter on every node Prometheus reads.

    A proxy leads a scrape of /metrics to one replica of one deployment; Ray's exporter has
    `ray_fashiontrend_*` of all, told apart by Ray's own labels. Counters and buckets come as
    gauges that only grow; `rate()` does not mind.
    """

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self.gauges: dict[str, Gauge] = {}

    async def follow(self) -> None:
        """Copy again and again until cancelled."""
        while True:
            await asyncio.sleep(MIRROR_S)
            self.copy()

    def copy(self) -> None:
        """Set every gauge once."""
        for family in self.metrics.registry.collect():
            for sample in family.samples:
                if sample.name.endswith("_created"):
                    continue
                gauge = self.gauges.get(sample.name)
                if gauge is None:
                    keys = tuple(sample.labels)
                    gauge = Gauge(sample.name, family.documentation, tag_keys=keys)
                    self.gauges[sample.name] = gauge
                gauge.set(sample.value, tags={k: str(v) for k, v in sample.labels.items()})


def recogniser(args: dict[str, Any]) -> Any:
    """The application at /v1/recognise; `args.config` is the configuration tree."""
    cfg = Config.model_validate(args["config"]).serve
    return deploy(Recogniser, "Recogniser", options(cfg.recogniser, cfg)).bind(args["config"])


def shelves(args: dict[str, Any]) -> Any:
    """The application at /; `args.config` is the configuration tree."""
    cfg = Config.model_validate(args["config"]).serve
    return deploy(Shelves, "Tables", options(cfg.tables, cfg)).bind(args["config"])


BUILDERS = {RECOGNISE: recogniser, TABLES: shelves}


def options(replicas: ReplicaConfig, cfg: ServeConfig) -> dict[str, Any]:
    """Settings of one deployment, as Ray Serve spells them.

    Ray gives a request its slot before the body is there, so it has slots for all bodies on their
    way too; the application bounds what is answered (`serve/intake.py`).
    """
    return {
        "max_ongoing_requests": cfg.max_bodies + replicas.max_ongoing_requests,
        "max_queued_requests": replicas.max_queued_requests,
        "backpressure_config": {"status_code": 429, "retry_after_s": cfg.retry_after_s},
        "autoscaling_config": {
            "min_replicas": replicas.min_replicas,
            "max_replicas": replicas.max_replicas,
            "target_ongoing_requests": replicas.target_ongoing_requests,
            "upscale_delay_s": replicas.upscale_delay_s,
            "downscale_delay_s": replicas.downscale_delay_s,
            "look_back_period_s": LOOK_BACK_S,
            "policy": {
                "policy_function": f"{autoscaling.__name__}:{autoscaling.by_answering.__name__}"
            },
        },
        "ray_actor_options": {"num_cpus": replicas.cpus, "num_gpus": replicas.gpus},
        "graceful_shutdown_wait_loop_s": 1.0,
        "graceful_shutdown_timeout_s": replicas.drain_s,
        "health_check_period_s": 5.0,
        "logging_config": {"enable_access_log": False, "encoding": "JSON"},
    }


def http_options(cfg: ServeConfig) -> dict[str, Any]:
    """Settings of the proxies. The application's own time-out comes first, with a problem document."""
    return {
        "host": cfg.host,
        "port": cfg.port,
        "request_timeout_s": cfg.request_timeout_s + cfg.body_timeout_s,
        "keep_alive_timeout_s": 75,
    }


def describe(config: Config) -> dict[str, Any]:
    """`serveConfigV2` of a RayService: the same applications from the same configuration."""
    tree = config.model_dump(mode="json", exclude_defaults=True)
    cfg = config.serve
    by_name = {RECOGNISE: ("Recogniser", cfg.recogniser), TABLES: ("Tables", cfg.tables)}
    return {
        "proxy_location": "EveryNode",
        "http_options": http_options(cfg),
        "applications": [
            {
                "name": name,
                "route_prefix": PREFIXES[name],
                "import_path": f"{__name__}:{builder.__name__}",
                "args": {"config": tree},
                "deployments": [{"name": by_name[name][0], **options(by_name[name][1], cfg)}],
            }
            for name, builder in BUILDERS.items()
        ],
    }


def start(config: Config) -> None:
    """Start proxies and both applications; returns when all replicas have passed their self-test.

    Raises:
        ConfigError: tokens are needed and there are none.
        DataError: nothing was released.
        StoreError: the replicas did not start, or the store cannot be reached.
    """
    tokens.make_guard(config.serve)
    served_model.current_release(open_store(config.store))
    tree = config.model_dump(mode="json")
    connect(config)
    start_proxies(config.serve)
    targets = [
        serve.RunTarget(builder({"config": tree}), name, PREFIXES[name])
        for name, builder in BUILDERS.items()
    ]
    try:
        serve.run_many(targets)
    except RuntimeError as error:
        raise StoreError(
            f"the replicas did not start: {error}. Ray's session folder holds their logs."
        ) from error


def start_proxies(cfg: ServeConfig) -> None:
    """Start what listens.

    Raises:
        StoreError: a proxy did not start, as where its port is taken.
    """
    try:
        serve.start(proxy_location="HeadOnly", http_options=http_options(cfg))
    except RuntimeError as error:
        last = next(iter(str(error).strip().splitlines()[-1:]), "no reason was told")
        raise StoreError(
            f"the proxy on {cfg.host}:{cfg.port} did not start: {last} Name another port with "
            "--port, or stop what listens there."
        ) from error


def stop() -> None:
    """Drain, stop the replicas and the proxies, leave Ray."""
    serve.shutdown()
    disconnect()


def run(config: Config) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        ConfigError: nobody can listen on host and port.
    """
    ended = threading.Event()
    if config.ray.address == "local":  # a cluster's proxies listen on other machines
        _check_listening(config.serve)
    connect(config)
    for number in (signal.SIGINT, signal.SIGTERM):  # after Ray has set its own, which aborts
        signal.signal(number, lambda *_: ended.set())
    start(config)
    log.info("serving on http://%s:%d", config.serve.host, config.serve.port)
    try:
        ended.wait()
        log.info("draining")
    finally:
        stop()


def _check_listening(cfg: ServeConfig) -> None:
    try:
        kind, *_, address = socket.getaddrinfo(cfg.host, cfg.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()  # two may bind a port, one may listen
    except OSError as error:
        raise ConfigError(
            f"{cfg.host}:{cfg.port} cannot be listened on: {error.strerror}. Name another port with "
            "--port or serve.port, or an address of this machine with serve.host."
        ) from error


def _background(watch: Watch[Any, Any], cfg: ServeConfig, metrics: Metrics) -> list[Background]:
    return [lambda: watch.follow(cfg.release_poll_s), Mirror(metrics).follow]


def _log_to_stderr() -> None:
    """The audit log and ours, as lines that Ray keeps with the replica's."""
    ours = logging.getLogger("fashiontrend")
    if not ours.handlers:
        handler = console.Gathered(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        ours.addHandler(handler)
        ours.setLevel(logging.INFO)
        ours.propagate = False
