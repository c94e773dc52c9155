"""Who runs an actor? A thread per rollout, so that a slow target delays no other's rollback."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

from streams.actuator.actor import RolloutActor
from streams.actuator.facts import DecisionFact
from streams.actuator.lines import say
from streams.actuator.ports import Clock
from streams.actuator.teller import Journal

Event: TypeAlias = Callable[[RolloutActor], object]

AFTER_A_BUG_S = 1.0
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
    """Feeds one actor from a queue and steps it when something is due."""

    def __init__(self, actor: RolloutActor, journal: Journal, clock: Clock) -> None:
        self.actor = actor
        self._journal, self._clock = journal, clock
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._open: dict[int, int] = {}
        """Offset -> seq of decisions that `routing` does not answer yet."""
        self._lock = threading.Lock()
        name = f"actuator-{actor.spec.rollout}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

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

    def send(self, event: Event) -> None:
        """Let something happen to the actor, in its thread; nothing once it let go."""
        if not self.actor.released:
            self._events.put(event)

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
        self._events.put(None)

    def join(self) -> None:
        """Wait for the end; a target that hangs is left behind."""
        self._thread.join(JOIN_S)
        if self._thread.is_alive():
            say(logging.ERROR, "actuator.hangs", {"rollout": self.actor.spec.rollout})

    def _run(self) -> None:
        not_before = 0.0
        while not self.actor.released:
            due = max(not_before, self.actor.next_due())
            try:
                if not self._take_events(due - self._clock.monotonic_s()):
                    return
                self.actor.step()
            except Exception:
                logging.getLogger("davy.actuator").exception(
                    "actuator.bug rollout=%s: goes on in %g s",
                    self.actor.spec.rollout,
                    AFTER_A_BUG_S,
                )
                not_before = self._clock.monotonic_s() + AFTER_A_BUG_S

    def _take_events(self, wait_s: float) -> bool:
        """Wait for an event at most so long, then take all there are; False: it is the end."""
        try:
            event = self._events.get(timeout=wait_s) if wait_s > 0 else self._events.get_nowait()
            while event is not None:
                event(self.actor)
                event = self._events.get_nowait()
        except queue.Empty:
            return True
        return False
