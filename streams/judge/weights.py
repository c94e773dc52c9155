"""Which weights held when? The timeline of applied weights that routing records draw.

A pane may serve promotion when it lies whole inside a span of time in which one set of weights is
confirmed to have held, and not within the guard time after they changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from streams.judge.facts import RoutingFact, RoutingPhase
from streams.spec.model import BASELINE, FULL_BP, MIRROR

Weights = tuple[int, ...]
"""Basis points per arm, in the spec's order of arms (baseline first)."""

SPANS_KEPT = 16
"""More changes than this within one unconfirmed stretch leave its panes without weights."""
SEEN = frozenset({RoutingPhase.APPLIED, RoutingPhase.OBSERVED, RoutingPhase.FAILED})
"""Phases that tell what the target has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time under one set of weights."""

    weights: Weights
    changed_ms: int
    """When these weights took the place of others."""
    since_ms: int
    """From when on they are known to have held without a gap."""
    confirmed_ms: int
    """Up to when they are known to have held; at or before `since_ms`: not yet."""


class Placement(StrEnum):
    """What the timeline says of a pane."""

    WAITING = "waiting"  # its weights are not confirmed yet
    STEADY = "steady"  # one set of weights held throughout, outside the guard
    GUARDED = "guarded"  # too soon after a change
    UNKNOWN = "unknown"  # nobody can tell any more which weights it had


class WeightTimeline:
    """Applied weights by event time, from routing records in log order."""

    def __init__(
        self,
        arms: Sequence[str],
        guard_ms: int,
        *,
        kept: int = SPANS_KEPT,
        copies: bool = False,
    ) -> None:
        """`kept` spans are remembered; whoever asks of long ago needs more of them.

        `copies`: the weights that count are shares of copies, not of requests.
        """
        self._arms = tuple(arms)
        self._copies = copies
        self._guard_ms = guard_ms
        self._kept = kept
        self._spans: list[Span] = []
        self._intent: tuple[Weights, int] | None = None
        self._segments: dict[str, Weights] = {}

    @property
    def current(self) -> Span | None:
        """The last known span; None before the first routing record."""
        return self._spans[-1] if self._spans else None

    @property
    def confirmed_ms(self) -> int:
        """Up to when weights are settled, of whatever span; 0 before the first confirmation."""
        return max((span.confirmed_ms for span in self._spans), default=0)

    def feed(self, fact: RoutingFact) -> None:
        """Take the next routing record in."""
        copies = fact.segments_bp.get(MIRROR) or {BASELINE: FULL_BP}
        weights = self._weights(copies if self._copies else fact.weights_bp)
        if fact.phase in SEEN and fact.weights_bp:
            self._segments = {name: self._weights(bp) for name, bp in fact.segments_bp.items()}
        match fact.phase:
            case RoutingPhase.INTENT:
                self._intent = (weights, fact.since_ms)
            case RoutingPhase.APPLIED | RoutingPhase.OBSERVED:
                self._intent = None
                self._hold(weights, fact.since_ms, fact.confirmed_until_ms)
            case RoutingPhase.FAILED:
                self._intent = None
                if fact.weights_bp:
                    self._hold(weights, fact.since_ms, 0)
            case RoutingPhase.REFUSED:
                pass

    def _weights(self, by_arm: Mapping[str, int]) -> Weights:
        return tuple(by_arm.get(arm, 0) for arm in self._arms)

    def astray(self, segments: Iterable[str]) -> tuple[str, ...]:
        """Which of these segments are not known to be at the baseline alone."""
        whole = self.current.weights if self.current else None
        known = {name: self._segments.get(name, whole) for name in segments}
        return tuple(name for name, bp in known.items() if bp is None or any(bp[1:]))

    def _hold(self, weights: Weights, since_ms: int, confirmed_ms: int) -> None:
        last = self.current
        if last is None or last.weights != weights:
            if last is not None:
                clipped = min(last.confirmed_ms, since_ms)
                self._spans[-1] = replace(last, confirmed_ms=clipped)
            self._append(weights, since_ms, since_ms, confirmed_ms)
        elif since_ms > max(last.confirmed_ms, last.since_ms):
            self._append(weights, last.changed_ms, since_ms, confirmed_ms)
        else:
            held = max(last.confirmed_ms, confirmed_ms)
            self._spans[-1] = replace(last, confirmed_ms=held)

    def _append(self, weights: Weights, changed_ms: int, since_ms: int, confirmed_ms: int) -> None:
        span = Span(
            weights=weights, changed_ms=changed_ms, since_ms=since_ms, confirmed_ms=confirmed_ms
        )
        self._spans = [*self._spans, span][-self._kept :]

    def weights_at(self, time_ms: int) -> Weights | None:
        """Weights that are believed to have held at a time, confirmed or not."""
        span = self._span_at(time_ms)
        return span.weights if span else None

    def place(self, start_ms: int, end_ms: int) -> tuple[Placement, Weights | None]:
        """Whether promotion and sample ratio may use the pane [start, end), and its weights."""
        span = self._span_at(start_ms)
        if span is not None and end_ms <= span.confirmed_ms:
            steady = start_ms >= span.changed_ms + self._guard_ms
            return (Placement.STEADY if steady else Placement.GUARDED), span.weights
        settled = end_ms <= self.confirmed_ms
        return (Placement.UNKNOWN if settled else Placement.WAITING), None

    def lowered(self, arm: int, start_ms: int, end_ms: int) -> bool:
        """Whether [start, end) lies within the guard after this arm's weight went down.

        Requests that began under the higher weight end there: harm tests leave the arm out.
        """
        before: Weights | None = None
        for span in self._spans:
            went_down = before is not None and span.weights[arm] < before[arm]
            if went_down and span.changed_ms < end_ms and start_ms < self._guard_end(span):
                return True
            before = span.weights
        if self._intent is None or before is None:
            return False
        weights, since_ms = self._intent
        return weights[arm] < before[arm] and since_ms < end_ms

    def mixed(self, start_ms: int, end_ms: int) -> bool:
        """Whether [start, end) reaches into a change of weights or the guard after it.

        Of changes that were made; one that is only intended must not keep anybody from seeing harm.
        """
        return any(s.changed_ms < end_ms and start_ms < self._guard_end(s) for s in self._spans)

    def _guard_end(self, span: Span) -> int:
        return span.changed_ms + self._guard_ms

    def _span_at(self, time_ms: int) -> Span | None:
        return next((span for span in reversed(self._spans) if span.since_ms <= time_ms), None)

    def to_state(self) -> dict[str, Any]:
        """The timeline as JSON values."""
        spans = [[list(s.weights), s.changed_ms, s.since_ms, s.confirmed_ms] for s in self._spans]
        intent = self._intent and [list(self._intent[0]), self._intent[1]]
        segments = {name: list(bp) for name, bp in sorted(self._segments.items())}
        return {"spans": spans, "intent": intent, "segments": segments}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take on what `to_state` wrote."""
        self._spans = [
            Span(weights=tuple(weights), changed_ms=changed, since_ms=since, confirmed_ms=confirmed)
            for weights, changed, since, confirmed in state["spans"]
        ]
        intent = state["intent"]
        self._intent = intent and (tuple(intent[0]), intent[1])
        self._segments = {name: tuple(bp) for name, bp in state["segments"].items()}
