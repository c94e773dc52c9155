"""How is one hook told, in order, until it has heard or is given up?

A thread of its own: whatever the hook does, the consumer goes on and keeps its place in the group.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import stamina

from streams.errors import HookAway, HookError, HookRefused
from streams.notify.facts import Notice
from streams.notify.lines import say, say_text
from streams.notify.meters import Meters
from streams.notify.ports import Hook
from streams.wire.sparing import Sparing

MOST_WAITING = 100
"""Notices in memory, about; the rest waits in Kafka."""
JOIN_S = 5.0
SHORTEST_S = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a hook that is away is asked again, and how often."""

    give_up_s: float
    """Counted from when the notice was read."""
    first_s: float = 0.5
    longest_s: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel:
    """A notice on its way."""

    notice: Notice
    done: Callable[[], object]
    """Called by `settle` once the hook has it, or it was given up."""
    wanted: Callable[[], bool]
    """Whether it is still ours to tell."""
    since: float
    """When it was read, monotonic seconds."""


def tell(hook: Hook, notice: Notice) -> None:
    """Tell a hook; what its library throws neither ends a thread nor loses the notice.

    Nor is it quoted: addresses with passwords stand in such texts.

    Raises:
        HookError: it did not arrive.
    """
    try:
        hook.tell(notice)
    except HookError:
        raise
    except Exception as error:
        raise HookAway(f"{type(error).__name__} at {_where(error)}") from error


def _where(error: Exception) -> str:
    """File and line of whoever threw it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


class _Dropped(Exception):  # noqa: N818 - nothing went wrong
    """It is not ours to tell any more."""


class Sender:
    """One hook's queue and thread; all but the thread's own work is its owner's."""

    def __init__(self, name: str, hook: Hook, pace: Pace, meters: Meters) -> None:
        self._name, self._hook, self._pace, self._meters = name, hook, pace, meters
        self._parcels: queue.SimpleQueue[Parcel | None] = queue.SimpleQueue()
        self._finished: deque[Parcel] = deque()
        self._stopping = threading.Event()
        self._waiting = 0
        self._sparing = Sparing(partial(say_text, logging.WARNING, "away"))
        self._thread = threading.Thread(target=self._run, name=f"hook-{name}", daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """Whether enough waits in memory."""
        return self._waiting >= MOST_WAITING

    @property
    def eager(self) -> bool:
        """Whether half of that is told."""
        return self._waiting <= MOST_WAITING // 2

    @property
    def died(self) -> bool:
        """Whether its thread has ended unasked: nothing is told any more."""
        return not self._stopping.is_set() and not self._thread.is_alive()

    def put(self, parcel: Parcel) -> None:
        """Tell a notice some time. Never waits."""
        self._count(1)
        self._parcels.put(parcel)

    def settle(self) -> None:
        """Call what was promised for what was told since, in the caller's thread."""
        while self._finished:
            self._finished.popleft().done()
            self._count(-1)
        self._sparing.remind()

    def close(self) -> None:
        """End, whatever waits: what is not told is told after the next start."""
        self._stopping.set()
        self._parcels.put(None)
        self._thread.join(JOIN_S)
        self.settle()
        if not self._thread.is_alive():
            self._hook.close()

    def _count(self, more: int) -> None:
        self._waiting += more
        self._meters.waiting.labels(self._name).set(self._waiting)

    # The thread's own.

    def _run(self) -> None:
        while (parcel := self._parcels.get()) is not None:
            try:
                self._deliver(parcel)
            except _Dropped:
                if self._stopping.is_set():
                    return
            self._finished.append(parcel)

    def _deliver(self, parcel: Parcel) -> None:
        left_s = self._pace.give_up_s - (time.monotonic() - parcel.since)
        try:
            for attempt in stamina.retry_context(
                on=self._again,
                attempts=None,
                timeout=max(left_s, SHORTEST_S),
                wait_initial=self._pace.first_s,
                wait_max=self._pace.longest_s,
                wait_jitter=self._pace.first_s,
            ):
                with attempt:
                    self._tell(parcel)
        except HookError as error:
            self._give_up(parcel.notice, error)
        else:
            self._told(parcel.notice)

    def _tell(self, parcel: Parcel) -> None:
        if self._stopping.is_set() or not parcel.wanted():
            raise _Dropped
        tell(self._hook, parcel.notice)

    def _again(self, error: Exception) -> bool | float:
        """Whether it is tried again, and after how long if the hook said so."""
        if not isinstance(error, HookError):
            return False
        kind = "away" if isinstance(error, HookAway) else "refused"
        self._meters.failures.labels(self._name, kind).inc()
        if not isinstance(error, HookAway):
            return False
        self._sparing.say(
            type(error.__cause__).__name__, f"{self._name}: {error}; it is tried again"
        )
        return True if error.after_s is None else min(error.after_s, self._pace.give_up_s)

    def _told(self, notice: Notice) -> None:
        self._meters.told.labels(self._name, notice.transition).inc()
        delay_s = time.time() - notice.at_ms / 1000
        self._meters.delay.labels(self._name).observe(max(delay_s, 0.0))
        facts = {"hook": self._name, "transition": notice.transition, "key": notice.key}
        say(logging.INFO, "told", facts | {"rollout": notice.subject.rollout})

    def _give_up(self, notice: Notice, error: HookError) -> None:
        self._meters.given_up.labels(self._name).inc()
        why = "refused" if isinstance(error, HookRefused) else f"away {self._pace.give_up_s:g} s"
        facts = {"hook": self._name, "transition": notice.transition, "key": notice.key}
        facts |= {"rollout": notice.subject.rollout, "why": why, "error": str(error)}
        say(logging.ERROR, "given_up", facts)
