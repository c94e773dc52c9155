"""What does the judge's owner keep of one rollout? Its panes on the way, its judge, its place.

Pure bookkeeping: everything here follows from the records given and their offsets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from streams.judge.decision_facts import Decision
from streams.judge.facts import CommandFact, CommandKind, Cut, PaneInput, RoutingFact, RoutingPhase
from streams.judge.record import cut_from_record, cut_to_record
from streams.judge.rollout import RolloutJudge
from streams.panes.merge import DuePane, PaneMerge
from streams.spec.model import ALL_SEGMENT, RolloutSpec


@dataclass(slots=True)
class Controls:
    """Routing and command records of one rollout that the judge has not seen yet."""

    routing: list[RoutingFact] = field(default_factory=list)
    commands: list[CommandFact] = field(default_factory=list)


class Desk:
    """One live rollout at the judge's owner."""

    def __init__(self, spec: RolloutSpec, panes_offset: int) -> None:
        self.spec = spec
        self.spec_hash = spec.spec_hash
        self.panes_offset = panes_offset
        """First offset of `panes` that this desk has not taken."""
        self.again_offset = panes_offset
        """From here on panes are taken again that a restored state has left out."""
        self.durable_offset = panes_offset
        self._since: dict[int, int] = {}
        """Pane that waits -> offset of the first record that told it."""
        self.merge = PaneMerge.of(spec)
        self.judge: RolloutJudge | None = None
        self.controls = Controls()
        self.cut = Cut(pane=-1)

    @property
    def ended(self) -> bool:
        """Whether the terminal decision was made."""
        return self.judge is not None and self.judge.ended

    @property
    def body(self) -> bytes:
        """Avro body of the decision that was made last; empty before the first."""
        return b"" if self.judge is None else self.judge.body

    @property
    def resume_offset(self) -> int:
        """First offset of `panes` that is read again where a restart takes on this state."""
        if self.again_offset < self.panes_offset:
            return self.again_offset
        if not self.merge.crowded:
            return self.panes_offset
        first = self.merge.next_pane
        held = (at for pane, at in self._since.items() if first is None or pane >= first)
        return min(held, default=self.panes_offset)

    def take(self, offset: int, record: Mapping[str, Any]) -> None:
        """Take a record of `panes` that concerns this rollout, once."""
        if offset >= self.panes_offset:
            self.panes_offset = self.again_offset = offset + 1
            self._note(offset, record)
            self.merge.take(record, self.spec.rollout, self.spec_hash)
        elif offset >= self.again_offset:
            self.again_offset = offset + 1
            self._note(offset, record)
            self.merge.take_again(record, self.spec.rollout, self.spec_hash)
        if self.judge is None and self.merge.pane_ms is not None:
            self.judge = RolloutJudge(self.spec, self.merge.pane_ms)

    def _note(self, offset: int, record: Mapping[str, Any]) -> None:
        """Remember where a pane was told first, if it waits: one that comes too late does not."""
        name, body = record["body"]
        if name != self.merge.member or body["rollout"] != self.spec.rollout:
            return
        first = self.merge.next_pane
        if first is None or body["pane"] >= first:
            self._since.setdefault(body["pane"], offset)

    def step(self, *, rollouts: int, commands: int, routing: int) -> Decision | None:
        """Judge due panes up to a decision; the arguments are the offsets read so far."""
        if self.again_offset < self.panes_offset:
            return None  # parts of panes that may be due are still on their way
        while self.judge is not None and not self.judge.ended:
            due = self.merge.take_due()
            if due is None:
                return None
            self._since.pop(due.pane, None)
            self.cut = Cut(
                pane=due.pane,
                idle=due.idle,
                rollouts_offset=rollouts,
                commands_offset=commands,
                routing_offset=routing,
                joined_through=due.joined_through,
                resources_through=due.resources_through,
            )
            decision = self._judge(self.judge, due)
            if decision is not None:
                return decision
        return None

    def _judge(self, judge: RolloutJudge, due: DuePane) -> Decision | None:
        controls, self.controls = self.controls, Controls()
        pane = PaneInput.of(due, self.merge.pane_ms or 0)
        return judge.step(pane, self.cut, controls.routing, controls.commands)

    def control(self, fact: RoutingFact | CommandFact) -> None:
        """Keep a control record for the next step, unless the state has it already."""
        if isinstance(fact, RoutingFact):
            if fact.offset >= self.cut.routing_offset:
                self.controls.routing.append(fact)
        elif fact.offset >= self.cut.commands_offset:
            self.controls.commands.append(fact)

    def to_record(self, outbox: list[bytes]) -> dict[str, Any]:
        """The `judge-state` record; an ended rollout keeps only its chain's end."""
        merge = {} if self.ended else self.merge.to_state()
        judge = self.judge.to_state() if self.judge is not None else None
        state = {
            "cut": cut_to_record(self.cut),
            "judge": judge,
            "ended": self.ended,
            "taken": self.panes_offset,
            "since": {} if self.ended or self.merge.crowded else self._since_state(),
        }
        return {
            "rollout": self.spec.rollout,
            "spec_hash": self.spec_hash,
            "panes_offset": self.panes_offset if self.ended else self.resume_offset,
            "inputs": json.dumps(merge, sort_keys=True, separators=(",", ":")),
            "state": json.dumps(state, sort_keys=True, separators=(",", ":")),
            "outbox": outbox,
        }

    def _since_state(self) -> dict[str, int]:
        """Of the panes that the state holds: should they be left out later, they are read again."""
        return {str(pane): offset for pane, offset in self._since.items()}

    @classmethod
    def from_record(cls, spec: RolloutSpec, record: dict[str, Any]) -> Self:
        """Continue where `to_record` stood."""
        desk = cls(spec, record["panes_offset"])
        state = json.loads(record["state"])
        desk.panes_offset = state["taken"]
        desk._since = {int(pane): offset for pane, offset in state.get("since", {}).items()}
        desk.cut = cut_from_record(state["cut"])
        desk.merge = PaneMerge.from_state(json.loads(record["inputs"]), spec.outcomes)
        if state["judge"] is not None:
            desk.judge = RolloutJudge.from_state(spec, state["judge"])
        return desk


def ended_at(record: dict[str, Any]) -> int | None:
    """Last judged pane of an ended rollout's `judge-state` record; None while it lives."""
    state = json.loads(record["state"])
    pane: int = state["cut"]["pane"]
    return pane if state["ended"] else None


def routing_fact(offset: int, record: dict[str, Any]) -> RoutingFact:
    """The judge's view of a `routing` record."""
    return RoutingFact(
        offset=offset,
        phase=RoutingPhase(record["phase"]),
        at_ms=record["at"],
        weights_bp=record["applied_bp"].get(ALL_SEGMENT, {}),
        segments_bp={s: w for s, w in record["applied_bp"].items() if s != ALL_SEGMENT},
        since_ms=record["since"],
        confirmed_until_ms=record["confirmed_until"],
        fence=record["fence"],
        reason=record["reason"],
    )


def command_fact(offset: int, record: dict[str, Any]) -> CommandFact:
    """The judge's view of a `commands` record."""
    return CommandFact(
        offset=offset,
        kind=CommandKind(record["command"].lower()),
        actor=record["actor"],
        reason=record["reason"],
        at_ms=record["at"],
        stage=record["stage"],
        until_ms=record["until"],
    )
