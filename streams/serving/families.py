"""How is one metric written whose values are facts? A name, a sentence, labels and rows."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

Row = tuple[tuple[str, ...], float]
"""Values of the labels, and the metric's."""


def gauge(name: str, text: str, labels: tuple[str, ...], rows: Iterable[Row]) -> Metric:
    """A metric that goes up and down."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def counter(name: str, text: str, labels: tuple[str, ...], rows: Iterable[Row]) -> Metric:
    """A metric that only grows; `_total` is added to its name."""
    family = CounterMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family
