"""Do the recorded decisions follow from the log, each once and in order?

The judge's own pure functions step along the recorded cuts, over the oracle's panes.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.errors import StateError
from streams.judge.chain import decision_body
from streams.judge.decision_facts import Decision
from streams.judge.facts import CommandFact, CommandKind, Cut, RoutingFact, RoutingPhase
from streams.judge.record import decision_from_record
from streams.judge.rollout import RolloutJudge
from streams.spec.model import RolloutSpec
from tests.soak.oracle.log import Record
from tests.soak.oracle.merge import Due

Decoded = tuple[Record, dict[str, Any]]


@dataclass(slots=True, kw_only=True)
class Judged:
    """What was found of one rollout's decisions."""

    compared: int = 0
    wrong: int = 0
    duplicated: int = 0
    reordered: int = 0
    findings: list[str] = field(default_factory=list)

    def say(self, what: str, *, wrong: int = 0, duplicated: int = 0, reordered: int = 0) -> None:
        """Count and tell one finding."""
        self.wrong += wrong
        self.duplicated += duplicated
        self.reordered += reordered
        self.findings.append(what)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What else the judge reads of a rollout."""

    routing: Sequence[RoutingFact]
    commands: Sequence[CommandFact]


def check_decisions(
    spec: RolloutSpec,
    pane_ms: int,
    panes: Mapping[int, Due],
    heard: Heard,
    decisions: Sequence[Decoded],
) -> Judged:
    """Compare every decision of a rollout, in the order of the log."""
    found = Judged()
    judge = RolloutJudge(spec, pane_ms)
    before, prev_hash, seq = Cut(pane=-1), "", 0
    for record, body in decisions:
        told = decision_from_record(body)
        found.compared += 1
        if told.seq != seq + 1 or told.prev_hash != prev_hash:
            _off_the_chain(found, record, told, seq, prev_hash)
            if told.seq <= seq:
                continue
        seq, prev_hash = told.seq, hashlib.sha256(record.body).hexdigest()
        try:
            again, before = _stepped(judge, told, before, panes, heard, found)
        except (StateError, KeyError) as missing:
            found.say(f"{record}: decision {told.seq} cannot be judged: {missing!r}", wrong=1)
            return found
        _compare(found, record, told, again)
    return found


def _off_the_chain(found: Judged, record: Record, told: Decision, seq: int, prev_hash: str) -> None:
    if told.seq <= seq:
        found.say(f"{record}: decision {told.seq} comes again after {seq}", duplicated=1)
    elif told.seq > seq + 1:
        found.say(f"{record}: decision {told.seq} comes after {seq}", reordered=1)
    else:
        found.say(
            f"{record}: decision {told.seq} points at {told.prev_hash[:8]}, before it is "
            f"{prev_hash[:8]}",
            reordered=1,
        )


def cuts_to(told: Decision) -> Iterator[Cut]:
    """Every step that led to a decision: between two named ones only the pane counts up."""
    for number, cut in enumerate(told.steps):
        last = number + 1 == len(told.steps)
        until = told.cut.pane + 1 if last else told.steps[number + 1].pane
        for pane in range(cut.pane, until):
            yield dataclasses.replace(cut, pane=pane)


def _stepped(
    judge: RolloutJudge,
    told: Decision,
    before: Cut,
    panes: Mapping[int, Due],
    heard: Heard,
    found: Judged,
) -> tuple[list[Decision], Cut]:
    again = []
    for cut in cuts_to(told):
        due = panes[cut.pane]
        if (cut.idle, cut.joined_through) != (due.idle, due.joined_through):
            found.say(f"decision {told.seq}: {cut} is not where the log was: {due.idle}", wrong=1)
        decision = judge.step(
            due.given,
            cut,
            [f for f in heard.routing if before.routing_offset <= f.offset < cut.routing_offset],
            [f for f in heard.commands if before.commands_offset <= f.offset < cut.commands_offset],
        )
        before = cut
        if decision is not None:
            again.append(decision)
    return again, before


def _compare(found: Judged, record: Record, told: Decision, again: list[Decision]) -> None:
    if len(again) != 1:
        found.say(f"{record}: to decision {told.seq} lead {len(again)}", wrong=1)
    elif decision_body(again[0]) != record.body:
        differing = [
            each.name
            for each in dataclasses.fields(told)
            if getattr(told, each.name) != getattr(again[0], each.name)
        ]
        found.say(f"{record}: decision {told.seq} differs in {differing}", wrong=1)


def routing_heard(records: Sequence[Decoded]) -> list[RoutingFact]:
    """Routing records as the judge hears them."""
    return [
        RoutingFact(
            offset=record.offset,
            phase=RoutingPhase(body["phase"]),
            at_ms=body["at"],
            weights_bp=body["applied_bp"].get("all", {}),
            segments_bp={s: w for s, w in body["applied_bp"].items() if s != "all"},
            since_ms=body["since"],
            confirmed_until_ms=body["confirmed_until"],
            fence=body["fence"],
            reason=body["reason"],
        )
        for record, body in records
    ]


def commands_heard(records: Sequence[Decoded]) -> list[CommandFact]:
    """Commands as the judge hears them."""
    return [
        CommandFact(
            offset=record.offset,
            kind=CommandKind(body["command"].lower()),
            actor=body["actor"],
            reason=body["reason"],
            at_ms=body["at"],
            stage=body["stage"],
            until_ms=body["until"],
        )
        for record, body in records
    ]
