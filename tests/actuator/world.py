"""A small world for the actuator's core: a clock that is turned by hand, a log in a list."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from streams.actuator.actor import RolloutActor
from streams.actuator.audience import audience_of
from streams.actuator.facts import CommandRead, DecisionFact, LeaseFact, RoutingRecord
from streams.actuator.leash import Leash, LeashedRouter
from streams.actuator.ports import Applied, Desired, Fence, Observed, Outcome, Proof, Verification
from streams.actuator.routers.memory import MemoryRouter, MemoryTarget
from streams.actuator.weights import share_of
from streams.errors import RouterError
from streams.judge.decision_facts import Action
from streams.judge.facts import CommandKind
from streams.spec.model import RolloutSpec, Target
from tests.actuator.log import make_spec
from tests.actuator.targets import ARMS, split

RECONCILE_S = 5.0
LEASE_S = 30.0
SILENCE_S = 300.0


class HandClock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic_s(self) -> float:
        return self.now

    def wall_ms(self) -> int:
        return 1_790_000_000_000 + int(self.now * 1000)


@dataclass
class ListJournal:
    """The topic `routing` as a list."""

    records: list[RoutingRecord] = field(default_factory=list)
    down: bool = False
    """Whether the log takes nothing."""

    def write(self, record: RoutingRecord, *, wait_s: float) -> int | None:
        if self.down:
            return None
        self.records.append(record)
        return len(self.records) - 1 if wait_s > 0 else None

    def stored_fence(self, rollout: str) -> int:
        return max((r.fence for r in self.records if r.rollout == rollout), default=0)


@dataclass
class HandTenure:
    """What the group says of this process; it says so for ever."""

    held: bool = True
    ended: bool = False
    last_s: float = math.inf
    """When it was confirmed last, monotonic seconds."""

    def holds(self, now: float, *, since: float) -> bool:
        return self.held and since <= min(now, self.last_s)


class CrashedError(Exception):
    """The process died here."""


@dataclass
class Faults:
    """What goes wrong at the target next."""

    errors: list[RouterError] = field(default_factory=list)
    """Raised one by one, by whatever is asked."""
    refusals: list[RouterError] = field(default_factory=list)
    """Raised one by one by writes alone."""
    untidy: list[RouterError] = field(default_factory=list)
    """Raised one by one when the target is to be tidied up."""
    unproven: bool = False
    """Whether writes find no proof."""
    asked: int = 0
    """How often a proof was asked for."""
    settles_s: float = 5.0
    ask_every_s: float = 0.01
    """What the target says of its own speed."""
    crash_before_apply: bool = False
    crash_after_apply: bool = False
    meanwhile: list[Callable[[], None]] = field(default_factory=list)
    """What others do while the next write waits in front of the target."""


class FaultyRouter:
    """A memory router whose target fails, or whose process dies, when told to."""

    def __init__(self, router: LeashedRouter, faults: Faults) -> None:
        self._router, self._faults = router, faults
        self.capabilities = replace(
            router.capabilities, settles_s=faults.settles_s, ask_every_s=faults.ask_every_s
        )
        self.sign = self._router.sign

    def observe(self) -> Observed:
        self._fail()
        return self._router.observe()

    def apply(self, desired: Desired, *, expect: str | None, fence: Fence) -> Applied:
        self._fail()
        if self._faults.meanwhile:
            self._faults.meanwhile.pop()()
        if self._faults.crash_before_apply:
            self._faults.crash_before_apply = False
            raise CrashedError
        if self._faults.refusals:
            raise self._faults.refusals.pop(0)
        applied = self._router.apply(desired, expect=expect, fence=fence)
        if self._faults.crash_after_apply:
            self._faults.crash_after_apply = False
            raise CrashedError
        return applied

    def finalize(self, outcome: Outcome) -> None:
        if self._faults.untidy:
            raise self._faults.untidy.pop(0)
        self._router.finalize(outcome)

    def verify(self, desired: Desired) -> Verification:
        self._faults.asked += 1
        if self._faults.unproven:
            return Verification(proof=Proof.PENDING, how="unproven")
        return self._router.verify(desired)

    def _fail(self) -> None:
        if self._faults.errors:
            raise self._faults.errors.pop(0)


class World:
    """One rollout, its target, and its actor, which may die and come back."""

    def __init__(
        self,
        *,
        largest_weight: int = 10_000,
        total: int | None = None,
        faults: Faults | None = None,
        pace: dict[str, Any] | None = None,
        **spec: Any,
    ) -> None:
        facts: dict[str, Any] = {"lease_s": LEASE_S, "silence_rollback_s": SILENCE_S}
        target = Target(router="memory", options={}, **(pace or {}))
        self.spec: RolloutSpec = make_spec("r1", target, **facts | spec)
        self.clock = HandClock()
        self.journal = ListJournal()
        self.target = MemoryTarget()
        self.faults = faults or Faults()
        self.commands: list[CommandRead] = []
        self._largest, self._total = largest_weight, total
        self.actor = self._born()

    def _born(self) -> RolloutActor:
        audience = audience_of(self.spec)
        self.tenure = HandTenure()
        memory = MemoryRouter(
            self.target, ARMS, audience, largest_weight=self._largest, total=self._total
        )
        leashed = LeashedRouter(memory, Leash(), self.tenure, self.clock)
        router = FaultyRouter(leashed, self.faults)
        return RolloutActor(self.spec, router, self.journal, self.clock, self.tenure, RECONCILE_S)

    def restart(self) -> None:
        """The process ends and another one reads the log."""
        self.actor = self._born()
        self.actor.restore(self.journal.records, self.commands, ended=False)

    @property
    def share_bp(self) -> int:
        """The candidate's share at the target."""
        weights = self.target.weights_bp
        return 0 if weights is None else weights["all"]["candidate"]

    def decision(
        self, seq: int, candidate_bp: int, action: Action = Action.ADVANCE, **more: Any
    ) -> DecisionFact:
        """A decision whose hash is its name."""
        facts: dict[str, Any] = {
            "rollout": "r1",
            "decision_id": f"d{seq}",
            "seq": seq,
            "spec_hash": self.spec.spec_hash,
            "action": action,
            "terminal": action in {Action.ROLLBACK, Action.PROMOTE},
            "weights_bp": split(candidate_bp),
            "prev_hash": f"h{seq - 1}",
            "body_hash": f"h{seq}",
        }
        return DecisionFact(**facts | more)

    def decide(
        self, seq: int, candidate_bp: int, action: Action = Action.ADVANCE, **segments: int
    ) -> None:
        """A decision arrives and is acted on; `SG=0` is what the candidate gets in that segment."""
        weights = split(candidate_bp)
        weights |= {name: split(share)["all"] for name, share in segments.items()}
        self.actor.decide(self.decision(seq, candidate_bp, action, weights_bp=weights))
        self.actor.step()

    def share_in(self, segment: str) -> int:
        """The candidate's share at the target in a segment."""
        return share_of(self.target.weights_bp or {}, segment, "candidate")

    def beat(self) -> None:
        """A heartbeat arrives."""
        lease = LeaseFact(rollout="r1", spec_hash=self.spec.spec_hash, valid_s=LEASE_S, ended=False)
        self.actor.hear(lease)
        self.actor.step()

    def ask(self, kind: CommandKind, *, lasts_s: float | None = None) -> None:
        """A person asks for something."""
        at_ms = self.clock.wall_ms()
        until_ms = None if lasts_s is None else at_ms + round(lasts_s * 1000)
        command = CommandRead(rollout="r1", kind=kind, actor="ada", at_ms=at_ms, until_ms=until_ms)
        self.commands.append(command)
        self.actor.command(command)
        self.actor.step()

    def run(self, seconds: float) -> None:
        """Let time pass, stepping whenever something is due."""
        end = self.clock.now + seconds
        while not self.actor.released and (due := self.actor.next_due()) <= end:
            self.clock.now = max(self.clock.now, due)
            self.actor.step()
        self.clock.now = max(self.clock.now, end)

    def phases(self) -> list[str]:
        """The phases told so far."""
        return [record.phase.value for record in self.journal.records]
