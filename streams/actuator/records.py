"""How do the actuator's facts look as Avro records, and back?"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from streams.actuator.facts import CommandRead, DecisionFact, LeaseFact, RoutingRecord
from streams.judge.decision_facts import Action
from streams.judge.facts import CommandKind, RoutingPhase
from streams.wire.framing import unframe


def decision_fact(record: Mapping[str, Any], value: bytes, trace: bytes = b"") -> DecisionFact:
    """A record of `decisions`; `value` is what it was decoded from, for the chain of hashes."""
    return DecisionFact(
        rollout=record["rollout"],
        decision_id=record["decision_id"],
        seq=record["seq"],
        spec_hash=record["spec_hash"],
        action=Action(record["action"]),
        terminal=record["terminal"],
        weights_bp=record["weights_bp"],
        prev_hash=record["prev_hash"],
        body_hash=hashlib.sha256(unframe(value)[1]).hexdigest(),
        pane_end_ms=(record["cut"]["pane"] + 1) * record["pane_ms"],
        trace=trace,
    )


def lease_fact(record: Mapping[str, Any]) -> LeaseFact:
    """A record of `leases`."""
    return LeaseFact(
        rollout=record["rollout"],
        spec_hash=record["spec_hash"],
        valid_s=record["valid_ms"] / 1000,
        ended=record["state"] == "ENDED",
        issued_at_ms=record["at"],
    )


def command_read(record: Mapping[str, Any]) -> CommandRead:
    """A record of `commands`."""
    return CommandRead(
        rollout=record["rollout"],
        kind=CommandKind(record["command"].lower()),
        actor=record["actor"],
        at_ms=record["at"],
        until_ms=record["until"],
    )


def routing_record(record: Mapping[str, Any]) -> RoutingRecord:
    """A record of `routing`."""
    known = {field.name: record[field.name] for field in fields(RoutingRecord)}
    return RoutingRecord(**known | {"phase": RoutingPhase(record["phase"])})


def routing_to_record(routing: RoutingRecord) -> dict[str, Any]:
    """The Avro record of a routing fact; maps in sorted order."""
    record: dict[str, Any] = {
        field.name: getattr(routing, field.name) for field in fields(RoutingRecord)
    }
    record["phase"] = routing.phase.value
    for name in ("desired_bp", "applied_bp"):
        weights = sorted(record[name].items())
        record[name] = {segment: dict(sorted(shares.items())) for segment, shares in weights}
    return record
