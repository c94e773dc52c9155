"""Is anything missing or changed in the record of a rollout? All checks, one list."""

from __future__ import annotations

from dataclasses import dataclass

from streams.audit.chain import chain_gaps, links
from streams.audit.deeds import command_gaps, end_gaps, routing_gaps
from streams.audit.facts import AuditLog, Finding, place_of
from streams.judge.facts import RoutingPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What came of it."""

    findings: tuple[Finding, ...]
    """Empty: the record is whole."""
    remarks: tuple[str, ...]
    """What a person may want to know, and what is no gap."""
    decisions: int
    """How many numbers the chain has."""


def verify(log: AuditLog, *, signed: bool) -> Audit:
    """Walk the chain and what was done on it; `signed`: whether trusted keys were at hand."""
    chain = links(log.decisions)
    findings = (
        *chain_gaps(log),
        *end_gaps(log, chain),
        *routing_gaps(log, chain),
        *command_gaps(log),
    )
    return Audit(findings=findings, remarks=_remarks(log, signed=signed), decisions=len(chain))


def _remarks(log: AuditLog, *, signed: bool) -> tuple[str, ...]:
    unreasoned = sum(not stored.record["reason"] for stored in log.commands)
    refused = [r for r in log.routing if r.record["phase"] == RoutingPhase.REFUSED]
    told = []
    if not signed:
        told.append("signatures were not verified: set signing.trusted")
    if unreasoned:
        told.append(f"{unreasoned} of {len(log.commands)} commands give no reason (--reason)")
    if refused:
        first = refused[0]
        told.append(
            f"the actuator refused decisions ({len(refused)} records), first at "
            f"{place_of('routing', first)}: {first.record['reason']}"
        )
    return tuple(told)
