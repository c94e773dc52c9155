"""What does a flood of strangers cost? A topic where every other event is one, beside a usual one.

Both hold as many events, and are drained by workers of their own, one right after the other: what
else goes on at the machine is the same for both. "Strange" is a service, a version or a segment
that no rollout names, another one in each event. All events say where they come from, as those of
whoever declares segments do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from streams.spec.dimensions import Dimension
from tests.agents.pipeline import Pipeline, spec
from tests.benchmarks.meter import Window, measure
from tests.benchmarks.results import Row, of_rounds
from tests.load.bed import PARTITIONS, bed, fill, filled, peak_mb, pipeline, total

EVENTS = 2_000_000
SPAN_S = 120
UNKNOWN = {"strange_service", "strange_version"}
FLOODS = ("strange_service", "strange_version", "strange_segment")
COUNTRY = "SG"
SEGMENTED = spec(segments=(Dimension(name="country", values=(COUNTRY, "DE")),))
WARM = 0.1
"""Share of the events before cost is measured. Commits are a second apart: many must follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """What one worker took."""

    per_cpu_s: float
    """Events of all kinds."""
    peak_mb: float


def drained(strange: str | None) -> Drained:
    """Fill, start a worker, wait until all is committed."""
    with bed() as (bootstrap, parts):
        flow = pipeline(bootstrap, parts)
        flow.apply(SEGMENTED)
        feeder = fill(
            flow,
            events=EVENTS // 2 if strange else EVENTS,
            span_s=SPAN_S,
            strange=[strange] if strange else [],
            mixed=strange is not None,
            country=COUNTRY,
        )
        filled(flow, feeder)
        worker = flow.worker()
        rate = measure(
            worker,
            bootstrap=bootstrap,
            group=flow.settings.group,
            topic=flow.settings.topic("predictions"),
            partitions=PARTITIONS,
            events=EVENTS,
            window=Window(begin=WARM),
        )
        _check(flow, strange)
        return Drained(per_cpu_s=rate.per_cpu_s, peak_mb=peak_mb(worker))


def _check(flow: Pipeline, strange: str | None) -> None:
    """All were counted, and those as strangers whose service or version is strange."""
    unknown = EVENTS // 2 if strange in UNKNOWN else 0
    found = [total(flow, counter) for counter in ("accepted", "unknown", "dead")]
    assert found == [EVENTS, unknown, 0], found


def rows(rounds: int) -> list[Row]:
    """Per kind of flood: how fast events are handled, and the memory beyond the usual."""
    found: dict[str, list[tuple[Drained, Drained]]] = {kind: [] for kind in FLOODS}
    for _ in range(rounds):
        for kind, pairs in found.items():
            pairs.append((drained(None), drained(kind)))
    return [row for kind, pairs in found.items() for row in _rows(kind, pairs)]


def _rows(kind: str, pairs: list[tuple[Drained, Drained]]) -> tuple[Row, Row]:
    name = f"flood of {kind.removeprefix('strange_')}s"
    ratios = tuple(flooded.per_cpu_s / usual.per_cpu_s for usual, flooded in pairs)
    growths = tuple(flooded.peak_mb - usual.peak_mb for usual, flooded in pairs)
    return (
        _row(f"{name}: an event's cost, usual / flooded", ratios, "ratio", 0.8, "higher"),
        _row(f"{name}: memory beyond the usual", growths, "MiB", 64, "lower"),
    )


def _row(
    name: str,
    rounds: tuple[float, ...],
    unit: str,
    must: float,
    better: Literal["higher", "lower"],
) -> Row:
    return of_rounds(
        name=name,
        unit=unit,
        must=must,
        better=better,
        rounds=rounds,
        note=f"every other of {EVENTS:,} events is a stranger",
    )
