"""What is to be tidied up at the target of a rollout that ended? Tried while this process looks.

A process that follows it does not begin anew.
"""

from __future__ import annotations

from streams.actuator.ports import Outcome, Router
from streams.errors import RouterError, TargetConflict, TargetTransient


class Tidying:
    """The router's `finalize`; what may pass is tried again with each look at the target."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._left: Outcome | None = None
        self._tried = False

    def begin(self, outcome: Outcome) -> None:
        """The rollout ended so."""
        self._left = outcome

    def step(self) -> RouterError | None:
        """Try what is left, if anything is; why it did not work, where that is news."""
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
