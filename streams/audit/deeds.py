"""Does what was done follow from what was decided? The end of the chain, routing and commands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from streams.actuator.lease import CLOCKS_APART_MS
from streams.actuator.weights import rises
from streams.audit.facts import Audited, AuditLog, Finding, Gap, place_of
from streams.judge.facts import RoutingPhase
from streams.replay.records import StoredRecord

TOUCHING = frozenset({RoutingPhase.INTENT, RoutingPhase.APPLIED})
"""Phases in which the actuator itself changes a target."""
SEEN = frozenset({RoutingPhase.APPLIED, RoutingPhase.OBSERVED})
"""Phases that tell what a target has."""


def end_gaps(log: AuditLog, chain: Sequence[Audited]) -> Iterator[Finding]:
    """Whether the chain ends where the judge and the actuator know it to end."""
    yield from _against_state(log, chain)
    last = chain[-1].seq if chain else 0
    beyond = [r for r in log.routing if _phase(r) in TOUCHING and r.record["fence"] > last]
    if beyond:
        highest = max(beyond, key=lambda r: int(r.record["fence"]))
        sentence = (
            f"decision #{highest.record['fence']} was acted on, the last one here is #{last}: the "
            "end of the chain was cut off"
        )
        yield Finding(gap=Gap.TRUNCATED, place=place_of("routing", highest), sentence=sentence)


def _against_state(log: AuditLog, chain: Sequence[Audited]) -> Iterator[Finding]:
    if log.state is None or log.state_after is None:
        place = chain[-1].place if chain else "decisions"
        sentence = "`judge-state` holds nothing of this rollout, so the end cannot be checked"
        yield Finding(gap=Gap.NO_STATE, place=place, sentence=sentence)
        return
    place = place_of("judge-state", log.state)
    seq, body_hash = _stands(log.state.record)
    known, _ = _stands(log.state_after.record)
    last = chain[-1].seq if chain else 0
    if seq > last:
        sentence = (
            f"the judge made {seq} decisions, the last one here is #{last}: the end is cut off"
        )
        yield Finding(gap=Gap.TRUNCATED, place=place, sentence=sentence)
    if known < last:
        sentence = (
            f"the judge knows of {known} decisions, the last one here is #{last}: somebody else "
            "wrote it, or the state was put back"
        )
        yield Finding(gap=Gap.BEYOND_STATE, place=chain[-1].place, sentence=sentence)
    for each in chain:
        if each.seq == seq and each.body_hash != body_hash:
            sentence = f"decision #{seq} is not the one that the judge remembers ({place})"
            yield Finding(gap=Gap.ALTERED, place=each.place, sentence=sentence)


def _stands(record: Mapping[str, Any]) -> tuple[int, str]:
    """Number and hash of the judge's last decision; 0 where it has made none."""
    judge = json.loads(record["state"])["judge"]
    if judge is None:
        return 0, ""
    chain = judge["herald"]["chain"]
    return int(chain["seq"]), str(chain["prev_hash"])


def routing_gaps(log: AuditLog, chain: Sequence[Audited]) -> Iterator[Finding]:
    """Whether every touch of the target answers a decision, and raises came after theirs."""
    decided = {link.seq: link for link in chain}
    had: Mapping[str, Mapping[str, int]] | None = None
    highest = 0
    for stored in log.routing:
        record, phase = stored.record, _phase(stored)
        if phase in TOUCHING:
            yield from _touch(stored, decided.get(record["fence"]), had)
            if record["fence"] < highest:
                yield _fence_back(stored, highest)
            highest = max(highest, record["fence"])
        if phase in SEEN:
            had = record["applied_bp"]


def _phase(stored: StoredRecord) -> RoutingPhase | None:
    told = stored.record["phase"]
    return RoutingPhase(told) if told in set(RoutingPhase) else None


def _touch(
    stored: StoredRecord, decision: Audited | None, had: Mapping[str, Mapping[str, int]] | None
) -> Iterator[Finding]:
    record, place = stored.record, place_of("routing", stored)
    known_raise = had is not None and rises(had, record["applied_bp"])
    raised = had is None or known_raise  # where nobody looked before, it may have been a raise
    fence = record["fence"]
    if decision is None:
        if fence or known_raise:
            sentence = f"the target was touched for decision #{fence}, which is not there"
            yield Finding(gap=Gap.NO_DECISION, place=place, sentence=sentence)
        return
    if record["decision_id"] != decision.record["decision_id"]:
        sentence = f"names another decision #{fence} than that at {decision.place}"
        yield Finding(gap=Gap.NO_DECISION, place=place, sentence=sentence)
    if raised and rises(decision.record["weights_bp"], record["applied_bp"]):
        sentence = f"a candidate got more than decision #{fence} ({decision.place}) gives it"
        yield Finding(gap=Gap.RAISED_BEYOND, place=place, sentence=sentence)
    early_ms = decision.at_ms - record["at"]
    if raised and early_ms > CLOCKS_APART_MS:
        sentence = f"raised {early_ms / 1000:g} s before decision #{fence} ({decision.place})"
        yield Finding(gap=Gap.RAISED_EARLY, place=place, sentence=sentence)


def _fence_back(stored: StoredRecord, highest: int) -> Finding:
    sentence = (
        f"decision #{stored.record['fence']} was acted on after #{highest}: an actuator that had "
        "lost its partition, or a forged record"
    )
    return Finding(gap=Gap.FENCE_BACK, place=place_of("routing", stored), sentence=sentence)


def command_gaps(log: AuditLog) -> Iterator[Finding]:
    """Whether it is known who asked."""
    for stored in log.commands:
        if not stored.record["actor"]:
            sentence = f"nobody's name stands beside this {stored.record['command']}"
            yield Finding(gap=Gap.NO_ACTOR, place=place_of("commands", stored), sentence=sentence)
