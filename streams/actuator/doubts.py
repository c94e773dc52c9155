"""Which decisions that nobody trusted signed are told in `routing`? Not each: there may be floods.

The first of each kind at once; then one every minute, with the number of those between.
"""

from __future__ import annotations

from dataclasses import replace

from streams.actuator.acceptance import Refused
from streams.actuator.facts import DecisionFact
from streams.wire.signatures import Doubt, Doubted

EVERY_S = 60.0


class Doubts:
    """Counts one rollout's doubted decisions."""

    def __init__(self) -> None:
        self._told_at: dict[Doubt, float] = {}
        self._more: dict[Doubt, int] = {}

    def due(self, doubted: Doubted, now: float) -> Refused | None:
        """What is to be told of this one; None: it is counted, and told with a later one."""
        code = doubted.code
        last = self._told_at.get(code)
        if last is not None and now - last < EVERY_S:
            self._more[code] = self._more.get(code, 0) + 1
            return None
        self._told_at[code] = now
        more = self._more.pop(code, 0)
        counted = f" ({more} like it since the last record)" if more else ""
        return Refused(code=code, sentence=f"{doubted.sentence}{counted}")


def unquoted(decision: DecisionFact) -> DecisionFact:
    """What a record of its refusal may repeat of it: none of a stranger's weights."""
    return replace(decision, weights_bp={}, decision_id=decision.decision_id[:32])
