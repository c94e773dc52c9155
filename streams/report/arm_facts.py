"""What does a report tell of each arm? Facts only: how values were spread, how outcomes came."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortArm:
    """What came of one arm's matured exposures."""

    arm: str
    exposures: int
    answered: int
    """With an outcome."""
    events: int
    """Labels: wrong predictions. Rates: outcomes above 0."""
    delays: tuple[int, ...]
    """Answered exposures by delay: window / 128, / 64 ... / 2, the window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortStory:
    """How far one outcome has come."""

    outcome: str
    kind: str
    window_s: float
    delivery_s: float
    matured: int
    """Cohorts that nothing can change any more."""
    waiting: int
    """Cohorts that were told of and wait."""
    matured_until_ms: int | None
    """Exposures before this time have matured."""
    arms: tuple[CohortArm, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """A part of a distribution; `shares` are of each arm, 0..1, in the distribution's order."""

    label: str
    low: float | None
    high: float | None
    """Ends; None where the parts are classes."""
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantile:
    """A quantile of each arm, in the distribution's order; None for an arm without values."""

    label: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """How one thing was spread in each arm, over the whole rollout."""

    name: str
    unit: str
    """ms, tokens, or nothing."""
    arms: tuple[str, ...]
    totals: tuple[int, ...]
    bins: tuple[Bin, ...]
    quantiles: tuple[Quantile, ...]
