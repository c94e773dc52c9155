"""Is `davy notify` alive, and is it ready? Facts of its lanes' loops.

A hook that does not answer is told by metrics, and no reason to start again: the others go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from streams.notify.lane import Lane
from streams.serving.status import Status


def status_of(lanes: Sequence[Lane], hang_s: float) -> Status:
    """Alive and ready, or why not."""
    return Status(dead=tuple(_dead(lanes, hang_s)), unready=tuple(_unready(lanes)))


def _dead(lanes: Sequence[Lane], hang_s: float) -> Iterator[str]:
    for lane in lanes:
        if lane.pulse.age_s > hang_s / 2:
            yield f"the loop of hook {lane.name} has not turned for {lane.pulse.age_s:.0f} s"
        if lane.mute:
            yield f"the thread that tells hook {lane.name} has ended: start `davy notify` again"


def _unready(lanes: Sequence[Lane]) -> Iterator[str]:
    for lane in lanes:
        if not lane.assigned:
            yield f"the group of hook {lane.name} has not spoken yet"
        elif lane.loading:
            yield f"hook {lane.name} is reading the rollouts"
