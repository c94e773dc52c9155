"""What does a simulation find? Figures with their bars, series to plot, tasks that make both."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from scipy.stats import beta

STREAMS = 10_000
Better = Literal["higher", "lower"]
Point = tuple[float, float]


def band(alpha: float, streams: int) -> float:
    """Largest observed share that a true error of alpha explains (one-sided 1 %).

    >>> round(band(0.05, 10_000), 4), round(band(0.01, 10_000), 4)
    (0.0551, 0.0123)
    """
    return alpha + 2.33 * math.sqrt(alpha * (1 - alpha) / streams)


def binomial_band(hits: int, streams: int) -> Point:
    """Exact 95 % interval of a share. Source: Clopper and Pearson 1934.

    >>> [round(end, 4) for end in binomial_band(0, 10_000)]
    [0.0, 0.0004]
    """
    low = float(beta.ppf(0.025, hits, streams - hits + 1)) if hits else 0.0
    high = float(beta.ppf(0.975, hits + 1, streams - hits)) if hits < streams else 1.0
    return low, high


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured value with its bar."""

    bar: str
    scenario: str
    value: float
    unit: str
    must: float
    moonshot: float | None = None
    better: Better = "lower"
    streams: int = 0
    band: Point | None = None
    """Exact 95 % interval where the value is a share of streams."""
    reference: Point | None = None
    """Between what an independent implementation found."""

    @property
    def name(self) -> str:
        """Bar and scenario."""
        return f"{self.bar}: {self.scenario}"

    @property
    def holds(self) -> bool:
        """Whether the bar is met."""
        return self.value >= self.must if self.better == "higher" else self.value <= self.must


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A line or a group of points of one plot; `plot` names the plot."""

    plot: str
    label: str
    points: tuple[Point, ...]
    oracle: bool = False
    """What it is compared with; drawn dashed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one task found."""

    figures: tuple[Figure, ...] = ()
    series: tuple[Series, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One simulation; `run` takes the number of streams and can cross a process boundary."""

    name: str
    run: Callable[[int], Result]
    weight: float = 1.0
    """About how long it takes, to begin with the longest."""


def share(
    bar: str,
    scenario: str,
    hits: int,
    streams: int,
    *,
    must: float,
    better: Better = "lower",
    moonshot: float | None = None,
    reference: Point | None = None,
) -> Figure:
    """A share of streams."""
    return Figure(
        bar=bar,
        scenario=scenario,
        value=hits / streams,
        unit="share of streams",
        must=must,
        moonshot=moonshot,
        better=better,
        streams=streams,
        band=binomial_band(hits, streams),
        reference=reference,
    )


def error_rate(
    bar: str, scenario: str, hits: int, streams: int, alpha: float, reference: Point | None = None
) -> Figure:
    """A share of streams that must not exceed alpha, but for chance."""
    at = f"{scenario}, at {alpha:g}"
    limit = band(alpha, streams)
    return share(bar, at, hits, streams, must=limit, moonshot=alpha, reference=reference)
