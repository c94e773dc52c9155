"""How many requests would a test with one look need? The exact conditional binomial test.

Given all events X_b + X_c of two equal arms, X_c is Binomial(1/2) where the rates are equal.
Source: Przyborowski and Wilenski 1940.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import binom

from streams.evidence.fixed import Ints

TAIL = 1e-9


def critical_events(x_b: Ints, alpha: float) -> Ints:
    """Fewest candidate events that the one-sided test calls harm beside x_b (any shape)."""
    low, high = np.zeros_like(x_b), 4 * x_b + 100
    while np.any(low < high):
        middle = (low + high) // 2
        harm = binom.sf(middle - 1, x_b + middle, 0.5) <= alpha
        low, high = np.where(harm, low, middle + 1), np.where(harm, middle, high)
    return low


def exact_power(n: int, rate: float, ratio: float, alpha: float) -> float:
    """Chance that n requests an arm show harm.

    >>> exact_power(3_110, 0.01, 2.0, 0.01) < 0.8 <= exact_power(3_111, 0.01, 2.0, 0.01)
    True
    """
    reach = int(binom.isf(TAIL, n, rate)) + 1
    x_b = np.arange(reach + 1)
    found = binom.sf(critical_events(x_b, alpha) - 1, n, min(rate * ratio, 1.0))
    return float((binom.pmf(x_b, n, rate) * found).sum())


def fixed_sample(rate: float, ratio: float, alpha: float, power: float = 0.8) -> int:
    """Smallest n an arm with that power, which rises with n."""
    low, high = 1, 2
    while exact_power(high, rate, ratio, alpha) < power:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        short = exact_power(middle, rate, ratio, alpha) < power
        low, high = (middle, high) if short else (low, middle)
    return high
