"""Who may spend how much of the error budget? E-Bonferroni: shares that sum to alpha."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)


def split(alpha: float, weights: Mapping[Key, float]) -> dict[Key, float]:
    """Share of alpha of each claim (metric x segment x candidate x rule), by positive weights.

    A claim is shown at E >= 1 / share. Source: e-Bonferroni, Vovk and Wang 2021.

    >>> split(0.01, {"errors": 2.0, "p99": 1.0, "mix": 1.0})
    {'errors': 0.005, 'p99': 0.0025, 'mix': 0.0025}
    """
    if not 0.0 < alpha < 1.0:
        raise ValueError(f"alpha must lie between 0 and 1, got {alpha}")
    if any(not (weight > 0.0 and math.isfinite(weight)) for weight in weights.values()):
        raise ValueError(f"weights of the error budget must be positive, got {dict(weights)}")
    total = math.fsum(weights.values())
    return {key: alpha * weight / total for key, weight in weights.items()}


def log_threshold(alpha_share: float) -> float:
    """Log e-value at which a claim with this share of alpha is shown: -log alpha (Ville)."""
    return -math.log(alpha_share)
