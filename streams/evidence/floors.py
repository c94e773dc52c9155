"""How do a relative rule and an absolute floor combine into one?

With a floor f harm is p_c > max((1 + d) p_b, f): both parts must be shown. Safety needs either.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from streams.evidence.fixed import Floats


def harm_above_both(log_e_ratio: ArrayLike, log_e_floor: ArrayLike) -> Floats:
    """Log e-value against p_c <= max((1 + d) p_b, f): the smaller of the two; any shape."""
    return np.minimum(np.asarray(log_e_ratio, np.float64), np.asarray(log_e_floor, np.float64))


def safe_below_either(log_e_ratio: ArrayLike, log_e_floor: ArrayLike) -> Floats:
    """Log e-value against p_c >= max((1 + d) p_b, f): the mean of both e-values; any shape."""
    mean: Floats = np.logaddexp(log_e_ratio, log_e_floor) - np.log(2.0)
    return mean
