"""Does a stated probability rank and mean what it says? From counts of right and wrong by bin.

Shown, never tested: both need labels of one arm alone and say nothing of harm by themselves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import Floats


def area_under_curve(right: ArrayLike, wrong: ArrayLike) -> float | None:
    """Chance that what came true had the higher probability; ties within a bin count half.

    Counts int64[bins] of what came true and what did not, by ascending probability. None where
    one of them is empty. The area under the receiver operating characteristic, exact on bins.

    >>> area_under_curve([0, 1, 3], [2, 1, 1])
    0.8125
    """
    came, failed = (np.asarray(counts, np.float64) for counts in (right, wrong))
    pairs = came.sum() * failed.sum()
    if not pairs:
        return None
    below: Floats = np.cumsum(failed) - 0.5 * failed
    return float((came * below).sum() / pairs)


def calibration_error(right: ArrayLike, wrong: ArrayLike, middles: ArrayLike) -> float | None:
    """Mean distance of the share that came true from the stated probability, over all labels.

    Counts int64[bins] and the middle of each bin; None without labels. The expected calibration
    error of Naeini, Cooper and Hauskrecht 2015.

    >>> round(calibration_error([1, 9], [9, 1], [0.2, 0.9]), 3)
    0.05
    """
    came, failed = (np.asarray(counts, np.float64) for counts in (right, wrong))
    total = came + failed
    if not total.sum():
        return None
    gap: Floats = np.abs(came - total * np.asarray(middles, np.float64))
    return float(gap.sum() / total.sum())
