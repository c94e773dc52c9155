"""How far is the current stage? Watermark time since its weights were applied, and exposures.

Time that lets a stage be left counts only as far as the weights are confirmed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.judge.weights import Span, Weights

RESOLUTION_BP = 50
"""Routers round: a candidate's applied weight may differ from the desired by this much ..."""
RESOLUTION_SHARE = 4
"""... but never by more than the desired weight divided by this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a stage stands at a watermark."""

    applied: bool
    """The last known weights are the desired ones, and slices that are gone at the baseline."""
    short: bool
    """Some candidate has less than desired, or no weights are known."""
    confirmed_s: float
    """Seconds under the desired weights, as far as confirmed."""
    elapsed_s: float
    """Seconds of watermark since the stage was decided and, where they are, weights applied."""
    exposures: int
    """Confirmed requests, outside the guard, of the candidate that has the fewest."""


@dataclass(slots=True, kw_only=True)
class StageClock:
    """The stage that a rollout is in, since when, and what its candidates answered in it."""

    stage: int = -1
    decided_ms: int = 0
    exposures: list[int] = field(default_factory=list)
    """Per candidate, in confirmed panes outside the guard."""
    served_s: float = 0.0
    """Confirmed seconds of the stage before a candidate was taken out."""
    waited_s: float = 0.0
    """Seconds since the weights were applied, likewise."""

    def enter(self, stage: int, decided_ms: int) -> None:
        """Begin a stage: clocks and counts at zero."""
        self.stage, self.decided_ms = stage, decided_ms
        self.exposures = [0] * len(self.exposures)
        self.served_s = self.waited_s = 0.0

    def bank(self, progress: Progress, now_ms: int) -> None:
        """Keep the time that the stage has had: its weights change, the stage does not."""
        self.served_s, self.waited_s = progress.confirmed_s, progress.elapsed_s
        self.decided_ms = now_ms

    def recount(self, progress: Progress, now_ms: int) -> None:
        """A slice leaves: the stage keeps its time, the rest must show its exposures anew."""
        self.bank(progress, now_ms)
        self.exposures = [0] * len(self.exposures)

    def count(self, exposures: Sequence[int]) -> None:
        """Add a confirmed pane's exposures per candidate."""
        self.exposures = [a + b for a, b in zip(self.exposures, exposures, strict=True)]

    def progress(
        self, desired: Weights, span: Span | None, now_ms: int, *, astray: Sequence[str] = ()
    ) -> Progress:
        """Compare the last known weights with the desired ones at a watermark.

        `astray` are slices that are gone and not known to be at the baseline.
        """
        applied = span is not None and same_weights(span.weights, desired) and not astray
        since = self.decided_ms
        if span is not None and applied:
            since = max(span.changed_ms, self.decided_ms)
        confirmed = min(now_ms, span.confirmed_ms) if span is not None and applied else since
        return Progress(
            applied=applied,
            short=span is None or falls_short(span.weights, desired),
            confirmed_s=self.served_s + max(0, confirmed - since) / 1000,
            elapsed_s=self.waited_s + max(0, now_ms - since) / 1000,
            exposures=min(self._heard(desired), default=0),
        )

    def _heard(self, desired: Weights) -> list[int]:
        """Exposures of the candidates that are to have traffic."""
        return [n for n, weight in zip(self.exposures, desired[1:], strict=True) if weight > 0]

    def to_state(self) -> dict[str, Any]:
        """The clock as JSON values."""
        return {
            "stage": self.stage,
            "decided": self.decided_ms,
            "exposures": self.exposures,
            "banked": [self.served_s, self.waited_s],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> StageClock:
        """Read what `to_state` wrote."""
        served_s, waited_s = state["banked"]
        return cls(
            stage=state["stage"],
            decided_ms=state["decided"],
            exposures=list(state["exposures"]),
            served_s=served_s,
            waited_s=waited_s,
        )


def same_weights(applied: Weights, desired: Weights) -> bool:
    """Whether every candidate has the desired weight, within what routers can resolve.

    >>> same_weights((9805, 195), (9800, 200)), same_weights((10000, 0), (9999, 1))
    (True, False)
    """
    pairs = zip(applied[1:], desired[1:], strict=True)
    return all(abs(have - want) <= _resolution_bp(want) for have, want in pairs)


def falls_short(applied: Weights, desired: Weights) -> bool:
    """Whether some candidate has less than desired, beyond what routers can resolve."""
    pairs = zip(applied[1:], desired[1:], strict=True)
    return any(have < want - _resolution_bp(want) for have, want in pairs)


def _resolution_bp(desired_bp: int) -> int:
    return min(RESOLUTION_BP, desired_bp // RESOLUTION_SHARE)
