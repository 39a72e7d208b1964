"""Serving on Ray: the recogniser and the tables as two Ray Serve applications behind one proxy.

Each application is one deployment: decoding, batching and the model share a replica, so that a request
never passes from replica to replica (docs/adr/0013-serving.md has what that would cost).
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
from fashiontrend.serve.http.admission import Admission
from fashiontrend.serve.http.fetch import Fetcher
from fashiontrend.serve.http.middleware import ServiceMiddleware
from fashiontrend.serve.metrics import Metrics
from fashiontrend.serve.recognition import served_model, versions
from fashiontrend.serve.recognition.jobs import CatalogueJobs
from fashiontrend.serve.recognition.recognise import RecognitionService
from fashiontrend.serve.recognition.served_model import ServedModel
from fashiontrend.serve.recognition.versions import Versions
from fashiontrend.serve.release import adhoc_forecast, tables
from fashiontrend.serve.release.adhoc_forecast import ServedForecaster
from fashiontrend.serve.release.history import RunHistory
from fashiontrend.serve.release.tables import Tables, TablesKey
from fashiontrend.serve.release.watch import Watch
from fashiontrend.serve.routes.app import Background, create_app
from fashiontrend.serve.routes.services import Services, TableServices
from fashiontrend.serve.routes.status import READY
from fashiontrend.serve.schemas.responses import JsonObject
from fashiontrend.storage.object_store import open_store
from ray_jobs import devices, standby
from ray_jobs.runtime import connect, disconnect

log = logging.getLogger(__name__)
RECOGNISE, TABLES = "recognise", "tables"
#: Route prefixes; the longest one wins, so requests to /v1/recognise do not reach the tables.
PREFIXES = {RECOGNISE: "/v1/recognise", TABLES: "/"}
#: Names of the deployments, as Ray's dashboard and metrics show them.
DEPLOYMENTS = {RECOGNISE: "Recogniser", TABLES: "Tables"}
READY_TIMEOUT_S = 2.0
#: Seconds between two copies of a replica's metrics.
METRICS_COPY_S = 5.0
#: Ray Serve requires more than the ten seconds between two reports of a replica.
LOOK_BACK_S = 12.0


class RecognitionDeployment:
    """A replica of the recogniser: it decodes, batches and runs the model."""

    def __init__(self, config: JsonObject) -> None:
        settings = Config.model_validate(config)
        cfg, store = settings.serve, open_store(settings.store)
        _log_to_stderr()
        self.cfg, self.metrics, self.guard = cfg, Metrics(), tokens.make_guard(cfg)
        self.admission = Admission(cfg, cfg.recogniser.max_ongoing_requests)
        device = devices.assigned_to_actor()

        def load(release_id: str) -> ServedModel:
            return served_model.load(store, release_id, cfg, device, self.metrics.batches.observe)

        def load_current(release_id: str) -> ServedModel:
            model = load(release_id)
            self.metrics.set_release(release_id)
            return model

        served_model.await_release(store)
        self.watch = Watch(lambda: served_model.current_release(store), load_current)
        models = Versions(
            lambda: self.watch.current,
            lambda version: load(versions.find_release(store, version)),
            cfg.max_models,
        )
        fetch = Fetcher(cfg.fetch, cfg.max_image_bytes)
        self.recognition = RecognitionService(models, cfg, self.metrics, fetch, store.read)

    def __serve_build_asgi_app__(self) -> ServiceMiddleware:
        """Build the ASGI application; Ray Serve calls this once the replica exists."""
        services = Services(
            self.cfg, self.guard, self.metrics, self._parts, self.admission, self.recognition
        )
        return create_app(services, _background(self.watch, self.cfg, self.metrics))

    async def _parts(self) -> dict[str, str]:
        return {RECOGNISE: READY}

    def record_autoscaling_stats(self) -> dict[str, float]:
        """Report what `autoscaling.replicas_for_load` needs."""
        return {autoscaling.PROCESSING: float(self.admission.processing)}

    def release(self) -> str:
        """Return the id of the served release; a replica that can be called passed its self-test."""
        return self.watch.key


class TablesDeployment:
    """A replica of what is released: tables, forecasts, catalogue jobs, the trend board."""

    def __init__(self, config: JsonObject) -> None:
        settings = Config.model_validate(config)
        self.cfg, store = settings.serve, open_store(settings.store)
        _log_to_stderr()
        self.metrics, self.guard = Metrics(), tokens.make_guard(self.cfg)
        self.admission = Admission(self.cfg, self.cfg.tables.max_ongoing_requests)

        def load(key: TablesKey) -> tuple[Tables, ServedForecaster]:
            found = tables.load(store, key)
            forecaster = adhoc_forecast.load(store, found.release)
            self.metrics.set_release(key.release_id)
            return found, forecaster

        served_model.await_release(store)
        self.watch = Watch(lambda: tables.find(store), load)
        self.table_services = TableServices(
            store,
            lambda: self.watch.current[0],
            lambda: self.watch.current[1],
            RunHistory(store),
            CatalogueJobs(store, self.cfg, now),
            lambda: self.watch.refused[1] if self.watch.refused else None,
        )

    def __serve_build_asgi_app__(self) -> ServiceMiddleware:
        """Build the ASGI application; Ray Serve calls this once the replica exists."""
        services = Services(
            self.cfg,
            self.guard,
            self.metrics,
            self._parts,
            self.admission,
            table_services=self.table_services,
        )
        return create_app(services, _background(self.watch, self.cfg, self.metrics))

    def record_autoscaling_stats(self) -> dict[str, float]:
        """Report what `autoscaling.replicas_for_load` needs."""
        return {autoscaling.PROCESSING: float(self.admission.processing)}

    async def _parts(self) -> dict[str, str]:
        """The tables are ready if this runs; the recogniser is ready if one of its replicas responds."""
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await serve.get_app_handle(RECOGNISE).release.remote()
        except Exception as error:  # whatever Ray raises, the recogniser is not ready
            return {TABLES: READY, RECOGNISE: f"no replica responds ({type(error).__name__})"}
        return {TABLES: READY, RECOGNISE: READY}


def deploy(kind: type, name: str, settings: JsonObject) -> Any:
    """Make a deployment whose replicas serve the ASGI application that the class builds."""
    return serve.deployment(name=name, **settings)(serve.ingress()(kind))


class MetricsMirror:
    """Copies a replica's metrics to Ray, whose exporter Prometheus scrapes on every node.

    A scrape of /metrics through the proxy reaches one replica of one deployment. Ray's exporter has
    `ray_fashiontrend_*` of all replicas, distinguished by Ray's own labels. Counters and buckets
    become gauges that only grow, which `rate()` accepts.
    """

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self.gauges: dict[str, Gauge] = {}

    async def follow(self) -> None:
        """Copy every few seconds until cancelled."""
        while True:
            await asyncio.sleep(METRICS_COPY_S)
            self.copy()

    def copy(self) -> None:
        """Set each gauge to the current value of its metric."""
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


def recognition_app(args: JsonObject) -> Any:
    """Build the application at /v1/recognise; `args["config"]` is the whole configuration."""
    cfg = Config.model_validate(args["config"]).serve
    settings = options(cfg.recogniser, cfg)
    return deploy(RecognitionDeployment, DEPLOYMENTS[RECOGNISE], settings).bind(args["config"])


def tables_app(args: JsonObject) -> Any:
    """Build the application at /; `args["config"]` is the whole configuration."""
    cfg = Config.model_validate(args["config"]).serve
    settings = options(cfg.tables, cfg)
    return deploy(TablesDeployment, DEPLOYMENTS[TABLES], settings).bind(args["config"])


BUILDERS = {RECOGNISE: recognition_app, TABLES: tables_app}


def options(replicas: ReplicaConfig, cfg: ServeConfig) -> JsonObject:
    """Return the settings of one deployment, as Ray Serve spells them.

    Ray gives a request its slot before the body has arrived, so there must be slots for all bodies
    that are being received too; the application limits the requests in progress
    (`serve/http/admission.py`).
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
                "policy_function": f"{autoscaling.__name__}:{autoscaling.replicas_for_load.__name__}"
            },
        },
        "ray_actor_options": {"num_cpus": replicas.cpus, "num_gpus": replicas.gpus},
        "graceful_shutdown_wait_loop_s": 1.0,
        "graceful_shutdown_timeout_s": replicas.drain_s,
        "health_check_period_s": 5.0,
        "logging_config": {"enable_access_log": False, "encoding": "JSON"},
    }


def http_options(cfg: ServeConfig) -> JsonObject:
    """Return the settings of the proxies.

    Their time limit is longer than the application's, which responds with a problem document.
    """
    return {
        "host": cfg.host,
        "port": cfg.port,
        "request_timeout_s": cfg.request_timeout_s + cfg.body_timeout_s,
        "keep_alive_timeout_s": 75,
    }


def serve_config(config: Config) -> JsonObject:
    """Return `serveConfigV2` of a RayService: the same applications from the same configuration."""
    tree = config.model_dump(mode="json", exclude_defaults=True)
    cfg = config.serve
    replicas = {RECOGNISE: cfg.recogniser, TABLES: cfg.tables}
    answering = [
        {
            "name": name,
            "route_prefix": PREFIXES[name],
            "import_path": f"{__name__}:{builder.__name__}",
            "args": {"config": tree},
            "deployments": [{"name": DEPLOYMENTS[name], **options(replicas[name], cfg)}],
        }
        for name, builder in BUILDERS.items()
    ]
    return {
        "proxy_location": "EveryNode",
        "http_options": http_options(cfg),
        "applications": [*answering, standby.application(cfg.port)],
    }


def start(config: Config) -> None:
    """Start the proxies and both applications; return when all replicas have passed their self-test.

    Raises:
        ConfigError: tokens are needed and there is no usable file.
        DataError: nothing was released yet.
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
            f"The replicas did not start: {error}. Their logs are in Ray's session folder."
        ) from error


def start_proxies(cfg: ServeConfig) -> None:
    """Start the proxies, which listen for requests.

    Raises:
        StoreError: a proxy did not start, for example because its port is taken.
    """
    try:
        serve.start(proxy_location="HeadOnly", http_options=http_options(cfg))
    except RuntimeError as error:
        last = next(iter(str(error).strip().splitlines()[-1:]), "Ray gave no reason.")
        raise StoreError(
            f"The proxy on {cfg.host}:{cfg.port} did not start: {last} Choose another port with "
            "--port, or stop the program that uses this one."
        ) from error


def stop() -> None:
    """Finish current requests, stop replicas and proxies, and disconnect from Ray."""
    serve.shutdown()
    disconnect()


def run(config: Config) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        ConfigError: this machine cannot listen on the host and port.
    """
    ended = threading.Event()
    if config.ray.address == "local":  # the proxies of a cluster listen on other machines
        _check_listening(config.serve)
    connect(config)
    # After connecting, because Ray installs handlers of its own, which abort.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    start(config)
    log.info("serving on http://%s:%d", config.serve.host, config.serve.port)
    try:
        ended.wait()
        log.info("finishing current requests")
    finally:
        stop()


def _check_listening(cfg: ServeConfig) -> None:
    try:
        kind, *_, address = socket.getaddrinfo(cfg.host, cfg.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()  # two programs may bind a port, but only one may listen
    except OSError as error:
        raise ConfigError(
            f"The server cannot listen on {cfg.host}:{cfg.port}: {error.strerror}. Choose another port "
            "with --port or serve.port, or an address of this machine with serve.host."
        ) from error


def _background(watch: Watch[Any, Any], cfg: ServeConfig, metrics: Metrics) -> list[Background]:
    return [lambda: watch.follow(cfg.release_poll_s), MetricsMirror(metrics).follow]


def _log_to_stderr() -> None:
    """Write our log and the audit log to stderr, which Ray keeps with the replica's logs."""
    ours = logging.getLogger("fashiontrend")
    if not ours.handlers:
        handler = console.BufferedHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        ours.addHandler(handler)
        ours.setLevel(logging.INFO)
        ours.propagate = False
