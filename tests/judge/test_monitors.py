"""Readers, watches, strata and the promotion queue, by hand-made cells."""

from __future__ import annotations

import numpy as np

from streams.evidence.rates import RatioSums, RatioTest
from streams.judge.arrivals import Arrivals
from streams.judge.confirmation import MOST_WAITING
from streams.judge.decision_facts import Finding, Verdict
from streams.judge.facts import PaneInput
from streams.judge.monitors.latency import LatencyReader
from streams.judge.monitors.mix import ClassReader
from streams.judge.promotion import PromotionQueue, Waiting
from streams.judge.weights import WeightTimeline
from streams.sketches.categories import CategoryCounts
from streams.sketches.cell import Cell
from streams.spec.model import ALL_SEGMENT, BASELINE
from tests.judge.alone import Alone
from tests.judge.test_weights import APPLIED, routing, timeline
from tests.judge.world import CLASSES, ERRORS, PANE_MS

EVEN = (5_000, 5_000)
UNEVEN = (9_500, 500)


def cell(exposures: int, errors: int = 0, latency_ms: float = 20.0, **classes: int) -> Cell:
    filled = Cell(exposures=exposures, errors=errors, classes=CategoryCounts(dict(classes)))
    filled.latency.update(np.full(exposures, latency_ms))
    return filled


def pane(index: int, baseline: Cell, candidate: Cell) -> PaneInput:
    cells = {(ALL_SEGMENT, BASELINE): baseline, (ALL_SEGMENT, "candidate"): candidate}
    return PaneInput(pane=index, pane_ms=PANE_MS, cells=cells)


class TestLatencyReader:
    """Tau comes from a warm-up that is then discarded."""

    def test_warm_up_counts_nothing(self) -> None:
        reader = LatencyReader(0.5, 0.1)
        assert reader.read(cell(20), cell(20, latency_ms=90)).tolist() == [[0, 0], [0, 0]]
        assert reader.ready

    def test_margin_shifts_the_candidate_only(self) -> None:
        """+8 % in both arms: the baseline exceeds tau, the candidate stays within +10 %."""
        reader = LatencyReader(0.5, 0.1)
        reader.read(cell(20), cell(0))
        both = cell(7, latency_ms=21.6)
        assert reader.read(both, both).tolist() == [[7, 7], [7, 0]]
        assert reader.read(both, cell(3, latency_ms=23.5)).tolist() == [[7, 7], [3, 3]]

    def test_too_few_requests_leave_it_warming_up(self) -> None:
        reader = LatencyReader(0.99, 0.1)
        reader.read(cell(999), cell(0))
        assert not reader.ready
        again = LatencyReader(0.99, 0.1)
        again.restore(reader.to_state())
        again.read(cell(1), cell(0))
        assert again.ready

    def test_a_stalled_start_does_not_blind_it(self) -> None:
        """Tau from a stall is never exceeded; the next block's is, and counts only after it."""
        reader = LatencyReader(0.95, 0.1)
        reader.read(cell(200, latency_ms=500), cell(0))
        slower = cell(10, latency_ms=60)
        assert reader.read(cell(999), slower).tolist() == [[999, 0], [10, 0]]
        assert reader.read(cell(1), slower).tolist() == [[1, 0], [10, 0]]
        again = LatencyReader(0.95, 0.1)
        again.restore(reader.to_state())
        assert again.read(cell(5, latency_ms=10), slower).tolist() == [[5, 0], [10, 10]]


class TestClassReader:
    """Columns are given once, in the order in which classes are met."""

    def test_what_is_beyond_the_limit_is_other(self) -> None:
        reader = ClassReader(2)
        assert reader.read(cell(6, a=1, b=2, c=3), cell(0)).tolist() == [[1, 2, 3], [0, 0, 0]]
        assert reader.read(cell(9, b=5, d=3, other=1), cell(0)).tolist() == [[0, 5, 4], [0, 0, 0]]

    def test_columns_survive_storage(self) -> None:
        reader, again = ClassReader(3), ClassReader(3)
        reader.read(cell(1, z=1), cell(0))
        again.restore(reader.to_state())
        assert again.read(cell(3, a=1, z=2), cell(0)).tolist() == [[2, 1, 0, 0], [0] * 4]


class TestWatch:
    """Harm is remembered; what was harmless in one stage is not in the next."""

    def test_harm_stays(self) -> None:
        errors = Alone()
        errors.fold(np.array([[100, 0], [100, 60]]), 0.0)
        errors.fold(np.array([[100_000, 4_000], [100_000, 100]]), 1.0)
        assert Finding.HARM is errors.finding()[0]

    def test_harm_that_begins_late_is_found_soon(self) -> None:
        """Six well hours, then twice the errors: the sums alone still tell of a good candidate."""
        metric = ERRORS.model_copy(update={"margin": 0.0, "floor": None})
        errors, plain = Alone(metric), RatioSums.zeros(RatioTest(margin=0.0))
        well, ill = np.array([[3_000, 40], [3_000, 30]]), np.array([[3_000, 30], [3_000, 80]])
        for block in range(1, 80):
            counts = well if block < 74 else ill
            errors.fold(counts, 300.0 * (block - 1))
            plain.fold(*counts[:, 0], *counts[:, 1])
        assert errors.watch.harmful
        assert float(plain.log_e_harm()) < 0

    def test_a_stage_forgets(self) -> None:
        errors = Alone()
        errors.fold_stage(np.array([[10_000, 500], [10_000, 100]]))
        assert errors.finding() == (Finding.NO_HARM, "no_harm_shown")
        assert Finding.BETTER is errors.verdict().finding
        errors.field.enter_stage()
        assert errors.finding() == (Finding.UNDECIDED, "not_enough_data")

    def test_a_failed_health_check_outranks_everything(self) -> None:
        errors = Alone()
        errors.fold(np.array([[100, 0], [100, 60]]), 0.0)
        assert errors.finding("sample_ratio") == (Finding.INVALID, "sample_ratio")

    def test_few_errors_under_the_floor_are_no_harm(self) -> None:
        """Five times the baseline's errors, but below the absolute floor of 2 %."""
        errors = Alone()
        errors.fold(np.array([[10_000, 20], [10_000, 100]]), 0.0)
        assert not errors.watch.harmful

    def test_whether_mixes_differ_at_all_is_told_beside(self) -> None:
        classes = Alone(CLASSES)
        counts = np.zeros((2, classes.reader.columns), np.int64)
        counts[:, :2] = [[1_000, 1_000], [900, 1_100]]
        classes.fold(counts, 0.0)
        verdict = classes.verdict()
        assert verdict.reason.startswith("not_enough_data: different at all: log e ")
        assert not classes.watch.harmful


class TestStrata:
    """Consecutive panes of one weight make a stratum of 20 or 50 exposures."""

    def judged(self, *panes: tuple[tuple[int, int], int]) -> Verdict:
        """After panes of these weights and sizes per arm."""
        one, line = Alone(), timeline()
        for index, (weights, size) in enumerate(panes):
            line.feed(routing(APPLIED, weights[1], index * PANE_MS, 0))
            here = pane(index, cell(size), cell(size))
            one.field.feed(here, one.field.read(here, weights), line)
        return one.verdict()

    def counted(self, weights: tuple[int, int], *sizes: int) -> int:
        """Exposures of both arms in the evidence."""
        return sum(self.judged(*((weights, size) for size in sizes)).exposures.values())

    def test_twenty_at_even_weights(self) -> None:
        assert self.counted(EVEN, 5, 4) == 0
        assert self.counted(EVEN, 5, 5) == 20

    def test_fifty_at_a_small_weight(self) -> None:
        assert self.counted(UNEVEN, 12, 12) == 0
        assert self.counted(UNEVEN, 12, 13) == 50

    def test_a_change_of_weight_closes(self) -> None:
        verdict = self.judged((UNEVEN, 3), (UNEVEN, 3), (EVEN, 3))
        assert (
            verdict.exposures,
            verdict.first_pane,
            verdict.last_pane,
        ) == ({BASELINE: 6, "candidate": 6}, 0, 1)


class TestPromotionQueue:
    """Panes wait for the confirmation of their weights, in order and not for ever."""

    def waiting(self, index: int) -> Waiting:
        arrivals = Arrivals(requests=(3, 1), assigned=(3, 1))
        return Waiting(pane=index, counts=(np.array([[3, 0], [1, 1]]),), arrivals=arrivals)

    def test_only_steady_panes_come_out(self) -> None:
        """One is guarded, two are steady, the last is not confirmed yet."""
        queue, line = PromotionQueue(), timeline((APPLIED, 500, 0, 3_000))
        for index in range(4):
            queue.push(self.waiting(index))
        assert [w.pane for w, _ in queue.settled(line, PANE_MS)] == [1, 2]
        assert [pane for pane, *_ in queue.to_state()["waiting"]] == [3]

    def test_overflow_is_counted(self) -> None:
        queue = PromotionQueue()
        for index in range(MOST_WAITING + 3):
            queue.push(self.waiting(index))
        assert queue.dropped == 3
        assert list(queue.settled(WeightTimeline(("baseline", "candidate"), 0), PANE_MS)) == []

    def test_round_trip(self) -> None:
        queue, again = PromotionQueue(), PromotionQueue()
        queue.push(self.waiting(7))
        again.restore(queue.to_state())
        assert queue.to_state() == again.to_state()
        assert again._waiting[0].exposures == [3, 1]
