"""Bar 7: the latency sketch. Error, merging, speed and size."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import fastavro
import numpy as np

from streams.evidence.fixed import Floats
from streams.sketches.log_histogram import MAPPING, LogHistogram
from tests.statistics.facts import Better, Figure, Result, Task

BAR = "7 sketch"
SCHEMA = Path(__file__).parents[2] / "schemas" / "cell.avsc"
SIZE = 1_000_000
PARTITIONS = 40
QUANTILES = np.concatenate([np.linspace(0.001, 0.999, 999), [0.9999, 1.0]])
Draw = Callable[[np.random.Generator], Floats]

DRAWS: dict[str, Draw] = {
    "uniform": lambda rng: rng.uniform(1, 1_000, SIZE),
    "lognormal": lambda rng: rng.lognormal(3, 1, SIZE),
    "Pareto": lambda rng: np.minimum(5 * (1 + rng.pareto(1.5, SIZE)), 1e7),
    "bimodal": lambda rng: np.where(
        rng.random(SIZE) < 0.9, rng.normal(20, 2, SIZE), rng.normal(5_000, 100, SIZE)
    ),
}


def sketched(values: Floats) -> LogHistogram:
    """A sketch of values in ms."""
    histogram = LogHistogram()
    histogram.update(values)
    return histogram


def largest_error(values: Floats, histogram: LogHistogram) -> float:
    """Largest relative error over a thousand quantiles."""
    exact = np.quantile(values, QUANTILES, method="inverted_cdf")
    found = np.array([histogram.quantile(q) for q in QUANTILES])
    return float(np.max(np.abs(found - exact) / exact))


def unequal_merges(values: Floats, rng: np.random.Generator) -> int:
    """Random partitions in random order whose merge differs from the whole by any byte."""
    whole, differing = json.dumps(sketched(values).to_state()), 0
    for _ in range(PARTITIONS):
        cuts = np.sort(rng.integers(0, values.size, rng.integers(1, 12)))
        parts = [sketched(part) for part in np.split(rng.permutation(values), cuts)]
        merged = LogHistogram()
        for place in rng.permutation(len(parts)):
            merged.merge(parts[place])
        differing += json.dumps(merged.to_state()) != whole
    return differing


def values_per_second(values: Floats) -> float:
    """Best of twenty rounds by the clock on the wall, one thread, batches of 10^5."""
    best = np.inf
    for _ in range(20):
        start = time.perf_counter()
        for batch in np.split(values, 10):
            sketched(batch)
        best = min(best, time.perf_counter() - start)
    return values.size / best


def stored_bytes(histogram: LogHistogram) -> int:
    """Size of the Avro record."""
    schemas = json.loads(SCHEMA.read_text())
    bins = fastavro.parse_schema(_record(schemas, "Bins"))
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, bins, histogram.to_state())
    return buffer.tell()


def _record(node: object, name: str) -> dict:
    if isinstance(node, dict):
        if node.get("name") == name and "fields" in node:
            return {**node, "namespace": "davy"}
        node = list(node.values())
    found = (_record(child, name) for child in node) if isinstance(node, list) else ()
    return next((record for record in found if record), {})


def run(_streams: int) -> Result:
    """All of it on four laws of latency."""
    rng = np.random.default_rng(700)
    figures = []
    for name, draw in DRAWS.items():
        values = draw(rng)
        histogram = sketched(values)
        error = largest_error(values, histogram)
        merges = unequal_merges(values[:100_000], rng)
        figures += [
            _figure(f"{name}: relative error", error, "", MAPPING.accuracy * (1 + 1e-9)),
            _figure(f"{name}: merges of {PARTITIONS} not byte-equal", merges, "merges", 0),
            _figure(f"{name}: stored", stored_bytes(histogram), "bytes", 5_000),
        ]
    speed = values_per_second(DRAWS["lognormal"](rng))
    return Result(
        figures=(*figures, _figure("lognormal: speed", speed, "values/s/core", 1e7, "higher"))
    )


def _figure(name: str, value: float, unit: str, must: float, better: Better = "lower") -> Figure:
    return Figure(
        bar=BAR, scenario=name, value=float(value), unit=unit, must=float(must), better=better
    )


TASKS = (Task(name=BAR, run=run),)
