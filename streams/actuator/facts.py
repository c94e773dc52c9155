"""What does the actuator read and write? Facts only.

The counterparts of the topics `decisions`, `leases`, `commands` and `routing`, without Kafka.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.actuator.ports import Segments
from streams.judge.decision_facts import Action
from streams.judge.facts import CommandKind, RoutingPhase
from streams.wire.signatures import Doubted


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionFact:
    """A decision as far as the actuator acts on it."""

    rollout: str
    decision_id: str
    seq: int
    spec_hash: str
    action: Action
    terminal: bool
    weights_bp: Segments
    prev_hash: str
    body_hash: str
    """SHA-256 of this decision's own Avro body: the next one's `prev_hash`."""
    doubted: Doubted | None = None
    """Why it is not known to be a judge's; None where it is, or where nothing is verified."""
    pane_end_ms: int = 0
    """Event time of the pane that it rests on; 0 where that is not known."""
    trace: bytes = b""
    """`traceparent` of its record; empty where nobody follows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseFact:
    """A heartbeat of the judge."""

    rollout: str
    spec_hash: str
    valid_s: float
    ended: bool
    issued_at_ms: int = 0
    signed: bool = False
    """Whether a trusted key signed it; never where nothing is verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRead:
    """What a person asks."""

    rollout: str
    kind: CommandKind
    actor: str
    at_ms: int
    until_ms: int | None = None
    """When a pause ends by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingRecord:
    """One record of `routing`; the fields are those of `schemas/routing_state.avsc`."""

    rollout: str
    phase: RoutingPhase
    decision_id: str = ""
    fence: int = 0
    desired_bp: Segments = field(default_factory=dict)
    applied_bp: Segments = field(default_factory=dict)
    at: int
    since: int
    confirmed_until: int = 0
    router: str
    revision: str = ""
    terminal: bool = False
    reason: str = ""
