"""How does what is known of a rollout change with what is read? Pure functions.

Decisions are accepted or refused by the actuator's own rules (`actuator/acceptance.py`), so that a
controller that asks is told what an actuator would have done.
"""

from __future__ import annotations

from dataclasses import replace

from streams.actuator.acceptance import Refusal, take_decision
from streams.actuator.facts import CommandRead, LeaseFact, RoutingRecord
from streams.actuator.lease import LeaseWatch, outdated
from streams.actuator.standing import Standing, take_command
from streams.judge.facts import CommandKind
from streams.judge.weights import SEEN
from streams.spec.model import RolloutSpec
from streams.verdicts.facts import Known, ToldDecision

OLD_NEWS = frozenset({Refusal.STALE, Refusal.TERMINAL})
"""Refusals that say nothing against the decision in force."""


def begin(spec: RolloutSpec, partition: int, applied_ms: int = 0) -> Known:
    """A rollout of which the spec alone is known."""
    return Known(
        spec=spec,
        partition=partition,
        applied_ms=applied_ms,
        standing=Standing(arms=spec.arms, spec_hash=spec.spec_hash),
        lease=LeaseWatch(rollback_s=spec.silence_rollback_s),
    )


def decided(known: Known, decision: ToldDecision, now: float) -> Known:
    """A decision was read. One that nobody vouches for where keys are trusted means nothing."""
    again = known.told is not None and decision.decision_id == known.told.decision_id
    if decision.doubted is not None or again:
        return known
    standing, refused = take_decision(known.standing, decision)
    if refused is None:
        return replace(
            known, standing=standing, told=decision, refused="", lease=known.lease.watch(now)
        )
    if refused.code in OLD_NEWS:
        return known
    return replace(known, refused=f"decision #{decision.seq} is not believed: {refused}")


def commanded(known: Known, command: CommandRead) -> Known:
    """A person said something."""
    standing = take_command(known.standing, command)
    refused = "" if command.kind is CommandKind.RESUME else known.refused
    return replace(known, standing=standing, refused=refused)


def heard(known: Known, lease: LeaseFact, now: float, wall_ms: int, *, live: bool) -> Known:
    """A heartbeat of the judge was read; one of history tells only whether the judge has ended.

    Args:
        known: what was known.
        lease: the heartbeat.
        now: monotonic seconds.
        wall_ms: the clock on the wall.
        live: it came after all that stood in the log at the start.
    """
    if lease.spec_hash != known.spec.spec_hash:
        return known
    if lease.ended:
        return replace(known, lease=known.lease.end())
    if not live:
        return known
    if lease.signed:
        if outdated(lease, known.last_lease_ms, wall_ms):
            return known
        known = replace(known, last_lease_ms=lease.issued_at_ms)
    return replace(known, lease=known.lease.hear(now, lease.valid_s))


def routed(known: Known, record: RoutingRecord, now: float | None) -> Known:
    """The target's weights were told; `now` in monotonic seconds, None for history."""
    if record.phase not in SEEN or not record.applied_bp:
        return known
    return replace(known, routing=record, routed_at=now)
