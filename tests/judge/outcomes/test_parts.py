"""The parts that outcomes are judged with: readers, mirrored ratios, weights of long ago."""

import json

import numpy as np
import pytest

from streams.errors import SpecError
from streams.judge.facts import RoutingFact, RoutingPhase
from streams.judge.monitors.evidence import Closed
from streams.judge.monitors.kinds import Form, new_evidence, new_reader
from streams.judge.monitors.panel import Claim
from streams.judge.outcomes.readers import CappedReader, outcome_reader
from streams.judge.weights import WeightTimeline
from streams.sketches.log_histogram import MAPPING
from streams.sketches.outcome_cell import OutcomeCell
from streams.sketches.scaled_sums import UNIT
from streams.spec.metric_facts import Metric, MetricKind
from tests.judge.outcomes.world import ACCURACY, CONVERSION, LABEL, RECALL


def spending(*values: float, exposures: int = 0) -> OutcomeCell:
    cell = OutcomeCell(exposures=exposures or len(values))
    cell.histogram.update(np.array(values))
    return cell


class TestCappedReader:
    def test_freezes_a_cap_from_the_baseline_and_counts_zeros(self):
        reader = CappedReader()
        first = spending(*[10.0] * 99, 1_000.0)
        assert reader.read(first, first).tolist() == [[0, 0, 0], [0, 0, 0]]
        assert reader.ready
        assert reader.cap == pytest.approx(10.0, rel=0.01)
        counts = reader.read(spending(10.0, 5_000.0, exposures=50), spending(5.0))
        assert counts[0].tolist() == [50, 2 * UNIT, 2 * UNIT**2]
        assert counts[1, 1] / UNIT == pytest.approx(0.5, rel=0.02)
        assert reader.above(spending(10.0, 11.0, 5_000.0)) == 2

    def test_zeros_that_are_sent_move_no_cap_and_count_as_nothing(self):
        """Else a cap of nothing would count how many answered, and earning less were no harm."""
        reader = CappedReader()
        cell = spending(*[0.0] * 995, *[50.0] * 5)
        for _ in range(19):
            reader.read(cell, cell)
        assert (reader.ready, reader.cap) == (False, None)
        reader.read(spending(*[0.0] * 995, *[50.0] * 5), cell)
        assert reader.cap == pytest.approx(50.0, rel=0.01)
        counts = reader.read(cell, spending(*[0.0] * 1000))
        assert counts.tolist() == [[1000, 5 * UNIT, 5 * UNIT**2], [1000, 0, 0]]

    def test_values_beyond_the_last_bucket_freeze_no_cap(self):
        """4 and 2 times 10^7 lie in one bucket: nothing could be told of them."""
        reader = CappedReader()
        large = spending(*[4e7] * 200)
        assert reader.read(large, spending(*[2e7] * 200)).tolist() == [[0, 0, 0], [0, 0, 0]]
        assert not reader.ready
        reader.read(spending(*[9e6] * 30_000), large)
        assert reader.cap == pytest.approx(9e6, rel=0.01)

    def test_goes_on_from_its_state(self):
        reader, again = CappedReader(), CappedReader()
        for values in ([3.0] * 60, [4.0] * 60, [5.0]):
            again.restore(json.loads(json.dumps(reader.to_state())))
            cell = spending(*values)
            assert again.read(cell, cell).tolist() == reader.read(cell, cell).tolist()
        assert MAPPING.value(0) > 0


class TestReaders:
    def test_refuse_what_an_outcome_cannot_answer(self):
        with pytest.raises(SpecError, match="cannot be asked of outcome 'label'"):
            outcome_reader(Metric(name="errors", kind=MetricKind.ERRORS), LABEL)
        with pytest.raises(SpecError, match="class of a recall"):
            outcome_reader(RECALL.model_copy(update={"label": None}), LABEL)

    def test_a_metric_of_outcomes_without_one_is_refused(self):
        with pytest.raises(SpecError, match="`outcome` is missing"):
            new_reader(ACCURACY.model_copy(update={"outcome": None}), 10)

    def test_a_class_without_labels_counts_nothing(self):
        reader = outcome_reader(RECALL, LABEL)
        assert reader.read(OutcomeCell(exposures=9), OutcomeCell()).tolist() == [[0, 0], [0, 0]]


def closed(n_b, x_b, n_c, x_c):
    counts = np.array([[[[n_b, x_b], [n_c, x_c]]]])
    return Closed(counts=counts, of=np.array([True]), weights_bp=[5000], at_s=0.0)


def evidence(metric):
    shares = {"limit": 1.0, "alpha_share": 0.01, "alpha_promote": 0.05}
    claim = Claim(metric=metric, segment="all", candidate="candidate", **shares)
    return new_evidence(Form.COMPARED, {}, [[claim]])


class TestSwapped:
    def test_less_is_harm_as_more_is_of_the_other_arm(self):
        """At margin 0 a fall of the candidate is a rise of the baseline."""
        more = evidence(ACCURACY.model_copy(update={"margin": 0.0}))
        less = evidence(CONVERSION.model_copy(update={"margin": 0.0}))
        for _ in range(10):
            more.fold(closed(100, 10, 200, 50))
            less.fold(closed(200, 50, 100, 10))
        assert less.log_e_harm() == more.log_e_harm()
        assert less.log_e_safe() == more.log_e_safe()
        (tally,), (gauge,) = less.tallies()[0], less.gauges(0.05)[0]
        assert (tally.exposures, tally.events) == ((2_000, 1_000), (500, 100))
        assert gauge.estimate == pytest.approx(0.4)
        assert gauge.low < 0.4 < gauge.high

    def test_without_any_outcome_nothing_is_told(self):
        (gauge,) = evidence(CONVERSION).gauges(0.05)[0]
        assert (gauge.estimate, gauge.low) == (None, 0.0)


class TestMixedWeights:
    def test_a_change_and_its_guard_mix_and_an_intent_does_not(self):
        timeline = WeightTimeline(("baseline", "candidate"), 1_000)

        def tell(phase, candidate_bp, since_ms):
            weights = {"baseline": 10_000 - candidate_bp, "candidate": candidate_bp}
            timeline.feed(
                RoutingFact(
                    offset=0,
                    phase=phase,
                    at_ms=since_ms,
                    weights_bp=weights,
                    since_ms=since_ms,
                    confirmed_until_ms=since_ms,
                    fence=0,
                )
            )

        tell(RoutingPhase.APPLIED, 500, 10_000)
        tell(RoutingPhase.APPLIED, 5_000, 60_000)
        tell(RoutingPhase.INTENT, 9_000, 90_000)
        spans = [(20_000, 60_000), (59_000, 61_000), (60_500, 70_000), (61_000, 80_000)]
        assert [timeline.mixed(*span) for span in spans] == [False, True, True, False]
        assert not timeline.mixed(80_000, 200_000)
