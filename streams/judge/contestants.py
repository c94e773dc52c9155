"""Who is still in the running, and how does each of them stand by requests, slices and outcomes?"""

from __future__ import annotations

from collections.abc import Sequence

from streams.judge.contest import Standing, at_worst, standing, winner
from streams.judge.field import Field
from streams.judge.outcomes.field import OutcomeField
from streams.judge.slices import Slices


class Contestants:
    """The candidates of a rollout; those that were taken out stay out."""

    def __init__(self, field: Field, outcomes: OutcomeField, slices: Slices) -> None:
        self._field = field
        self._outcomes = outcomes
        self._slices = slices
        self.dropped: tuple[str, ...] = ()
        """Taken out for harm, in this order."""

    def standings(self, invalid: str) -> list[Standing]:
        """Of all candidates; `invalid` names the health check that failed, if any."""
        return [
            standing(
                pair,
                invalid,
                [row for row in self._field.slices if row.arm == pair.arm],
                self._slices,
                self._outcomes.found(pair.candidate, invalid),
            )
            for pair in self._field.pairs
        ]

    @property
    def running(self) -> list[str]:
        """Candidates that have not been taken out."""
        return [p.candidate for p in self._field.pairs if p.candidate not in self.dropped]

    def live(self, standings: Sequence[Standing]) -> list[Standing]:
        """Those of candidates that are still in the running."""
        return [one for one in standings if one.candidate not in self.dropped]

    def drop(self, harmful: Sequence[Standing]) -> tuple[str, ...]:
        """Take them out; the claims that show their harm."""
        self.dropped += tuple(one.candidate for one in harmful)
        return tuple(name for one in harmful for name in one.harmed)

    def best(self, standings: Sequence[Standing]) -> str:
        """Which of those in the running is promoted."""
        worst = {
            pair.candidate: at_worst([*pair.watches, *self._outcomes.watches(pair.candidate)])
            for pair in self._field.pairs
        }
        return winner([(one, worst[one.candidate]) for one in self.live(standings)])
