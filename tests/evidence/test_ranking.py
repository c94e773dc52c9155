"""Figures of stated probabilities, from counts by bin, are those of the values one by one."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from streams.evidence.ranking import area_under_curve, calibration_error

MIDDLES = (np.arange(40) + 0.5) / 40


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_area_is_that_of_the_values_with_ties(seed):
    rng = np.random.default_rng(seed)
    truth, bins = rng.random(500) < 0.4, rng.integers(0, 40, 500)
    bins[truth] = np.minimum(bins[truth] + 7, 39)
    right, wrong = (np.bincount(bins[truth == side], minlength=40) for side in (True, False))
    assert area_under_curve(right, wrong) == pytest.approx(roc_auc_score(truth, bins))


def test_chances_that_hold_have_no_error_and_others_their_distance():
    wrong = np.full(40, 4_000)
    right = np.rint(4_000 * MIDDLES / (1 - MIDDLES)).astype(int)
    assert calibration_error(right, wrong, MIDDLES) < 1e-3
    boasting = np.zeros(40, int)
    boasting[38] = 50
    assert calibration_error(boasting, boasting, MIDDLES) == pytest.approx(MIDDLES[38] - 0.5)


def test_nothing_is_told_of_nothing():
    none, some = np.zeros(40), np.ones(40)
    assert area_under_curve(some, none) is None
    assert area_under_curve(none, some) is None
    assert calibration_error(none, none, MIDDLES) is None
