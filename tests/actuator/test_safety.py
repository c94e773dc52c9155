"""Whatever happens, in whatever order: is the candidate's share ever higher than it may be?

A Hypothesis state machine over decisions (in order, doubled, late, stale), leases, commands,
crashes, foreign changes, a failing target, a dead log and passing time.
"""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from streams.actuator.facts import DecisionFact
from streams.actuator.reconcile import ENFORCE_AT_MOST, ENFORCE_WINDOW_S
from streams.errors import TargetConflict, TargetTransient
from streams.judge.decision_facts import Action
from streams.judge.facts import CommandKind
from tests.actuator.targets import split
from tests.actuator.world import LEASE_S, RECONCILE_S, CrashedError, World

pytestmark = [pytest.mark.property, pytest.mark.slow]

SHARES = st.sampled_from([0, 100, 2500, 10_000])
SLACK_S = 0.1
STEP_BP = 2500
ENDS_AFTER = 5
"""Decisions before the rollout may end: after the end little can go wrong any more."""


class Safety(RuleBasedStateMachine):
    """The machine keeps its own, simpler account of what is allowed."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.log: list[DecisionFact] = []
        self.unread: list[DecisionFact] = []
        self.allowed_bp: int | None = None
        """Share of the newest accepted decision; None before the first."""
        self.newest = 0
        self.over = False
        """A rollback or an abort was accepted."""
        self.heard = -1e9
        self.granted = -1
        """The decision for which a person said resume: it needs no lease."""
        self.paused = False
        self.touched: list[float] = []
        """When strangers raised the share."""
        self.troubled_until = -1e9
        self.above_since: float | None = None
        self.writes = 0
        self.before_bp = 0
        self.fences = [0]

    # What happens.

    @initialize()
    def begins(self) -> None:
        """Nothing interesting happens to a rollout that nobody judges."""
        self._act(self.world.actor.step)
        self.judge_is_heard()
        self._write(1, 100, Action.ADVANCE)
        self.read_next()

    @rule(share=SHARES)
    def judge_is_heard_and_decides(self, share: int) -> None:
        """The ordinary case: everything that was written is read in order."""
        self.judge_is_heard()
        self._write(len(self.log) + 1, share, Action.ADVANCE)
        while self.unread:
            self.read_next()

    @rule(share=SHARES, action=st.sampled_from([Action.ADVANCE, Action.HOLD]))
    def judge_decides(self, share: int, action: Action) -> None:
        """The next decision is written; it is read later."""
        self._write(len(self.log) + 1, share, action)

    @precondition(lambda self: len(self.log) > ENDS_AFTER)
    @rule()
    def judge_promotes(self) -> None:
        self._write(len(self.log) + 1, 10_000, Action.PROMOTE)

    @precondition(lambda self: len(self.log) > ENDS_AFTER)
    @rule()
    def judge_rolls_back(self) -> None:
        self._write(len(self.log) + 1, 0, Action.ROLLBACK)

    def _write(self, seq: int, share: int, action: Action) -> None:
        self.log.append(self.world.decision(seq, share, action))
        self.unread.append(self.log[-1])

    @precondition(lambda self: self.unread)
    @rule()
    def read_next(self) -> None:
        self._read(self.unread.pop(0))

    @precondition(lambda self: len(self.unread) > 1)
    @rule(data=st.data())
    def read_out_of_order(self, data: st.DataObject) -> None:
        self._read(self.unread.pop(data.draw(st.integers(1, len(self.unread) - 1))))

    @precondition(lambda self: self.log)
    @rule(data=st.data())
    def read_again(self, data: st.DataObject) -> None:
        self._read(data.draw(st.sampled_from(self.log)))

    @precondition(lambda self: self.newest > 0)
    @rule(data=st.data(), share=SHARES)
    def read_a_zombies_word(self, data: st.DataObject, share: int) -> None:
        """Another judge, already replaced, writes an old number with other weights."""
        seq = data.draw(st.integers(1, self.newest))
        self._read(self.world.decision(seq, share, decision_id=f"zombie{seq}"))

    def _read(self, decision: DecisionFact) -> None:
        self._account(decision)
        self._act(lambda: self.world.actor.decide(decision))

    def _account(self, decision: DecisionFact) -> None:
        share = decision.weights_bp["all"]["candidate"]
        if decision.seq <= self.newest or (self.over and share > (self.allowed_bp or 0)):
            return
        known = self.world.actor.standing.accepted
        if known is not None and known.terminal and share > known.weights_bp["all"]["candidate"]:
            return
        if self._breaks(decision) and share > self._last_bp():
            return
        self.newest, self.allowed_bp = decision.seq, share
        self.over = self.over or decision.action is Action.ROLLBACK

    def _breaks(self, decision: DecisionFact) -> bool:
        link = self.world.actor.standing.link
        return link is not None and (decision.seq, decision.prev_hash) != (link[0] + 1, link[1])

    def _last_bp(self) -> int:
        known = self.world.actor.standing.accepted
        return 0 if known is None else known.weights_bp["all"]["candidate"]

    @rule()
    def judge_is_heard(self) -> None:
        self.heard = self.world.clock.now
        self._act(self.world.beat)

    @rule(kind=st.sampled_from([CommandKind.PAUSE, CommandKind.RESUME, CommandKind.PROMOTE]))
    def person_asks(self, kind: CommandKind) -> None:
        if kind is not CommandKind.PROMOTE:
            self.paused = kind is CommandKind.PAUSE
        if kind is CommandKind.RESUME:
            self.granted = self.newest
        self._act(lambda: self.world.ask(kind))

    @precondition(lambda self: len(self.log) > ENDS_AFTER)
    @rule()
    def person_aborts(self) -> None:
        self.over, self.allowed_bp = True, 0
        self._act(lambda: self.world.ask(CommandKind.ABORT))

    @rule(share=SHARES)
    def stranger_interferes(self, share: int) -> None:
        if share > self.world.share_bp:
            self.touched.append(self.world.clock.now)
        self.world.target.set(split(share))
        self.before_bp = share

    @rule(count=st.integers(1, 4), conflict=st.booleans())
    def target_fails(self, count: int, *, conflict: bool) -> None:
        error = TargetConflict("changed") if conflict else TargetTransient("busy")
        self.world.faults.errors += [error] * count
        self.troubled_until = 1e12  # until a quiet stretch clears it

    @rule()
    def process_dies(self) -> None:
        self._restart()

    @rule(after=st.booleans())
    def process_will_die_at_the_next_write(self, *, after: bool) -> None:
        if after:
            self.world.faults.crash_after_apply = True
        else:
            self.world.faults.crash_before_apply = True

    @rule(down=st.booleans())
    def log_comes_and_goes(self, *, down: bool) -> None:
        self.world.journal.down = down

    @rule(seconds=st.sampled_from([0.05, 1.0, RECONCILE_S, LEASE_S, 100.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        end = self.world.clock.now + seconds
        while self.world.clock.now < end:
            step = min(end - self.world.clock.now, RECONCILE_S / 4)
            self._act(lambda step=step: self.world.run(step))
            self._watch()
            if not self.world.faults.errors and self.troubled_until > 1e11:
                self.troubled_until = self.world.clock.now + 40  # the longest backoff

    def _act(self, doing: object) -> None:
        """Let the actor do something; a death is followed by another process."""
        before = self.world.clock.now
        with contextlib.suppress(CrashedError):
            doing()
            self.world.actor.step()
            self._check_writes()
            return
        self._check_writes()
        self.world.clock.now = max(before, self.world.clock.now)
        self._restart()

    def _restart(self) -> None:
        """Another process reads the log: routing, commands, and every decision that was read."""
        self.heard, self.granted = -1e9, -1  # nothing was heard by this process
        self.world.restart()
        read = [decision for decision in self.log if decision not in self.unread]
        for decision in read:
            self._account(decision)
            self.world.actor.decide(decision, replayed=True)
        with contextlib.suppress(CrashedError):
            self.world.actor.step()
        self._check_writes()

    # What must hold.

    def _check_writes(self) -> None:
        """Every write: not above what is allowed, and a raise only where raising is allowed."""
        target = self.world.target
        if target.writes == self.writes:
            return
        share = self.world.share_bp
        assert self.allowed_bp is not None
        assert share <= self.allowed_bp, "more than the newest accepted decision"
        if share > self.before_bp:
            assert not self.over, "raised after a rollback"
            assert not self.paused, "raised while paused"
            fresh = self.world.clock.now < self.heard + LEASE_S
            assert fresh or self.granted == self.newest, "raised without a lease"
        assert target.fence is not None
        self.fences.append(target.fence.seq)
        self.writes, self.before_bp = target.writes, share

    @invariant()
    def fence_never_goes_back(self) -> None:
        assert self.fences == sorted(self.fences)

    def _watch(self) -> None:
        """The share may exceed the newest accepted decision for one reconcile at most."""
        now = self.world.clock.now
        recent = [t for t in self.touched if now - t <= ENFORCE_WINDOW_S + 2 * RECONCILE_S]
        at_war = len(recent) > ENFORCE_AT_MOST
        excused = at_war or now < self.troubled_until or self.world.actor.released
        if self.allowed_bp is None or self.world.share_bp <= self.allowed_bp or excused:
            self.above_since = None
        elif self.above_since is None:
            self.above_since = now
        else:
            assert now - self.above_since <= RECONCILE_S * 1.25 + SLACK_S

    @rule()
    def a_replay_writes_nothing(self) -> None:
        """With nothing new, a new process that reads everything again touches nothing.

        But what strangers raised so often that the former process let it be, it undoes once more:
        how often that was stands in no log, and going down is always allowed.
        """
        self.world.faults.errors.clear()
        self.world.faults.crash_after_apply = self.world.faults.crash_before_apply = False
        self.world.journal.down = False
        self.time_passes(60.0)
        writes, had = self.world.target.writes, self.world.share_bp
        self._restart()
        let_be = self.allowed_bp is not None and had > self.allowed_bp
        assert self.world.target.writes == writes or (let_be and self.world.share_bp < had)


class SafetyInSteps(Safety):
    """The same at a target whose share rises by a quarter at once, at most each three seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(pace={"max_step_bp": STEP_BP, "dwell_s": 3.0})

    def _check_writes(self) -> None:
        before, writes = self.before_bp, self.world.target.writes - self.writes
        super()._check_writes()
        assert self.world.share_bp - before <= STEP_BP * max(1, writes)
        promoted = self.newest and self.log[self.newest - 1].action is Action.PROMOTE
        if promoted and writes and self.world.share_bp > before:
            self.granted = self.newest  # the judge has said his last word: the rest needs none


for machine in (Safety, SafetyInSteps):
    machine.TestCase.settings = settings(
        max_examples=120,
        stateful_step_count=40,
        suppress_health_check=[HealthCheck.too_slow],
    )
TestSafety = Safety.TestCase
TestSafetyInSteps = SafetyInSteps.TestCase
