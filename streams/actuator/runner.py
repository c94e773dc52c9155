"""Who runs an actor? A thread per rollout, so that a slow target delays no other's rollback."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeAlias

from streams.actuator.actor import RolloutActor
from streams.actuator.facts import DecisionFact
from streams.actuator.leash import Leash
from streams.actuator.lines import say
from streams.actuator.ports import Clock
from streams.actuator.teller import Journal

Event: TypeAlias = Callable[[RolloutActor], object]

Again: TypeAlias = Callable[[RolloutActor], tuple[RolloutActor, Leash]]
"""Makes a fresh actor with a router of its own that takes up where this one stands."""

AFTER_A_BUG_S = 1.0
MOST_PATIENT = 6
JOIN_S = 10.0


class SystemClock:
    """This machine's clocks."""

    def monotonic_s(self) -> float:
        """See Clock."""
        return time.monotonic()

    def wall_ms(self) -> int:
        """See Clock."""
        return time.time_ns() // 1_000_000


class Runner:
    """Feeds one actor from a queue and steps it when something is due.

    Where a target does not return, a fresh actor in a fresh thread goes on: see `renew`.
    """

    def __init__(
        self, actor: RolloutActor, journal: Journal, clock: Clock, leash: Leash, again: Again
    ) -> None:
        self.actor = actor
        self.left_behind = 0
        """Threads that hang in a call of the target."""
        self._leash, self._again = leash, again
        self._busy_since: float | None = None
        self._journal, self._clock = journal, clock
        self._events: deque[Event | None] = deque()
        self._news = threading.Condition()
        """Held while events are taken, and while another actor takes the place of a stuck one."""
        self._open: dict[int, int] = {}
        """Offset -> seq of decisions that `routing` does not answer yet."""
        self._lock = threading.Lock()
        self._thread = self._new_thread()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def owe(self, decisions: Mapping[int, DecisionFact]) -> None:
        """Offset -> decision that was read from history: a restart must find what was accepted.

        Call it before `start`.
        """
        fence = self.actor.standing.fence
        known = {at: d.seq for at, d in decisions.items() if d.doubted is None}
        self._open |= {at: seq for at, seq in known.items() if seq <= fence}

    @property
    def stuck_s(self) -> float:
        """Seconds that the step under way has taken; 0 where there is none."""
        began = self._busy_since
        return 0.0 if began is None else self._clock.monotonic_s() - began

    def renew(self, stall_s: float) -> bool:
        """Go on without a thread that was stuck for so long; each time twice as patient."""
        if self.stuck_s < stall_s * 2 ** min(self.left_behind, MOST_PATIENT):
            return False
        self._leash.cut()
        facts = {"rollout": self.actor.spec.rollout, "stuck_s": round(self.stuck_s)}
        say(logging.ERROR, "actuator.renewed", facts)
        self.left_behind += 1
        with self._news:  # what the old thread has taken by now, the new actor inherits
            self._busy_since = None
            self.actor, self._leash = self._again(self.actor)
            self._news.notify_all()
        self._thread = self._new_thread()
        self._thread.start()
        return True

    def _new_thread(self) -> threading.Thread:
        name = f"actuator-{self.actor.spec.rollout}"
        return threading.Thread(target=self._run, args=(self.actor,), name=name, daemon=True)

    def send(self, event: Event) -> None:
        """Let something happen to the actor, in its thread; nothing once it let go."""
        if not self.actor.released:
            self._put(event)

    def _put(self, event: Event | None) -> None:
        with self._news:
            self._events.append(event)
            self._news.notify_all()

    def decide(self, decision: DecisionFact, offset: int) -> None:
        """Hand a live decision over."""
        with self._lock:
            self._open[offset] = decision.seq

        def take(actor: RolloutActor) -> None:
            if not actor.decide(decision):
                with self._lock:
                    self._open.pop(offset, None)

        self.send(take)

    def first_open(self) -> int | None:
        """Offset of the first decision that a restart must read again; None: there is none."""
        stored = self._journal.stored_fence(self.actor.spec.rollout)
        with self._lock:
            if self.actor.released:
                self._open.clear()
            done = [offset for offset, seq in self._open.items() if seq <= stored]
            for offset in done:
                del self._open[offset]
            return min(self._open, default=None)

    def stop(self) -> None:
        """End after the step under way."""
        self._put(None)

    def join(self, within_s: float = JOIN_S) -> None:
        """Wait for the end; a target that hangs is left behind."""
        self._thread.join(max(0.0, within_s))
        if self._thread.is_alive():
            self._leash.cut()
            say(logging.ERROR, "actuator.hangs", {"rollout": self.actor.spec.rollout})

    def _run(self, actor: RolloutActor) -> None:
        not_before = 0.0
        while actor is self.actor and not actor.released:
            due = max(not_before, actor.next_due())
            try:
                if not self._take_events(actor, due - self._clock.monotonic_s()):
                    return
                self._step(actor)
            except Exception:
                logging.getLogger("davy.actuator").exception(
                    "actuator.bug rollout=%s: goes on in %g s", actor.spec.rollout, AFTER_A_BUG_S
                )
                not_before = self._clock.monotonic_s() + AFTER_A_BUG_S

    def _step(self, actor: RolloutActor) -> None:
        self._busy_since = self._clock.monotonic_s()
        try:
            actor.step()
        finally:
            if actor is self.actor:
                self._busy_since = None

    def _take_events(self, actor: RolloutActor, wait_s: float) -> bool:
        """Wait for an event at most so long, then take all there are; False: it is the end.

        Who was given up while it was stuck takes none: they are for the actor in its place.
        """
        with self._news:
            self._news.wait_for(lambda: self._events or actor is not self.actor, max(0.0, wait_s))
            while self._events and actor is self.actor:
                event = self._events.popleft()
                if event is None:
                    return False
                event(actor)
        return actor is self.actor
