"""Was each decision applied at most once and in order? From `routing`, the actuators' own words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.spec.model import BASELINE
from tests.soak.oracle.log import Record

Decoded = tuple[Record, dict[str, Any]]
Weights = Mapping[str, Mapping[str, int]]


@dataclass(slots=True, kw_only=True)
class Routed:
    """What was found of one rollout's target."""

    applied: int = 0
    twice: int = 0
    out_of_order: int = 0
    findings: list[str] = field(default_factory=list)


def check_routing(records: Sequence[Decoded], decisions: Sequence[Decoded]) -> Routed:
    """Compare what actuators did with what was decided, in the order of the log."""
    by_seq = {body["seq"]: body for _, body in decisions}
    found = Routed()
    highest, done, has = 0, dict[int, Weights](), dict[str, Any]()
    for record, body in records:
        phase, fence = body["phase"], body["fence"]
        if phase == "refused":
            continue
        if fence < highest:
            found.out_of_order += 1
            found.findings.append(f"{record}: {phase} under fence {fence} after {highest}")
        highest = max(highest, fence)
        decided = by_seq.get(fence)
        if fence and (decided is None or decided["decision_id"] != body["decision_id"]):
            found.out_of_order += 1
            found.findings.append(f"{record}: {phase} answers no decision {fence}")
        if phase == "applied":
            _applied(found, record, body, done, has, decided)
            done[fence] = body["applied_bp"]
        if phase in ("applied", "observed", "failed"):
            has = body["applied_bp"]
    return found


def _applied(
    found: Routed,
    record: Record,
    body: Mapping[str, Any],
    done: Mapping[int, Weights],
    has: Weights,
    decided: Mapping[str, Any] | None,
) -> None:
    fence, weights = body["fence"], body["applied_bp"]
    found.applied += fence not in done
    if done.get(fence) == weights and has == weights:
        found.twice += 1
        found.findings.append(f"{record}: decision {fence} applied again, nothing had changed")
    if decided is not None and exceeds(weights, decided["weights_bp"]):
        found.out_of_order += 1
        found.findings.append(f"{record}: more than decision {fence} allows: {weights}")


def exceeds(have: Weights, allowed: Weights) -> bool:
    """Whether any candidate has more than it may have, in any segment."""
    for segment, arms in have.items():
        may = allowed.get(segment, allowed["all"])
        if any(share > may.get(arm, 0) for arm, share in arms.items() if arm != BASELINE):
            return True
    return False
