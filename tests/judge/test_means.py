"""Means against the baseline's: bounded ones exactly, unbounded ones capped, strata by strata."""

import json

import numpy as np
import pytest

from streams.evidence.bounded_mean import BoundedMeanSums, BoundedMeanTest
from streams.evidence.margins import Against, Harm, MeanMargin
from streams.judge.monitors.capped import PARTS, Cap, CappedReader, capped, freeze_cap
from streams.judge.monitors.evidence import Claim, Closed
from streams.judge.monitors.means import BoundedMeanEvidence, UnboundedMeanEvidence
from streams.sketches.scaled_sums import UNIT, ScaledSums
from streams.sketches.summed_histogram import SummedHistogram
from tests.judge.world import ERRORS

ALPHA = 0.005
LESS = MeanMargin(harm=Harm.LESS, against=Against.RELATIVE, margin=-0.02)
MORE = MeanMargin(harm=Harm.MORE, against=Against.RELATIVE, margin=0.10)
FORMS = {"bounded": (BoundedMeanEvidence, UNIT), "unbounded": (UnboundedMeanEvidence, PARTS)}


def evidence(form, margins=(LESS, MORE), rows=2):
    claim = Claim(
        metric=ERRORS,
        segment="all",
        candidate="c",
        limit=1.0,
        alpha_share=ALPHA,
        alpha_promote=0.05,
    )
    made, parts = FORMS[form]
    return made(margins, [[claim] * len(margins)] * rows, parts)


def sums(values, parts):
    whole = np.rint(np.asarray(values) * parts).astype(np.int64)
    return [whole.size, int(whole.sum()), int((whole**2).sum())]


def closed(form, baseline, candidate, metrics=2, of=(True, False)):
    """One stratum of every row; each metric sees the same values."""
    parts = FORMS[form][1]
    arms = np.array([sums(baseline, parts), sums(candidate, parts)], np.int64)
    counts = np.broadcast_to(arms, (len(of), metrics, 2, 3))
    return Closed(counts=counts, of=np.array(of), weights_bp=[5000] * len(of), at_s=1.0)


def scores(mean, n, rng):
    return rng.beta(20 * mean, 20 * (1 - mean), n)


@pytest.mark.parametrize("form", FORMS)
class TestBothForms:
    def fed(self, form, factor, strata=40, **more):
        rng = np.random.default_rng(5)
        found = evidence(form, **more)
        for _ in range(strata):
            arms = scores(0.6, 100, rng), scores(0.6 * factor, 100, rng)
            found.fold(closed(form, *arms))
        return found

    def test_less_is_harm_of_one_metric_and_none_of_another(self, form):
        """Each metric has its own direction, each row its own strata."""
        found = self.fed(form, 0.85)
        harm, safe = found.log_e_harm(), found.log_e_safe()
        assert harm.shape == safe.shape == (2, 2)
        assert harm[0, 0] > -np.log(ALPHA) > harm[0, 1]
        assert safe[0, 1] > np.log(20) > safe[0, 0]
        assert (harm[1] <= 0).all()
        assert (safe[1] <= 0).all()

    def test_more_is_harm(self, form):
        found = self.fed(form, 1.3)
        harm = found.log_e_harm()
        assert harm[0, 1] > -np.log(ALPHA) > harm[0, 0]

    def test_equal_means_are_shown_harmless(self, form):
        found = self.fed(form, 1.0, strata=300)
        assert (found.log_e_harm()[0] < -np.log(ALPHA)).all()
        assert (found.log_e_safe()[0] > np.log(20)).all()

    def test_gauges_and_tallies(self, form):
        found = self.fed(form, 0.9)
        gauge, tally = found.gauges(0.05)[0][0], found.tallies()[0][0]
        assert gauge.unit == "ratio"
        assert gauge.low < gauge.estimate < gauge.high
        assert gauge.estimate == pytest.approx(0.9, abs=0.02)
        assert (tally.exposures, tally.events) == ((4000, 4000), (4000, 4000))
        assert found.gauges(0.05)[1][0].estimate is None

    def test_state_comes_back_as_it_was(self, form):
        """Byte for byte, and goes on alike."""
        found, other = self.fed(form, 0.9), evidence(form)
        other.restore(json.loads(json.dumps(found.to_state())))
        rng = np.random.default_rng(9)
        more = closed(form, scores(0.5, 60, rng), scores(0.7, 80, rng), of=(True, True))
        for each in (found, other):
            each.fold(more)
        assert json.dumps(other.to_state()) == json.dumps(found.to_state())
        np.testing.assert_array_equal(other.log_e_harm(), found.log_e_harm())


class TestBounded:
    def test_is_the_proven_test(self):
        """Nothing is lost between counts and evidence."""
        rng = np.random.default_rng(2)
        found, plain = evidence("bounded"), BoundedMeanSums.zeros(BoundedMeanTest(0.0, 1.0, LESS))
        for _ in range(20):
            b, c = scores(0.6, 80, rng), scores(0.5, 40, rng)
            found.fold(closed("bounded", b, c))
            whole = [np.rint(x * UNIT) / UNIT for x in (b, c)]
            plain.fold(80, 40, *((x.sum(), (x**2).sum()) for x in whole))
        assert found.log_e_harm()[0, 0] == pytest.approx(float(plain.log_e_harm()), abs=1e-9)


def tokens(values):
    histogram = SummedHistogram()
    histogram.update(np.asarray(values, np.float64))
    return histogram


class TestCapped:
    def test_sums_are_those_of_capped_values(self):
        """Exact sums, rounded once; squares never too small, hardly too large."""
        rng = np.random.default_rng(3)
        values = np.rint(rng.lognormal(5, 1, 5000))
        cap = freeze_cap(tokens(values))
        below = np.minimum(values, cap.value)
        assert np.mean(values > cap.value) == pytest.approx(0.01, abs=0.003)
        assert cap.deviation == pytest.approx(below.std(), rel=0.01)
        n, total, squares = capped(tokens(values), cap).tolist()
        scale = PARTS / cap.deviation
        assert (n, total) == (5000, round(below.sum() * scale))
        assert 0 <= squares / (below**2).sum() / scale**2 - 1 < 2e-4

    def test_too_few_values_freeze_nothing(self):
        assert freeze_cap(tokens(np.full(999, 5))) is None
        assert freeze_cap(tokens(np.full(1000, 5))) is not None

    @pytest.mark.parametrize("value", [0, 1, 256, 10**8])
    def test_equal_values(self, value):
        """A deviation of nothing is no division by it."""
        histogram = tokens(np.full(2000, value))
        n, total, squares = capped(histogram, freeze_cap(histogram)).tolist()
        assert (n, total >= 0, squares >= 0) == (2000, True, True)
        assert squares < 2**62 // 1000

    def test_sums_of_parts_add_up(self):
        """To one rounding a part."""
        rng = np.random.default_rng(4)
        values = np.rint(rng.lognormal(5, 1, 4000))
        cap = Cap(bucket=650, deviation=100.0)
        whole = capped(tokens(values), cap)
        parts = sum(capped(tokens(part), cap) for part in np.split(values, 8))
        assert abs(whole - parts)[:2].max() <= 8

    def test_reader_counts_after_its_warm_up(self):
        """What froze the cap is not counted; the cap stays, and comes back from state."""

        class Cell:
            def __init__(self, values):
                self.tokens = tokens(values)

        rng = np.random.default_rng(6)
        cells = [Cell(np.rint(rng.lognormal(5, 1, 700))) for _ in range(6)]
        reader = CappedReader(lambda cell: cell.tokens)
        assert not reader.read(cells[0], cells[1]).any()
        other = CappedReader(lambda cell: cell.tokens)
        other.restore(json.loads(json.dumps(reader.to_state())))
        assert not other.ready
        for each in (reader, other):
            assert not each.read(cells[2], cells[3]).any()
            assert each.ready
        counts = reader.read(cells[4], cells[5])
        assert counts[:, 0].tolist() == [700, 700]
        again = CappedReader(lambda cell: cell.tokens)
        again.restore(json.loads(json.dumps(other.to_state())))
        np.testing.assert_array_equal(again.read(cells[4], cells[5]), counts)


def ramp(stratum):
    """Values of baseline and candidate while the weight rises in three steps."""
    return ((49, 2), (40, 10), (25, 25))[stratum // 50]


@pytest.mark.statistics
class TestFalseAlarms:
    """Heavy-tailed token counts at the limit itself, looked at after every stratum."""

    STREAMS, STRATA = 1000, 150

    def streams(self, split, rng):
        """Strata of equal means, capped at each stream's own warm-up."""
        warm_up = np.rint(rng.lognormal(5, 1.2, (self.STREAMS, 1000)))
        caps = [freeze_cap(tokens(values)) for values in warm_up]
        cap = np.array([[each.value] for each in caps])
        scale = PARTS / np.array([[each.deviation] for each in caps])
        for stratum in range(self.STRATA):
            arms = []
            for n in split(stratum):
                values = np.minimum(np.rint(rng.lognormal(5, 1.2, (self.STREAMS, n))), cap)
                whole = np.rint(values * scale).astype(np.int64)
                count = np.full(self.STREAMS, n)
                arms.append(np.stack([count, whole.sum(1), (whole**2).sum(1)], axis=-1))
            yield np.stack(arms, axis=1)[:, None].repeat(2, axis=1)

    @pytest.mark.parametrize("split", [ramp, lambda _: (25, 25)], ids=["ramp", "even"])
    def test_are_as_seldom_as_promised(self, split):
        rng = np.random.default_rng(11)
        margins = [
            MeanMargin(harm=harm, against=Against.RELATIVE, margin=0.0)
            for harm in (Harm.MORE, Harm.LESS)
        ]
        found = evidence("unbounded", margins, rows=self.STREAMS)
        harm = safe = np.full((self.STREAMS, 2), -np.inf)
        for counts in self.streams(split, rng):
            of = np.ones(self.STREAMS, np.bool_)
            found.fold(Closed(counts=counts, of=of, weights_bp=[1] * self.STREAMS, at_s=1.0))
            harm, safe = (
                np.maximum(harm, found.log_e_harm()),
                np.maximum(safe, found.log_e_safe()),
            )
        for log_e, alpha in ((harm, ALPHA), (safe, 0.05)):
            most = alpha + 2.33 * np.sqrt(alpha * (1 - alpha) / self.STREAMS)
            assert ((log_e >= -np.log(alpha)).mean(axis=0) <= most).all()


class TestScaledSums:
    def test_order_leaves_no_trace(self):
        rng = np.random.default_rng(7)
        values = rng.random(1000)
        whole, parts = ScaledSums(), ScaledSums()
        whole.update(values)
        for part in np.split(rng.permutation(values), 10):
            one = ScaledSums()
            one.update(part)
            parts.merge(one)
        assert parts == whole
        assert whole.total / UNIT == pytest.approx(values.sum(), abs=1e-3)
