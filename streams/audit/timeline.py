"""What happened in a rollout, in the order of the clock, for a person?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from streams.audit.chain import links
from streams.audit.facts import AuditLog, place_of
from streams.judge.facts import RoutingPhase
from streams.replay.records import StoredRecord
from streams.spec.formats import format_weight
from streams.spec.model import ALL_SEGMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One thing that happened."""

    at_ms: int
    """By the clock of whoever wrote it."""
    place: str
    who: str
    what: str


def timeline(log: AuditLog) -> list[Moment]:
    """Spec, decisions, commands and touches of the target; looks only where they say something."""
    return sorted(_moments(log), key=lambda moment: (moment.at_ms, moment.place))


def _moments(log: AuditLog) -> Iterator[Moment]:
    for stored in log.rollouts:
        who = str(stored.record["applied_by"]) or "somebody"
        what = f"applied the rollout, spec {stored.record['spec_hash'][:8]}"
        yield Moment(at_ms=stored.at_ms, place=place_of("rollouts", stored), who=who, what=what)
    for each in links(log.decisions):
        what = f"#{each.seq} {each.record['action']}: {each.record['reason']}"
        yield Moment(at_ms=each.at_ms, place=each.place, who="judge", what=what)
    for stored in log.commands:
        record = stored.record
        reason = f": {record['reason']}" if record["reason"] else ""
        yield Moment(
            at_ms=record["at"],
            place=place_of("commands", stored),
            who=str(record["actor"]) or "somebody",
            what=f"{str(record['command']).lower()}{reason}",
        )
    yield from _routed(log)


def _routed(log: AuditLog) -> Iterator[Moment]:
    last = ""
    for stored in log.routing:
        record = stored.record
        told = record["reason"]
        if record["phase"] == RoutingPhase.OBSERVED and told == last:
            continue
        last = told if record["phase"] == RoutingPhase.OBSERVED else last
        yield Moment(
            at_ms=record["at"],
            place=place_of("routing", stored),
            who=f"actuator ({record['router']})",
            what=_deed(stored),
        )


def _deed(stored: StoredRecord) -> str:
    record = stored.record
    shares = sorted(record["applied_bp"].get(ALL_SEGMENT, {}).items())
    weights = ", ".join(f"{arm} {format_weight(bp)}" for arm, bp in shares)
    reason = f" ({record['reason']})" if record["reason"] else ""
    return f"#{record['fence']} {record['phase']}: {weights or 'nothing known'}{reason}"
