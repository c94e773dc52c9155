"""Units are counted as the plain model counts them, whatever the batches, restarts and order."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.panes.facts import Cells, cells_to_states
from streams.panes.join.stored import PIECE_BYTES
from streams.panes.units import journal
from streams.panes.units.ledger import UnitLedger
from streams.panes.units.packing import sights
from streams.sketches.log_histogram import margin_buckets
from streams.spec.metric_facts import Metric, MetricKind
from streams.spec.model import RolloutSpec, Unit
from tests.agents.pipeline import spec
from tests.panes.units.model import Model, Request, columns, exceedances

P95 = Metric(name="p95", kind=MetricKind.LATENCY, quantile=0.95, margin=0.1)
SLA = Metric(name="p99_sla", kind=MetricKind.LATENCY_SLA, quantile=0.99, limit_ms=300)
ERRORS = Metric(name="errors", kind=MetricKind.ERRORS, margin=0.25, floor=0.01)
SHIFT = margin_buckets(0.1)


def users(**changes: Any) -> RolloutSpec:
    return spec(unit=Unit.USER, metrics=(ERRORS, P95, SLA), **changes)


requests = st.builds(
    Request,
    pane=st.integers(0, 4),
    unit=st.integers(1, 6),
    arm=st.sampled_from(["baseline", "candidate"]),
    status=st.integers(0, 2),
    bucket=st.integers(0, 1152),
)


def by_pane(rows: list[Request]) -> dict[int, list[Request]]:
    panes = defaultdict(list)
    for row in rows:
        panes[row.pane].append(row)
    return dict(sorted(panes.items()))


def feed(ledger: UnitLedger, rows: list[Request]) -> None:
    for pane, found in by_pane(rows).items():
        for arm in sorted({row.arm for row in found}):
            hashes, bucket, failed, late = columns([r for r in found if r.arm == arm])
            ledger.add(pane, ("all", arm), hashes, sights(bucket, failed, late))


def counted(rows: list[Request], sizes: list[int], *, restarts: bool = False) -> list[Cells]:
    """Panes 0 to 4 closed in the end, the log cut into batches; a restart after each."""
    ledger, store, start = UnitLedger(users()), dict[str, bytes](), 0
    while start < len(rows):
        size = sizes[start % len(sizes)]
        feed(ledger, rows[start : start + size])
        start += size
        if restarts:
            ledger = restarted(ledger, store)
    closed = []
    for pane in range(5):
        closed.append(cells := Cells())
        ledger.close(pane, cells)
        if restarts:
            ledger = restarted(ledger, store)
    return closed


def write(ledger: UnitLedger, store: dict[str, bytes]) -> None:
    changes = ledger.take_changes()
    for name in changes.gone:
        del store[name]
    store |= changes.written


def restarted(ledger: UnitLedger, store: dict[str, bytes]) -> UnitLedger:
    write(ledger, store)
    return UnitLedger.restored(users(), store)


def states(panes: list[Cells]) -> list[Any]:
    return [cells_to_states(cells) for cells in panes]


@pytest.mark.property
class TestLaws:
    @given(st.lists(requests, max_size=40))
    def test_counts_are_those_of_first_errors(self, rows: list[Request]) -> None:
        """Units at risk and first errors, as `evidence.units` has them, of the whole rollout."""
        model = Model()
        closed = counted(rows, [40])
        for pane, found in by_pane(rows).items():
            for arm, expected in model.pane(found).items():
                units = closed[pane]["all", arm].units
                assert {name: getattr(units, name) for name in expected} == expected

    @given(st.lists(requests, max_size=40), st.integers(0, 1152))
    def test_slow_requests_befall_a_unit_once(self, rows: list[Request], edge: int) -> None:
        """For every limit: at risk is whom none has befallen, with the candidate's margin."""
        closed = counted(rows, [40])
        for shift in (0, SHIFT):
            history = defaultdict(list)
            for pane, found in by_pane(rows).items():
                for arm in {row.arm for row in found}:
                    lowered = 0 if arm == "baseline" else shift
                    served = [row for row in found if row.arm == arm]
                    expected = exceedances(history, served, edge, lowered)
                    units = closed[pane]["all", arm].units
                    assert units.first_exceedances(shift, edge) == expected
                for row in found:
                    lowered = 0 if row.arm == "baseline" else shift
                    history[row.unit].append(row.bucket - lowered)

    @given(st.lists(requests, max_size=40), st.lists(st.integers(1, 9), min_size=1, max_size=4))
    def test_batches_and_restarts_leave_no_trace(
        self, rows: list[Request], sizes: list[int]
    ) -> None:
        whole = states(counted(rows, [len(rows) or 1]))
        assert states(counted(rows, sizes)) == whole
        assert states(counted(rows, sizes, restarts=True)) == whole

    @given(st.lists(requests, max_size=40))
    def test_the_whole_log_has_one_state(self, rows: list[Request]) -> None:
        """A ledger that was written bit by bit reads back as one that was written at once."""
        assert stored(rows, often=True) == stored(rows, often=False)


def stored(rows: list[Request], *, often: bool) -> list[bytes]:
    """What a store holds of a log, written anew in the end."""
    ledger, store = UnitLedger(users()), dict[str, bytes]()
    for pane, found in by_pane(rows).items():
        feed(ledger, found)
        ledger.close(pane, {})
        if often:
            write(ledger, store)
    write(ledger, store)
    again = UnitLedger.restored(users(), store)
    again.store_anew()
    return list(again.take_changes().written.values())


def closes(ledger: UnitLedger, pane: int, rows: list[Request]) -> Cells:
    feed(ledger, rows)
    cells = Cells()
    ledger.close(pane, cells)
    return cells


class TestArms:
    def test_an_error_on_the_baseline_counts_for_the_candidate_too(self) -> None:
        """Who erred before he was moved is no longer at risk where he comes to."""
        ledger = UnitLedger(users())
        closes(ledger, 0, [Request(pane=0, unit=7, status=1)])
        cells = closes(ledger, 1, [Request(pane=1, unit=7, arm="candidate", status=1)])
        units = cells["all", "candidate"].units
        assert (units.error_risk, units.errors, units.crossed, units.fresh) == (0, 0, 1, 0)

    def test_a_unit_of_two_arms_in_its_first_pane_tells_nothing_of_the_split(self) -> None:
        rows = [Request(pane=0, unit=7), Request(pane=0, unit=7, arm="candidate")]
        cells = closes(UnitLedger(users()), 0, rows)
        told = {arm: (c.units.fresh, c.units.crossed) for (_, arm), c in cells.items()}
        assert told == {"baseline": (0, 0), "candidate": (0, 1)}

    def test_a_unit_crosses_once(self) -> None:
        ledger = UnitLedger(users())
        closes(ledger, 0, [Request(pane=0, unit=7)])
        seen = [
            closes(ledger, pane, [Request(pane=pane, unit=7, arm="candidate")])
            for pane in (1, 2, 3)
        ]
        assert [cells["all", "candidate"].units.crossed for cells in seen] == [1, 0, 0]


class TestBounds:
    def test_units_beyond_the_most_are_lost_and_said(self) -> None:
        ledger = UnitLedger(users(max_units=1000))
        cells = closes(ledger, 0, [Request(pane=0, unit=unit) for unit in range(1, 1201)])
        units = cells["all", "baseline"].units
        assert (units.error_risk, units.fresh, units.lost, ledger.size) == (1000, 1000, 200, 1000)
        again = closes(ledger, 1, [Request(pane=1, unit=unit) for unit in (1, 1200)])
        assert (again["all", "baseline"].units.error_risk, ledger.size) == (1, 1000)
        assert again["all", "baseline"].units.lost == 1

    def test_a_part_is_never_too_large_for_a_record(self) -> None:
        ledger, store = UnitLedger(users()), dict[str, bytes]()
        closes(ledger, 0, [Request(pane=0, unit=unit) for unit in range(1, 60_001)])
        write(ledger, store)
        assert max(map(len, store.values())) <= PIECE_BYTES
        assert UnitLedger.restored(users(), store).size == 60_000

    def test_the_log_is_written_anew_when_it_is_too_long(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Bytes stored follow the units known, not the changes there were."""
        monkeypatch.setattr(journal, "LONGEST", 20)
        ledger, store, most = UnitLedger(users()), dict[str, bytes](), 0
        dice = np.random.default_rng(3)
        for pane in range(200):
            arms = dice.choice(["baseline", "candidate"], 10)
            rows = [Request(pane=pane, unit=unit + 1, arm=arm) for unit, arm in enumerate(arms)]
            closes(ledger, pane, rows)
            write(ledger, store)
            most = max(most, sum(map(len, store.values())))
        assert most <= 16 * (journal.EXCESS * 10 + 20 + 10)
        assert UnitLedger.restored(users(), store).size == 10
