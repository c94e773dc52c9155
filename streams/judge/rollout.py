"""What shall happen to a rollout, now that one more pane is closed? Stepped pane by pane.

The decision is a pure function of the panes, routing and command records up to the cut of each
step (architecture, rule 1): no clock, no randomness, no batch boundary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from streams.errors import StateError
from streams.judge.commands import Wishes, heard_ms
from streams.judge.contest import Standing, lacking, leaving
from streams.judge.course import Course
from streams.judge.decision_facts import Action, Decision
from streams.judge.facts import CommandFact, CommandKind, Cut, PaneInput, RoutingFact
from streams.judge.field import Field
from streams.judge.herald import Herald
from streams.judge.learnt import Learnt
from streams.judge.policy import Ruling, Situation, rule
from streams.judge.shadow_policy import copied, rule_copies
from streams.judge.stages import Progress
from streams.judge.use import expect_minutes
from streams.spec.model import Mode, RolloutSpec

STATE_VERSION = 8
OVERDUE = frozenset({"not_shown_harmless", "max_time"})
"""Codes of rulings under which a stage has had its time, and evidence is what it lacks."""


class RolloutJudge:
    """The judge of one rollout.

    `step` takes consecutive panes (one without events arrives empty) and the routing and command
    records that are new since the step before. A decision restates the full desired weights:
    `advance` while they are to be raised, `hold` once the target has them or while somebody or
    something stands against a raise; `rollback` and `promote` end the rollout.
    """

    def __init__(self, spec: RolloutSpec, pane_ms: int, field: Field | None = None) -> None:
        """Raise `SpecError` where a metric lacks a number that its kind needs.

        A `field` of one's own watches what is folded.
        """
        self.spec = spec
        self._spec_hash = spec.spec_hash
        self.pane_ms = pane_ms
        self.ended = False
        self.last_pane: int | None = None
        self._copies = spec.mode is Mode.SHADOW
        self._learnt = Learnt(spec, pane_ms, field)
        self._course = Course(spec, self._learnt.contestants, self._learnt.slices)
        self._wishes = Wishes()
        self._herald = Herald(spec, pane_ms)

    def step(
        self,
        pane: PaneInput,
        cut: Cut,
        routing: Sequence[RoutingFact] = (),
        commands: Sequence[CommandFact] = (),
    ) -> Decision | None:
        """Judge one pane; a decision on the first step, on any change, and for each report.

        A change of the baseline itself is told at once; nothing but thresholds follows from it.

        Raises:
            StateError: the pane is not the next one, or not of the judge's length.
        """
        if self.ended:
            return None
        self._expect(pane, cut)
        expect_minutes(pane, self._herald.chain.last_cut, cut)
        self._herald.chain.follow(cut)
        self._hear(routing, commands, pane)
        drifted = self._learnt.watch(pane, self._course)
        self._learnt.settle(self._course)
        standings = self._learnt.contestants.standings(self._learnt.invalid)
        situation = self._situation(pane, standings)
        ruling = (rule_copies if self._copies else rule)(situation, self.spec.stages)
        self._wishes = self._wishes.answered()
        decision = None
        findings = [finding for one in standings for finding in one.findings]
        if self._herald.due(ruling, findings, pane.pane, drifted=drifted):
            decision = self._decided(ruling, standings, situation.progress, cut)
        self._move(pane, ruling)
        return decision

    @property
    def body(self) -> bytes:
        """Avro body of the decision that was made last, as `chain.decision_body` writes it."""
        return self._herald.chain.body

    def _expect(self, pane: PaneInput, cut: Cut) -> None:
        wanted = pane.pane if self.last_pane is None else self.last_pane + 1
        if (pane.pane, cut.pane, pane.pane_ms) != (wanted, wanted, self.pane_ms):
            raise StateError(
                f"rollout {self.spec.rollout}: expected pane {wanted} of {self.pane_ms} ms, got "
                f"pane {pane.pane} of {pane.pane_ms} ms with cut {cut.pane}; "
                f"feed every pane once, in order"
            )
        self.last_pane = pane.pane

    def _hear(
        self, routing: Sequence[RoutingFact], commands: Sequence[CommandFact], pane: PaneInput
    ) -> None:
        """What the target has, and what people ask; who resumes says that what failed is mended."""
        for fact in routing:
            self._course.timeline.feed(fact)
        health, now_ms = self._learnt.health, heard_ms(pane.end_ms, routing, commands)
        for command in commands:
            self._wishes = self._wishes.after(command, now_ms)
            if command.kind is CommandKind.RESUME and health.resumable:
                health.log.resume()
                self._enter(self._course.stage, pane.start_ms)
        self._wishes = self._wishes.at(pane.start_ms)

    def _situation(self, pane: PaneInput, standings: Sequence[Standing]) -> Situation:
        """What the policy looks at; whoever is shown to be harmful has left by then."""
        learnt, invalid = self._learnt, self._learnt.invalid
        dropped = self._drop_harmed(pane, learnt.contestants.live(standings))
        live = learnt.contestants.live(standings)
        harmed = tuple(name for one in live for name in one.harmed)
        parted = () if harmed else self._send_back(pane, live)
        if learnt.slices.exhausted(learnt.field.heard):
            harmed = harmed or parted
        progress = self._course.progress(pane.end_ms)
        return Situation(
            stage=self._course.stage,
            baseline_seen=learnt.health.baseline_seen,
            silent=learnt.health.silent,
            harmed=harmed,
            dropped=dropped,
            parted=parted,
            suspicious=tuple(name for one in live for name in one.suspicious),
            unhealthy=(invalid,) if invalid else learnt.outcomes.failed(learnt.contestants.running),
            broken=learnt.health.log.changed,
            incomplete=learnt.health.log.incomplete,
            unproven=lacking(live, overtime=self._course.is_overtime(progress)),
            progress=progress,
            wishes=self._wishes,
        )

    def _drop_harmed(self, pane: PaneInput, live: Sequence[Standing]) -> tuple[str, ...]:
        """Take harmful candidates out while others remain; the stage keeps its time."""
        harmful = [one for one in live if one.harmed]
        if not harmful or len(harmful) == len(live):
            return ()
        self._course.clock.bank(self._course.progress(pane.end_ms), pane.end_ms)
        return self._learnt.contestants.drop(harmful)

    def _send_back(self, pane: PaneInput, live: Sequence[Standing]) -> tuple[str, ...]:
        """Take harmful slices out; the stage keeps its time, not what it has shown."""
        parted = leaving(live)
        if parted:
            self._course.clock.recount(self._course.progress(pane.end_ms), pane.end_ms)
            self._learnt.send_back(parted)
        return tuple(each.name for each in parted)

    def _decided(
        self, ruling: Ruling, standings: Sequence[Standing], progress: Progress, cut: Cut
    ) -> Decision:
        """The decision that a ruling comes to, with all that it rests on."""
        learnt = self._learnt
        return self._herald.decide(
            ruling,
            self._ordered(ruling, standings),
            cut,
            verdicts=learnt.verdicts(),
            health=learnt.checks(self._course.routing(progress)),
            shadows=learnt.shadows(),
            drifts=learnt.drift.told,
            figures=learnt.outcomes.figures(),
        )

    def _ordered(self, ruling: Ruling, standings: Sequence[Standing]) -> dict[str, dict[str, int]]:
        """The weights that a ruling comes to, by segment."""
        contestants = self._learnt.contestants
        best = contestants.best(standings) if ruling.action is Action.PROMOTE else ""
        whole = self.spec.weights_at(ruling.stage, without=contestants.dropped, winner=best)
        return copied(whole) if self._copies else self._learnt.slices.weights(whole)

    def _move(self, pane: PaneInput, ruling: Ruling) -> None:
        """Enter the stage that the ruling leads to."""
        self.ended = ruling.terminal
        if ruling.code in OVERDUE:
            self._learnt.field.renew_dull_thresholds()
        if not self.ended and ruling.stage != self._course.stage:
            self._enter(ruling.stage, pane.end_ms)

    def _enter(self, stage: int, now_ms: int) -> None:
        """Begin a stage; the evidence for promotion starts afresh."""
        self._course.clock.enter(stage, now_ms)
        self._learnt.begin_afresh()

    def to_state(self) -> dict[str, Any]:
        """Everything that a later step needs, as JSON values."""
        return {
            "version": STATE_VERSION,
            "spec_hash": self._spec_hash,
            "pane_ms": self.pane_ms,
            "ended": self.ended,
            "last_pane": self.last_pane,
            **self._course.to_state(),
            **self._learnt.to_state(),
            "wishes": self._wishes.to_state(),
            "herald": self._herald.to_state(),
        }

    @classmethod
    def from_state(cls, spec: RolloutSpec, state: Mapping[str, Any]) -> Self:
        """Continue from what `to_state` wrote, byte for byte.

        Raises:
            StateError: the state belongs to another spec or another version of davy.
        """
        found = (state["version"], state["spec_hash"])
        if found != (STATE_VERSION, spec.spec_hash):
            raise StateError(
                f"rollout {spec.rollout}: judge state has (version, spec hash) {found}, wanted "
                f"{(STATE_VERSION, spec.spec_hash)}; a rollout's spec never changes: use a new id"
            )
        judge = cls(spec, state["pane_ms"])
        judge._restore(state)
        return judge

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.ended, self.last_pane = state["ended"], state["last_pane"]
        self._course.restore(state)
        self._learnt.restore(state)
        self._wishes = Wishes.from_state(state["wishes"])
        self._herald.restore(state["herald"])
