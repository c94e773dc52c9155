"""What comes in for one rollout, and when must its target be looked at?

Decisions, heartbeats and people's commands change the standing; the keeper acts on it. Threads,
Kafka and time are outside: whoever runs an actor calls `step` when something came in and at
`next_due`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from streams.actuator.acceptance import Refusal, take_decision
from streams.actuator.claim import Claim
from streams.actuator.doubts import Doubts, unquoted
from streams.actuator.facts import CommandRead, DecisionFact, LeaseFact, RoutingRecord
from streams.actuator.keeper import Keeper
from streams.actuator.kept import Kept
from streams.actuator.lease import LeaseWatch, Silence, judge_state, outdated
from streams.actuator.meters import Meters
from streams.actuator.onlooker import Onlooker
from streams.actuator.ports import Clock, Router
from streams.actuator.restoring import restore
from streams.actuator.standing import Standing, give_back, take_command
from streams.actuator.teller import Journal, Teller
from streams.actuator.tenure import Tenure
from streams.actuator.weights import home, rises
from streams.judge.facts import RoutingPhase
from streams.spec.model import UNTARGETED, RolloutSpec
from streams.tracing.trail import UNTRACED, Trail
from streams.wire.signatures import Doubted


class RolloutActor:
    """One rollout: keeps its target at the newest accepted decision. One thread at a time."""

    def __init__(
        self,
        spec: RolloutSpec,
        router: Router,
        journal: Journal,
        clock: Clock,
        tenure: Tenure,
        reconcile_s: float,
        meters: Meters | None = None,
        trail: Trail = UNTRACED,
    ) -> None:
        self.spec = spec
        self._clock = clock
        self._meters, self._trail = meters or Meters(), trail
        self._kept = Kept.of(spec)
        self._teller = Teller(spec.rollout, spec.target.router, journal, clock)
        self._keeper = self._new_keeper(router, tenure, reconcile_s)
        self._lease = LeaseWatch(rollback_s=spec.silence_rollback_s)
        self._doubts = Doubts()
        self._last_lease_ms = 0

    def _new_keeper(self, router: Router, tenure: Tenure, reconcile_s: float) -> Keeper | Onlooker:
        """Who acts on what is kept, or only looks."""
        spec, kept, told, clock = self.spec, self._kept, self._teller, self._clock
        meters = self._meters
        if spec.target.dry_run:
            return Onlooker(spec, kept, router, told, clock, reconcile_s=reconcile_s, meters=meters)
        claim = Claim(rollout=spec.rollout, tenure=tenure, clock=clock)
        return Keeper(
            spec,
            kept,
            router,
            told,
            claim,
            clock,
            reconcile_s=reconcile_s,
            meters=meters,
            trail=self._trail,
        )

    @property
    def standing(self) -> Standing:
        """Where the rollout stands."""
        return self._kept.standing

    @property
    def released(self) -> str:
        """Why the target was let go; empty while it is held."""
        return self._kept.released

    @property
    def tries(self) -> int:
        """Failures of the target in a row."""
        return self._keeper.retry.tries

    @property
    def judge(self) -> str:
        """Whether the judge is heard: live, frozen, rolled_back; ended when it need not be."""
        now = self._clock.monotonic_s()
        return judge_state(self._lease, now, terminal=self.standing.terminal)

    # What comes in.

    def succeed(self, other: RolloutActor) -> None:
        """Take up where an actor stands whose thread does not go on. Before the first step."""
        self._kept.take_up(other._kept)
        self._teller.succeed(other._teller)
        self._lease, self._last_lease_ms = other._lease, other._last_lease_ms
        self._doubts = other._doubts

    def restore(
        self, records: Sequence[RoutingRecord], commands: Sequence[CommandRead], *, ended: bool
    ) -> None:
        """Take up where the log says that the former actuator stood. Before the first step."""
        now = self._clock.monotonic_s()
        self._kept.standing = restore(self.standing, records, commands)
        self._teller.resume(records)
        if self.standing.accepted is not None:
            self._lease = self._lease.watch(now)
        if ended:
            self._lease = self._lease.end()
        told = [r for r in records if r.phase is not RoutingPhase.REFUSED]
        if told and self._is_end(told[-1]):
            self._kept.ended_at = self._long_ago(told[-1].at)
        if told and rises(home(self.spec.arms), told[-1].applied_bp):
            raised_at = self._long_ago(told[-1].since)
            self._kept.standing = replace(self.standing, raised_at=raised_at)

    def _long_ago(self, at_ms: int) -> float:
        """A moment of the wall clock, on the monotonic one."""
        return self._clock.monotonic_s() - max(0, self._clock.wall_ms() - at_ms) / 1000

    def _is_end(self, last: RoutingRecord) -> bool:
        """Whether the rollout's last weights were seen in force, not only decided."""
        return last.phase is RoutingPhase.OBSERVED and self.standing.is_settled(last.applied_bp)

    def decide(self, decision: DecisionFact, *, replayed: bool = False) -> bool:
        """Take a decision in; whether it is one to act on. A replayed stale one is no news."""
        before = self.standing
        if decision.doubted is not None:
            self._doubt(decision, decision.doubted)
            return False
        if self.spec.targeting:  # whom the rules leave out gets the baseline, whatever is decided
            left_out = home(self.spec.arms, (UNTARGETED,))
            decision = replace(decision, weights_bp={**decision.weights_bp, **left_out})
        self._kept.standing, refused = take_decision(before, decision)
        if refused is not None:
            if not (replayed and refused.code is Refusal.STALE):
                self._meters.refused.labels(refused.code).inc()
                self._teller.refused(before, decision, refused)
                self._kept.say(
                    logging.WARNING, "refused", seq=decision.seq, reason=refused.sentence
                )
            return False
        if self.standing.fence > before.fence:
            self._lease = self._lease.watch(self._clock.monotonic_s())
            self._keeper.retry.clear()
            self._kept.decided_at = None if replayed else self._clock.monotonic_s()
            if decision.trace:  # one that restates goes on with the trace of what it restates
                self._trail.follow(decision.trace)
            self._kept.say(
                logging.INFO, "accepted", action=decision.action, id=decision.decision_id
            )
        return True

    def _doubt(self, decision: DecisionFact, doubted: Doubted) -> None:
        """Not known to be a judge's: nothing is done on its word, not even a rollback."""
        self._meters.refused.labels(doubted.code).inc()
        refused = self._doubts.due(doubted, self._clock.monotonic_s())
        if refused is not None:
            self._teller.refused(self.standing, unquoted(decision), refused)
            self._kept.say(logging.WARNING, "refused", seq=decision.seq, reason=str(refused))

    def hear(self, lease: LeaseFact) -> None:
        """Take a heartbeat in that was received just now."""
        if lease.spec_hash != self.spec.spec_hash:
            self._kept.say(logging.WARNING, "foreign_lease", spec=lease.spec_hash)
        elif lease.signed and (problem := self._replayed(lease)):
            self._kept.say(logging.WARNING, "stale_lease", problem=problem)
        elif lease.ended:
            self._lease = self._lease.end()
        else:
            self._lease = self._lease.hear(self._clock.monotonic_s(), lease.valid_s)

    def _replayed(self, lease: LeaseFact) -> str:
        """Why a signed lease does not count; a true one counts once, soon after it was issued."""
        problem = outdated(lease, self._last_lease_ms, self._clock.wall_ms())
        if not problem:
            self._last_lease_ms = lease.issued_at_ms
        return problem

    def command(self, command: CommandRead) -> None:
        """Take a person's wish in."""
        self._kept.standing = take_command(self.standing, command)
        self._keeper.retry.clear()
        self._kept.say(logging.INFO, "command", kind=command.kind, actor=command.actor)

    # When and what.

    def next_due(self) -> float:
        """Monotonic seconds at which `step` must be called even if nothing comes in."""
        due = self._keeper.next_due()
        if self.standing.terminal:
            return due
        silence = self._lease.next_change(self._clock.monotonic_s())
        return due if silence is None else min(due, silence)

    def step(self) -> None:
        """Do what is due."""
        if self.is_over():
            return
        silence = self._lease.silence(self._clock.monotonic_s())
        if silence is Silence.TOO_LONG and not self.standing.terminal:
            self._go_home()
        self._keeper.step(silence)

    def is_over(self) -> bool:
        """Whether the target was let go."""
        return self._keeper.is_over()

    def _go_home(self) -> None:
        before = self.standing
        why = "silence_rollback: the judge was not heard for too long"
        self._kept.standing = give_back(before, why)
        if self.standing is not before:
            self._meters.silence_rollbacks.inc()
            self._kept.say(logging.ERROR, "silence_rollback", after_s=self.spec.silence_rollback_s)
