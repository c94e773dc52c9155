"""How does a rollout's end reach its target? It is guarded, tidied up, and let go in the end.

What is tidied up (the router's `finalize`) is tried again with each look at the target, while this
process looks: one that follows it does not begin anew.
"""

from __future__ import annotations

import logging

from streams.actuator.kept import Kept
from streams.actuator.ports import Outcome, Router, Segments
from streams.actuator.teller import Teller
from streams.actuator.weights import home
from streams.errors import RouterError, TargetConflict, TargetTransient

GUARD_AFTER_END_S = 600.0


class Ending:
    """The end of one rollout at its target."""

    def __init__(self, kept: Kept, router: Router, teller: Teller) -> None:
        self._kept, self._router, self._teller = kept, router, teller
        self._left: Outcome | None = None
        self._tried = False

    def begin(self, now: float) -> None:
        """The last weights are in force, at this monotonic second."""
        self._kept.ended_at = now
        standing = self._kept.standing
        rolled_back = standing.wanted == home(standing.arms, standing.wanted or ())
        outcome = Outcome.ROLLED_BACK if rolled_back else Outcome.PROMOTED
        if standing.owned:  # else nothing of ours is there, and it may be another's by now
            self._left = outcome
        self._kept.say(logging.INFO, "ended", outcome=outcome)

    def is_guarded_enough(self, now: float) -> bool:
        """Whether the target may be let go."""
        ended_at = self._kept.ended_at
        return ended_at is not None and now - ended_at > GUARD_AFTER_END_S

    def tidy_up(self, have: Segments) -> None:
        """Try what is left to be tidied up, if anything is; tell why it did not work, once."""
        error = self._finalized()
        if error is not None:
            self._kept.say(logging.ERROR, "finalize_failed", error=str(error))
            self._teller.failed(self._kept.standing, have, f"finalize_failed: {error}")

    def _finalized(self) -> RouterError | None:
        """Why it did not work, where that is news."""
        if self._left is None:
            return None
        try:
            self._router.finalize(self._left)
        except (TargetConflict, TargetTransient) as error:
            known, self._tried = self._tried, True
            return None if known else error
        except RouterError as error:
            self._left = None  # no trying again will help
            return error
        self._left = None
        return None
