"""What must a test bring along, so that a router of its own can be tried?"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from streams.actuator.audience import Audience
from streams.actuator.ports import Router, Segments

ARMS = ("baseline", "candidate")
POLL_S = 0.02


@dataclass(frozen=True, kw_only=True)
class Rig:
    """One real target, fresh: everything goes to the baseline, and davy never touched it."""

    open: Callable[[], Router]
    """Another router on the same target each time, for the arms `ARMS`."""
    interfere: Callable[[Segments], None]
    """What a stranger does to the weights, by other means than the router's."""
    count: Callable[..., Counter[str]] | None = None
    """`count(requests, headers)`: requests that each arm answered, all others under other names.

    Where users are hashed each request is another user's. None: there is no traffic.
    """
    unasked: bool = False
    """Whether traffic may follow a moment after the proof, since nobody asks who serves it."""
    settles_s: float = 10.0
    """The longest that a change may take until it shows."""
    open_for: Callable[[Audience], Router] | None = None
    """A router that tells this audience apart, where it can."""
    unlock: Callable[[], None] | None = None
    """What a stranger does who lets everybody in; None where nobody can be left out."""
    copies: Callable[[], int] | None = None
    """Requests that came to the candidate's server up to now, copies included."""

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Until it holds; a failure that names `what` where it does not in time."""
        end = time.monotonic() + self.settles_s
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"waited {self.settles_s:g} s for {what}")
            time.sleep(POLL_S)


def split(candidate_bp: int) -> dict[str, dict[str, int]]:
    """Weights with this share for the candidate."""
    return {"all": {"baseline": 10_000 - candidate_bp, "candidate": candidate_bp}}
