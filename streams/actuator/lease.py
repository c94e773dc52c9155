"""Is the judge still there? Silence is counted from receipt, on the monotonic clock.

After one lease without a heartbeat nothing is raised any more; after the spec's
`silence_rollback_s` the weights go back to the baseline. A judge that has ended is not silent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from streams.actuator.facts import LeaseFact

CLOCKS_APART_MS = 30_000
"""How far the clocks of two hosts may be apart: with less than that, NTP is at work."""


class Silence(StrEnum):
    """What the judge's silence means now."""

    FRESH = "fresh"  # heard within its lease: weights may go up
    FROZEN = "frozen"  # not heard: nothing is raised
    TOO_LONG = "too_long"  # not heard for so long that the weights go back


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseWatch:
    """When the judge was heard last. All times are monotonic seconds."""

    rollback_s: float | None
    """Silence after which to roll back; None never does."""
    watched_since: float | None = None
    """Since when silence counts; None: davy does not steer this rollout yet."""
    heard: float | None = None
    """When the last live heartbeat was received; None: none since this process started."""
    valid_s: float = 0.0
    ended: bool = False

    def watch(self, now: float) -> LeaseWatch:
        """Begin to count silence, unless it is counted already."""
        return self if self.watched_since is not None else replace(self, watched_since=now)

    def hear(self, now: float, valid_s: float) -> LeaseWatch:
        """A live heartbeat was received."""
        return replace(self.watch(now), heard=now, valid_s=valid_s)

    def end(self) -> LeaseWatch:
        """The judge said its last word: from here on its silence means nothing."""
        return replace(self, ended=True)

    def silence(self, now: float) -> Silence:
        """What the silence up to now means."""
        if self.heard is not None and now < self.heard + self.valid_s:
            return Silence.FRESH
        rollback_at = self._rollback_at()
        if rollback_at is not None and now >= rollback_at:
            return Silence.TOO_LONG
        return Silence.FROZEN

    def next_change(self, now: float) -> float | None:
        """When `silence` will say something else, if nothing is heard until then."""
        ends = [self._rollback_at(), None if self.heard is None else self.heard + self.valid_s]
        return min((end for end in ends if end is not None and end > now), default=None)

    def _rollback_at(self) -> float | None:
        since = self.watched_since if self.heard is None else self.heard
        if self.ended or since is None or self.rollback_s is None:
            return None
        return since + max(self.rollback_s, self.valid_s)


def judge_state(lease: LeaseWatch, now: float, *, terminal: bool) -> str:
    """Whether the judge is heard: live, frozen, rolled_back; ended when it need not be."""
    if lease.ended or terminal:
        return "ended"
    silence = lease.silence(now)
    match silence:
        case Silence.FRESH:
            return "live"
        case Silence.FROZEN:
            return "frozen"
        case Silence.TOO_LONG:
            return "rolled_back"
        case _:
            assert_never(silence)


def outdated(lease: LeaseFact, last_ms: int, now_ms: int) -> str:
    """Why a signed lease is not the judge's present word; empty if it is.

    Whoever may write to `leases` could keep true ones and send them when the judge is silent: each
    counts once, in the order of issue, and no later than its validity. ENDED is true for ever.

    Args:
        lease: received just now.
        last_ms: when the last one that counted was issued.
        now_ms: the wall clock here.
    """
    if lease.ended:
        return ""
    if lease.issued_at_ms <= last_ms:
        return f"issued at {lease.issued_at_ms}, not after the one heard before ({last_ms})"
    allowed_ms = CLOCKS_APART_MS + int(lease.valid_s * 1000)
    age_ms = now_ms - lease.issued_at_ms
    if -CLOCKS_APART_MS <= age_ms <= allowed_ms:
        return ""
    return (
        f"issued {age_ms / 1000:g} s before now: sent again by somebody, or the clocks of worker "
        "and actuator differ; nothing is raised on it, set both clocks (NTP)"
    )
