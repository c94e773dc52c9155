"""Which response answers which request? Events that come one by one, in any order, paired by id.

A half waits for its other half for a bounded time, and so many wait at most. What was paired is
remembered for as long, so that an event which is sent again makes no second request. Time is an
argument: no clock is read here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from streams.publisher.said import NOTHING, Said


class Side(StrEnum):
    """Which half of an exchange an event tells of."""

    REQUEST = "request"
    RESPONSE = "response"


class Key(NamedTuple):
    """What both halves of one exchange share."""

    version: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """One event, as far as it matters."""

    side: Side
    told_ms: float | None
    """When it says it happened; on the sender's clock."""
    heard_ms: float
    """When it came; on the listener's clock."""
    said: Said | None = NOTHING
    """What a response says; None where it cannot be read."""
    unit: str | None = None
    segments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A request and its response."""

    request: Half
    response: Half

    @property
    def latency_ms(self) -> float:
        """From one to the other, by the sender's clock where both halves tell it."""
        began, ended = self.request.told_ms, self.response.told_ms
        if began is None or ended is None:
            began, ended = self.request.heard_ms, self.response.heard_ms
        return ended - began

    @property
    def completed_at_ms(self) -> float:
        """When it was answered."""
        told = self.response.told_ms
        return self.response.heard_ms if told is None else told


class Heard(StrEnum):
    """What became of a half that formed no pair."""

    WAITING = "waiting"
    REPEATED = "repeated"
    FULL = "full"


class _Waiting(NamedTuple):
    half: Half | None
    """None: it was paired."""
    until: float


class Pairs:
    """Halves that wait, oldest first; `hear` and `overdue` take one clock's seconds."""

    def __init__(self, *, wait_s: float, most: int) -> None:
        self._wait_s = wait_s
        self._most = most
        self._known: OrderedDict[Key, _Waiting] = OrderedDict()

    def __len__(self) -> int:
        """Exchanges that are remembered, paired ones included."""
        return len(self._known)

    def hear(self, key: Key, half: Half, now: float) -> Pair | Heard:
        """Take a half in: a pair if it was the second one."""
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= self._most and not self._forget_a_pair():
                return Heard.FULL
            self._remember(key, half, now)
            return Heard.WAITING
        if known.half is None or known.half.side is half.side:
            return Heard.REPEATED
        self._remember(key, None, now)
        if half.side is Side.RESPONSE:
            return Pair(request=known.half, response=half)
        return Pair(request=half, response=known.half)

    def overdue(self, now: float) -> Iterator[tuple[Key, Half]]:
        """Forget whose time is over; halves among them that have waited in vain."""
        while self._known:
            key = next(iter(self._known))
            half, until = self._known[key]
            if until > now:
                return
            del self._known[key]
            if half is not None:
                yield key, half

    def _forget_a_pair(self) -> bool:
        """Make room: the oldest exchange that is over is remembered only to know it again."""
        oldest = next(iter(self._known))
        if self._known[oldest].half is not None:
            return False
        del self._known[oldest]
        return True

    def _remember(self, key: Key, half: Half | None, now: float) -> None:
        """At the end of the line, so that the first one is always the next to be overdue."""
        self._known[key] = _Waiting(half, now + self._wait_s)
        self._known.move_to_end(key)
