"""Which records does a flush write of outcomes? Cohorts that tell, and how far they are joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from streams.agents.sketch_records import SketchRecords
from streams.agents.writer import OutRecord
from streams.panes.cohorts import Cohort
from streams.panes.facts import Body, Source
from streams.panes.outcomes.stored import counts_to_state


class OutcomeRecords:
    """Renders what is told of outcomes on `panes`."""

    def __init__(self, records: SketchRecords) -> None:
        self._records = records
        self._written: tuple[int, bool] | None = None

    def cohorts(self, told: Sequence[Cohort]) -> list[OutRecord]:
        """One record each, by rollout."""
        return [
            self._records.to_judge(each.rollout, cohort_body(each), source=Source.OUTCOMES)
            for each in told
        ]

    def progress(
        self, joined_through: int, counts: Mapping[str, int], *, idle: bool, again: bool
    ) -> list[OutRecord]:
        """News only, or `again`: a new rollout's judge has not heard what was told before."""
        if not again and (joined_through, idle) == self._written:
            return []
        self._written = (joined_through, idle)
        body = {
            "closed_through": joined_through,
            "idle": idle,
            "accepted": counts.get("joined", 0),
            "late": counts.get("late", 0),
            "dead": counts.get("dead", 0),
            "invalid_scores": 0,
            "duplicates": counts.get("duplicate", 0),
            "outcomes": counts_to_state(counts),
        }
        return self._records.to_all("davy.Progress", body, source=Source.OUTCOMES)


def cohort_body(cohort: Cohort) -> Body:
    """Union member of a cohort's record."""
    return "davy.Cohort", cohort.to_state()
