"""How large may an observed error be? What reduced simulations compare their shares with.

Whole rollouts are simulated in `tests/statistics`.
"""

from __future__ import annotations

import numpy as np

from tests.statistics import facts

STREAMS = 2_000


def band(alpha: float, streams: int = STREAMS) -> float:
    """Largest observed share that a true error of alpha explains (one-sided 1 %)."""
    return facts.band(alpha, streams)


def crossed(log_e, alpha) -> float:
    """Share of streams whose e-value has reached 1/alpha."""
    return float((log_e >= -np.log(alpha)).mean())
