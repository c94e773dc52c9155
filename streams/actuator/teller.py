"""What does the actuator tell the log? One method per phase of a routing record.

Keeps since when the target is known to have its weights, and up to when that is confirmed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from streams.actuator.acceptance import Refused
from streams.actuator.facts import DecisionFact, RoutingRecord
from streams.actuator.ports import Clock, Observed, Segments
from streams.actuator.standing import Standing
from streams.judge.facts import RoutingPhase


class Journal(Protocol):
    """The topic `routing`."""

    def write(self, record: RoutingRecord, *, wait_s: float) -> int | None:
        """Write; the offset at which the log is known to hold it after at most `wait_s`.

        None: it is not known to; always where `wait_s` is 0, which does not wait.
        """
        ...

    def stored_fence(self, rollout: str) -> int:
        """Highest fence of this rollout that the log is known to hold."""
        ...


class Teller:
    """Writes one rollout's routing records."""

    def __init__(self, rollout: str, router: str, journal: Journal, clock: Clock) -> None:
        self._rollout, self._router = rollout, router
        self._journal, self._clock = journal, clock
        self._revision = ""
        self._since_ms = 0
        self._confirmed_ms = 0

    def resume(self, records: Iterable[RoutingRecord]) -> None:
        """Take up from the last record that told the target's weights."""
        for record in records:
            if record.phase in {RoutingPhase.APPLIED, RoutingPhase.OBSERVED}:
                self._revision, self._since_ms = record.revision, record.since
                self._confirmed_ms = record.confirmed_until

    def succeed(self, other: Teller) -> None:
        """Take up where another teller of the rollout stands."""
        self._revision, self._since_ms = other._revision, other._since_ms
        self._confirmed_ms = other._confirmed_ms

    def look(self, seen: Observed, at_ms: int, *, changed: bool) -> None:
        """The target was looked at: did its weights hold since the last look?

        After a change by others they may be new since the last confirmed moment.
        """
        if seen.revision != self._revision or not self._since_ms:
            self._since_ms = (self._confirmed_ms if changed else 0) or at_ms
        self._revision = seen.revision
        self._confirmed_ms = max(at_ms, self._confirmed_ms)

    def signed(self, revision: str) -> None:
        """The target was signed, which is no change of its weights."""
        self._revision = revision

    def observed(
        self, now: Standing, weights: Segments, reason: str, *, wait_s: float = 0.0
    ) -> int | None:
        """The target has these weights, confirmed up to the last look; the record's offset."""
        return self._write(now, RoutingPhase.OBSERVED, weights, reason=reason, wait_s=wait_s)

    def intent(self, now: Standing, weights: Segments, *, wait_s: float) -> int | None:
        """The target is about to be touched; the record's offset, if the log holds it."""
        return self._write(now, RoutingPhase.INTENT, weights, wait_s=wait_s)

    def applied(self, now: Standing, weights: Segments, *, revision: str, reason: str) -> None:
        """The target was changed and that is proven now."""
        self._revision = revision
        self._since_ms = self._confirmed_ms = self._clock.wall_ms()
        self._write(now, RoutingPhase.APPLIED, weights, reason=reason)

    def failed(self, now: Standing, weights: Segments | None, reason: str) -> None:
        """The target could not be changed; `weights` are what it had when last seen."""
        self._write(now, RoutingPhase.FAILED, weights or {}, reason=reason)

    def refused(self, now: Standing, decision: DecisionFact, refused: Refused) -> None:
        """A decision was not acted on."""
        at_ms = self._clock.wall_ms()
        record = RoutingRecord(
            rollout=self._rollout,
            phase=RoutingPhase.REFUSED,
            decision_id=decision.decision_id,
            fence=decision.seq,
            desired_bp=decision.weights_bp,
            applied_bp=now.given or {},
            at=at_ms,
            since=self._since_ms or at_ms,
            router=self._router,
            terminal=now.terminal,
            reason=str(refused),
        )
        self._journal.write(record, wait_s=0.0)

    def _write(
        self,
        now: Standing,
        phase: RoutingPhase,
        weights: Segments,
        *,
        reason: str = "",
        wait_s: float = 0.0,
    ) -> int | None:
        at_ms = self._clock.wall_ms()
        looked = phase in {RoutingPhase.APPLIED, RoutingPhase.OBSERVED}
        desired: Mapping[str, Mapping[str, int]] = {}
        if now.accepted is not None:
            desired = now.accepted.weights_bp
        record = RoutingRecord(
            rollout=self._rollout,
            phase=phase,
            decision_id=now.accepted.decision_id if now.accepted else "",
            fence=now.fence,
            desired_bp=(now.wanted or {}) if looked else desired,
            applied_bp=weights,
            at=at_ms,
            since=at_ms if phase is RoutingPhase.INTENT else self._since_ms or at_ms,
            confirmed_until=self._confirmed_ms if looked else 0,
            router=self._router,
            revision=self._revision if looked else "",
            terminal=now.terminal,
            reason=reason,
        )
        return self._journal.write(record, wait_s=wait_s)
