"""Families from samples; what is not known is left out."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

Samples = Iterable[tuple[tuple[str, ...], float | None]]
PREFIX = "fashiontrend_"


def gauge(name: str, text: str, labels: tuple[str, ...], samples: Samples) -> GaugeMetricFamily:
    """A gauge of the samples that are known."""
    family = GaugeMetricFamily(PREFIX + name, text, labels=labels)
    for values, number in samples:
        if number is not None:
            family.add_metric(values, number)
    return family


def counter(name: str, text: str, labels: tuple[str, ...], samples: Samples) -> CounterMetricFamily:
    """A counter: what the ledger has summed up since it began. `_total` is added to its name."""
    family = CounterMetricFamily(PREFIX + name, text, labels=labels)
    for values, number in samples:
        if number is not None:
            family.add_metric(values, number)
    return family
