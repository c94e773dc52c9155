"""A record that breaks the fold costs itself, nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.agents.batch import Batch, Partition
from streams.agents.careful import fold_carefully
from streams.agents.records import Records
from streams.errors import RegistryError
from streams.panes.facts import PaneClock
from streams.panes.fold import PartitionFold

CLOCK = PaneClock(pane_ms=1000, lateness_ms=0, future_ms=0)


@dataclass(frozen=True)
class Record:
    offset: int


def batch(count: int, first: int = 10) -> Batch:
    records = [Record(first + 2 * number) for number in range(count)]  # holes, as of markers
    end = first + 2 * count
    return Batch(partition=Partition("t", 0), start=first, end=end, records=Records(records))


class TestFoldCarefully:
    @pytest.mark.property
    @given(st.integers(1, 20), st.sets(st.integers(0, 19)))
    def test_only_the_broken_are_refused(self, count: int, broken: set[int]) -> None:
        """Whatever breaks, the rest is folded in order and the whole batch is behind us."""
        bad = {10 + 2 * number for number in broken if number < count}
        refused: list[int] = []

        def fold(state: PartitionFold, part: Batch) -> None:
            for record in part.records:
                if record.offset in bad:
                    raise ValueError(record.offset)
                state.dirty.add(("folded", record.offset))
            state.skip(0, end_offset=part.end)

        whole = batch(count)
        state = fold_carefully(
            PartitionFold(CLOCK), whole, fold, lambda record: refused.append(record.offset)
        )
        assert refused == sorted(bad)
        assert {offset for _, offset in state.dirty} == {r.offset for r in whole.records} - bad
        assert (state.marker.next_offset, state.marker.dead) == (whole.end, len(bad))

    def test_a_silent_registry_is_no_records_fault(self) -> None:
        """A transient failure is raised, so that the whole batch is tried again."""

        def fold(_: PartitionFold, __: Batch) -> None:
            raise RegistryError("does not answer")

        with pytest.raises(RegistryError):
            fold_carefully(PartitionFold(CLOCK), batch(2), fold, print)
