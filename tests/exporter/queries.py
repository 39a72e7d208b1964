"""Which metrics a query names, and which exist."""

from functools import cache
from pathlib import Path

import promql_parser
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from fashiontrend.exporter.collector import Exporter

from .conftest import NOW, SmallStore

ROOT = Path(__file__).parents[2]
#: What Grafana writes in before it asks.
WRITTEN = {"$__rate_interval": "5m", "$__range": "1h"}

#: Of kube-state-metrics, which kube-prometheus-stack brings (k8s/monitoring-values.yaml).
KUBE_STATE = frozenset(
    {
        "kube_pod_container_status_last_terminated_reason",
        "kube_pod_container_status_terminated_reason",
        "kube_pod_container_status_restarts_total",
    }
)


def metric_names(expression: str) -> set[str]:
    """Names of the series that a query asks for.

    Raises:
        ValueError: it is not PromQL.
    """
    for variable, text in WRITTEN.items():
        expression = expression.replace(variable, text)
    names: set[str] = set()

    def visit(part: object) -> None:
        if isinstance(part, promql_parser.VectorSelector):
            names.add(part.name)

    promql_parser.walk(promql_parser.parse(expression), visit)
    return names


def exported_names(small: SmallStore) -> set[str]:
    """Names of all samples that an exporter of a whole store with a closed gate answers."""
    small.whole()
    small.perplexity(small.run(), normalised=1.3, round_=(2, 1))
    priced = small.config.exporter.model_copy(update={"worker_hour_price": 1.0})
    exporter = Exporter(
        small.store, small.config.model_copy(update={"exporter": priced}), lambda: NOW
    )
    exporter.refresh()
    registry = CollectorRegistry()
    registry.register(exporter)
    text = generate_latest(registry).decode()
    return {s.name for f in text_string_to_metric_families(text) for s in f.samples}


@cache
def ray_names() -> frozenset[str]:
    """Names that a live Ray exposed; test_ray_metrics.py asks one anew."""
    lines = (ROOT / "monitoring/ray_metrics.txt").read_text("utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))
