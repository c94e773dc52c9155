"""What shall happen to a rollout, now that one more pane is closed? Stepped pane by pane.

The decision is a pure function of the panes, routing and command records up to the cut of each
step (architecture, rule 1): no clock, no randomness, no batch boundary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from streams.errors import StateError
from streams.judge.arrivals import Arrivals
from streams.judge.commands import Wishes, heard_ms
from streams.judge.contest import Standing, lacking, leaving
from streams.judge.contestants import Contestants
from streams.judge.decision_facts import Action, Decision, HealthCheck, Verdict
from streams.judge.drift.watch import LATENCY, DriftWatch
from streams.judge.facts import CommandFact, CommandKind, Cut, PaneInput, RoutingFact
from streams.judge.field import Field, Settled
from streams.judge.health import routing_check, unconfirmed_check
from streams.judge.health_field import HealthField
from streams.judge.herald import Herald
from streams.judge.outcomes.field import OutcomeField, spans_kept
from streams.judge.policy import Ruling, Situation, rule
from streams.judge.promotion import PromotionQueue, Waiting
from streams.judge.shadow_policy import copied, rule_copies
from streams.judge.slices import Slices
from streams.judge.stages import Progress, StageClock, same_weights
from streams.judge.use import expect_minutes
from streams.judge.weights import Weights, WeightTimeline
from streams.spec.model import Mode, RolloutSpec

STATE_VERSION = 7
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
        self.pane_ms = pane_ms
        self.ended = False
        self.last_pane: int | None = None
        self._copies = spec.mode is Mode.SHADOW
        self._timeline = WeightTimeline(
            spec.arms, round(spec.guard_s * 1000), kept=spans_kept(spec), copies=self._copies
        )
        self._field = Field(spec) if field is None else field
        self._slices = Slices(spec)
        self._outcomes = OutcomeField(spec, pane_ms)
        self._contestants = Contestants(self._field, self._outcomes, self._slices)
        self._queue = PromotionQueue()
        self._health = HealthField(spec, pane_ms)
        self._drift = DriftWatch()
        self._clock = StageClock(exposures=[0] * len(spec.candidates))
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
        self._watch(pane)
        drifted = self._drift.feed(pane)
        if LATENCY in drifted:
            self._field.hold_thresholds()
        self._settle()
        standings = self._contestants.standings(self._invalid())
        situation = self._situation(pane, standings)
        ruling = (rule_copies if self._copies else rule)(situation, self.spec.stages)
        self._wishes = self._wishes.answered()
        decision = None
        findings = [finding for one in standings for finding in one.findings]
        if self._herald.due(ruling, findings, pane.pane, drifted=bool(drifted)):
            weights, health = self._ordered(ruling, standings), self._checks(situation.progress)
            shadows = tuple(p.shadow for p in self._field.pairs if p.shadow is not None)
            more = (shadows, self._drift.told, self._outcomes.figures())
            told = (self._verdicts(), health, *more)
            decision = self._herald.decide(ruling, weights, cut, *told)
        self._move(pane, ruling)
        return decision

    @property
    def body(self) -> bytes:
        """Avro body of the decision that was made last, as `chain.decision_body` writes it."""
        return self._herald.chain.body

    def _hear(
        self, routing: Sequence[RoutingFact], commands: Sequence[CommandFact], pane: PaneInput
    ) -> None:
        """What the target has, and what people ask; who resumes says that what failed is mended."""
        for fact in routing:
            self._timeline.feed(fact)
        now_ms = heard_ms(pane.end_ms, routing, commands)
        for command in commands:
            self._wishes = self._wishes.after(command, now_ms)
            if command.kind is CommandKind.RESUME and self._health.resumable:
                self._health.log.resume()
                self._enter(self._clock.stage, pane.start_ms)
        self._wishes = self._wishes.at(pane.start_ms)

    def _verdicts(self) -> tuple[Verdict, ...]:
        """Of requests, then of outcomes; harm found before the log broke stays found."""
        invalid = self._invalid()
        told = self._field.verdicts(invalid) + self._outcomes.verdicts(invalid)
        return self._health.log.with_harm(told)

    def _ordered(self, ruling: Ruling, standings: Sequence[Standing]) -> dict[str, dict[str, int]]:
        """The weights that a ruling comes to, by segment."""
        promoted = ruling.action is Action.PROMOTE
        best = self._contestants.best(standings) if promoted else ""
        whole = self.spec.weights_at(ruling.stage, without=self._contestants.dropped, winner=best)
        return copied(whole) if self._copies else self._slices.weights(whole)

    def _expect(self, pane: PaneInput, cut: Cut) -> None:
        wanted = pane.pane if self.last_pane is None else self.last_pane + 1
        if (pane.pane, cut.pane, pane.pane_ms) != (wanted, wanted, self.pane_ms):
            raise StateError(
                f"rollout {self.spec.rollout}: expected pane {wanted} of {self.pane_ms} ms, got "
                f"pane {pane.pane} of {pane.pane_ms} ms with cut {cut.pane}; "
                f"feed every pane once, in order"
            )
        self.last_pane = pane.pane

    def _watch(self, pane: PaneInput) -> None:
        """Harm tests see the pane at once; for promotion it queues."""
        if pane.breaches:
            self._health.log.keep_harm(self._verdicts())
        pane, weights = self._slices.left(pane), self._timeline.weights_at(pane.start_ms)
        counts = self._field.read(pane, weights, self._slices.gone)
        self._field.feed(pane, counts, self._timeline)
        self._field.use(pane, self._timeline, self._desired() if self._clock.stage >= 0 else None)
        arrivals, whole = Arrivals.of(pane, self.spec), counts[: len(self._field.pairs)]
        self._queue.push(Waiting(pane=pane.pane, counts=whole, arrivals=arrivals))
        self._health.watch(pane, arrivals, weights or self._desired())
        self._outcomes.take(pane, self._timeline)

    def _settle(self) -> None:
        """Confirmed panes of the current stage serve promotion, sample ratio and exposures."""
        desired, panes = self._desired(), list[Settled]()
        for waiting, weights in self._queue.settled(self._timeline, self.pane_ms):
            if self._clock.stage < 0 or not same_weights(weights, desired):
                continue
            self._health.settle(waiting, weights)
            self._clock.count(waiting.exposures[1:])
            panes.append((waiting.pane, waiting.counts, weights))
        self._field.settle(panes)
        self._outcomes.settle(self._timeline, self._of_stage)

    def _of_stage(self, weights: Weights, start_ms: int) -> bool:
        """Whether exposures from then on, under these weights, are of the current stage."""
        staged = self._clock.stage >= 0 and start_ms >= self._clock.decided_ms
        return staged and same_weights(weights, self._desired())

    def _desired(self) -> Weights:
        return tuple(
            self.spec.weights_at(self._clock.stage, without=self._contestants.dropped).values()
        )

    def _situation(self, pane: PaneInput, standings: Sequence[Standing]) -> Situation:
        invalid = self._invalid()
        dropped = self._drop_harmed(pane, self._contestants.live(standings))
        live = self._contestants.live(standings)
        harmed = tuple(name for one in live for name in one.harmed)
        parted = () if harmed else self._send_back(pane, live)
        if self._slices.exhausted(self._field.heard):
            harmed = harmed or parted
        progress = self._progress(pane)
        return Situation(
            stage=self._clock.stage,
            baseline_seen=self._health.baseline_seen,
            silent=self._health.silent,
            harmed=harmed,
            dropped=dropped,
            parted=parted,
            suspicious=tuple(name for one in live for name in one.suspicious),
            unhealthy=(invalid,) if invalid else self._outcomes.failed(self._contestants.running),
            broken=self._health.log.changed,
            incomplete=self._health.log.incomplete,
            unproven=lacking(live, overtime=self._overtime(progress)),
            progress=progress,
            wishes=self._wishes,
        )

    def _drop_harmed(self, pane: PaneInput, live: Sequence[Standing]) -> tuple[str, ...]:
        """Take harmful candidates out while others remain; the stage keeps its time."""
        harmful = [one for one in live if one.harmed]
        if not harmful or len(harmful) == len(live):
            return ()
        self._clock.bank(self._progress(pane), pane.end_ms)
        return self._contestants.drop(harmful)

    def _send_back(self, pane: PaneInput, live: Sequence[Standing]) -> tuple[str, ...]:
        """Take harmful slices out; what the rest must show, it shows without them."""
        parted = leaving(live)
        if parted:
            self._clock.recount(self._progress(pane), pane.end_ms)
            self._slices.go([each.segment for each in parted])
            for each in (self._field, self._outcomes):
                each.forget(parted[0].dimension, self._slices.gone)
            self._afresh()
        return tuple(each.name for each in parted)

    def _progress(self, pane: PaneInput) -> Progress:
        span, astray = self._timeline.current, self._timeline.astray(self._slices.gone)
        return self._clock.progress(self._desired(), span, pane.end_ms, astray=astray)

    def _overtime(self, progress: Progress) -> bool:
        limit_s = self.spec.stages[self._clock.stage].max_time_s if self._clock.stage >= 0 else None
        return limit_s is not None and progress.elapsed_s >= limit_s

    def _invalid(self) -> str:
        """Name of the health check that makes verdicts invalid; empty if none does."""
        return self._health.failed(dropped=bool(self._contestants.dropped))

    def _checks(self, progress: Progress) -> tuple[HealthCheck, ...]:
        span, astray = self._timeline.current, self._timeline.astray(self._slices.gone)
        applied = span.weights if span else None
        routing = routing_check(progress, self._desired(), applied, astray)
        return (
            *self._health.checks(routing, dropped=bool(self._contestants.dropped)),
            unconfirmed_check(self._queue.dropped + self._outcomes.dropped),
            *self._outcomes.checks(),
        )

    def _move(self, pane: PaneInput, ruling: Ruling) -> None:
        """Enter the stage that the ruling leads to."""
        self.ended = ruling.terminal
        if ruling.code in OVERDUE:
            self._field.renew_dull_thresholds()
        if not self.ended and ruling.stage != self._clock.stage:
            self._enter(ruling.stage, pane.end_ms)

    def _enter(self, stage: int, now_ms: int) -> None:
        """Begin a stage; the evidence for promotion starts afresh."""
        self._clock.enter(stage, now_ms)
        self._afresh()

    def _afresh(self) -> None:
        """What was shown for promotion so far counts no more."""
        self._health.enter_stage()
        self._queue.enter_stage()
        self._field.enter_stage()
        self._outcomes.enter_stage()

    def to_state(self) -> dict[str, Any]:
        """Everything that a later step needs, as JSON values."""
        return {
            "version": STATE_VERSION,
            "spec_hash": self.spec.spec_hash,
            "pane_ms": self.pane_ms,
            "ended": self.ended,
            "last_pane": self.last_pane,
            "timeline": self._timeline.to_state(),
            "field": self._field.to_state(),
            "outcomes": self._outcomes.to_state(),
            "queue": self._queue.to_state(),
            "health": self._health.to_state(),
            "drift": self._drift.to_state(),
            "clock": self._clock.to_state(),
            "dropped": list(self._contestants.dropped),
            "gone": list(self._slices.gone),
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
        self._timeline.restore(state["timeline"])
        self._field.restore(state["field"])
        self._outcomes.restore(state["outcomes"])
        self._queue.restore(state["queue"])
        self._health.restore(state["health"])
        self._drift.restore(state["drift"])
        self._clock = StageClock.from_state(state["clock"])
        self._contestants.dropped = tuple(state["dropped"])
        self._slices.go(state["gone"])
        self._wishes = Wishes.from_state(state["wishes"])
        self._herald.restore(state["herald"])
