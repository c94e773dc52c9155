"""Units: what is counted of users, and what requests of one user do when taken as independent."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.evidence.rates import RatioSums, RatioTest
from streams.evidence.units import first_errors
from tests.evidence.shock_scenarios import Users
from tests.evidence.simulate import band, crossed

requests = st.lists(st.tuples(st.integers(0, 6), st.booleans()), max_size=30)


def columns(rows):
    return [unit for unit, _ in rows], [error for _, error in rows]


class TestFirstErrors:
    @pytest.mark.property
    @given(requests, st.randoms(use_true_random=False))
    def test_order_within_a_batch_does_not_matter(self, rows, random):
        shuffled = rows.copy()
        random.shuffle(shuffled)
        one, other = (first_errors(*columns(items), seen=[3]) for items in (rows, shuffled))
        assert (one.exposures, one.events) == (other.exposures, other.events)
        assert one.seen.tolist() == other.seen.tolist()

    @pytest.mark.property
    @given(st.lists(requests, max_size=6))
    def test_each_unit_errs_once(self, batches):
        """Events add up to the units that ever err; nobody is exposed after his error."""
        seen, events, erred = np.zeros(0, np.int64), 0, set()
        for rows in batches:
            counts = first_errors(*columns(rows), seen)
            assert counts.exposures == len({unit for unit, _ in rows} - erred)
            erred |= {unit for unit, error in rows if error}
            events, seen = events + counts.events, counts.seen
        assert events == len(erred)
        assert seen.tolist() == sorted(erred)

    def test_an_empty_batch(self):
        counts = first_errors([], [], [4, 2, 4])
        assert (counts.exposures, counts.events, counts.seen.tolist()) == (0, 0, [2, 4])

    def test_unequal_columns_are_refused(self):
        with pytest.raises(ValueError, match="shape"):
            first_errors([1, 2], [True], [])


def counted(users: Users):
    """Counts [batches, 2, 4] (n_b, n_c, x_b, x_c): by request, by unit."""
    rows, seen = np.zeros((users.batches, 2, 4), int), [np.zeros(0, np.int64)] * 2
    for batch, arms in enumerate(users.requests()):
        for arm, (ids, failed) in enumerate(arms):
            units = first_errors(ids, failed, seen[arm])
            seen[arm] = units.seen
            rows[batch, 0, [arm, 2 + arm]] = ids.size, failed.sum()
            rows[batch, 1, [arm, 2 + arm]] = units.exposures, units.events
    return rows


@pytest.mark.statistics
class TestUsersFailTogether:
    """200 streams of 150 users an arm, 1 to 200 requests each, errors 2 %, no arm is worse."""

    @pytest.mark.parametrize(("icc", "plain"), [(0.01, 0.08), (0.05, 0.26), (0.3, 0.5)])
    def test_units_hold_where_requests_fire(self, icc, plain):
        streams = 200
        rows = np.stack(
            [
                counted(Users(seed=seed, users=150, rate=0.02, icc=icc, batches=15))
                for seed in range(streams)
            ],
            axis=-1,
        )
        share = []
        for kind in range(2):
            sums = RatioSums.zeros(RatioTest(margin=0.0, resolution=None), (streams,))
            highest = np.zeros(streams)
            for batch in rows[:, kind]:
                sums.fold(*batch)
                np.maximum(highest, sums.log_e_harm(), out=highest)
            share.append(crossed(highest, 0.05))
        assert share[0] > plain
        assert share[1] <= band(0.05, streams)
