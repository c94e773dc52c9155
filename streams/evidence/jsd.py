"""How far apart are two output mixes? Jensen-Shannon divergence in nats, as a divergence.

Equal weights of the arms. Counts are kept by applied weight and combined as shares, never
pooled; harm uses the bias-corrected estimate, similarity the plain one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import rel_entr

from streams.evidence.asymptotic import one_sided_asymptotic_log_e, one_sided_asymptotic_radius
from streams.evidence.fixed import Bools, Floats, Ints
from streams.sketches.packing import packed, unpacked_ints

ENOUGH = 50
"""Exposures that each arm needs before anything is said."""
N_OPT = 500.0
"""Exposures per arm at which the sequence is tightest."""
LEAST_SE = 1e-9
"""Keeps a single category, whose standard error is 0, a number."""


def jensen_shannon_divergence(p: ArrayLike, q: ArrayLike) -> Floats:
    """JSD of shares p and q over the last axis: nats, divergence (not distance), equal weights.

    >>> float(jensen_shannon_divergence([1.0, 0.0], [0.0, 1.0]).round(6))
    0.693147
    """
    first, second = np.asarray(p, np.float64), np.asarray(q, np.float64)
    middle = 0.5 * (first + second)
    total: Floats = 0.5 * (rel_entr(first, middle) + rel_entr(second, middle)).sum(axis=-1)
    return total


def log_ratio_variance(p: Floats, q: Floats) -> Floats:
    """Var_P log(p/m), m = (p + q)/2, over the last axis; categories without share do not count."""
    seen = p > 0
    log_ratio = np.log(np.where(seen, 2.0 * p, 1.0) / np.where(seen, p + q, 1.0))
    mean = (p * log_ratio).sum(axis=-1, keepdims=True)
    variance: Floats = (p * (log_ratio - mean) ** 2).sum(axis=-1)
    return variance


def smoothed(p: Floats, seen: Bools, inverse_n: Floats) -> Floats:
    """Shares [..., k] after one pseudo-event in each seen category, at 1/n of leading shape."""
    weight = np.asarray(inverse_n)[..., None]
    k = seen.sum(axis=-1, keepdims=True)
    result: Floats = (p + weight * seen) / (1.0 + weight * k)
    return result


def sampling_bias(p: Floats, q: Floats) -> Floats:
    """Upward bias of the plug-in JSD from sampling p, times n: (k-1)/4 - sum p(1-p)/m / 8."""
    middle = 0.5 * (p + q)
    seen = middle > 0
    bend = (p * (1.0 - p) / np.where(seen, middle, 1.0)).sum(axis=-1)
    bias: Floats = (np.maximum(seen.sum(axis=-1), 1) - 1) / 4.0 - bend / 8.0
    return bias


@dataclass(frozen=True, kw_only=True, eq=False)
class JsdEstimate:
    """What the shares say; float64 of the leading shape."""

    plug_in: Floats
    """JSD of the observed shares: biased upward by sampling."""
    corrected: Floats
    """min(plug-in - bias, JSD of the smoothed shares): what harm is judged by."""
    se: Floats
    """Standard error, from shares smoothed by one pseudo-event per seen category."""
    n: Floats
    """2 / (1/n_b + 1/n_c), with 1/n = sum w^2 / n over applied weights."""
    enough: Bools
    """Whether both arms have 50 exposures; else nothing is concluded."""


def jsd_estimate(p: Floats, q: Floats, inverse_p: Floats, inverse_q: Floats) -> JsdEstimate:
    """Estimate and standard error from shares [..., k] and 1/n per arm (inf without data)."""
    known = np.isfinite(inverse_p) & np.isfinite(inverse_q)
    a_p, a_q = np.where(known, inverse_p, 1.0), np.where(known, inverse_q, 1.0)
    seen = (p > 0) | (q > 0)
    soft = smoothed(p, seen, a_p), smoothed(q, seen, a_q)
    mixes = np.stack([np.stack([p, q]), np.stack(soft)])  # [plain or smoothed, arm, ..., k]
    others = mixes[:, ::-1]
    plug_in, softened = jensen_shannon_divergence(mixes[:, 0], mixes[:, 1])
    bias_p, bias_q = sampling_bias(mixes[0], others[0])
    v_p, v_q = log_ratio_variance(mixes, others).max(axis=0)
    bias = a_p * bias_p + a_q * bias_q
    spare = np.maximum(seen.sum(axis=-1) - 1, 0)
    variance = 0.25 * (v_p * a_p + v_q * a_q) + spare / 32.0 * (a_p + a_q) ** 2
    return JsdEstimate(
        plug_in=plug_in,
        corrected=np.minimum(plug_in - bias, softened),
        se=np.maximum(np.sqrt(variance), LEAST_SE),
        n=2.0 / (a_p + a_q),
        enough=known & (np.maximum(a_p, a_q) * ENOUGH <= 1.0 + 1e-9),
    )


Shares = tuple[Floats, Floats, Floats, Floats]
"""P and Q, float64[..., k], and 1/n of each arm."""


class JsdSums:
    """Counts by applied weight: int64[..., 2, k] for each (arms: baseline, candidate).

    k may grow from fold to fold: new categories are appended, earlier ones keep their place.

    >>> sums = JsdSums.zeros()
    >>> sums.fold(5_000, [500, 500], [100, 900])
    >>> bool(sums.is_harm(0.05, alpha=0.01)), bool(sums.is_similar(0.05, alpha=0.05))
    (True, False)
    """

    __slots__ = ("_found", "groups", "shape")

    def __init__(self, shape: tuple[int, ...] = ()) -> None:
        """Nothing counted yet, for `shape` independent streams."""
        self.shape = shape
        self.groups: dict[int, Ints] = {}
        self._found: tuple[Shares, JsdEstimate | None] | None = None

    @classmethod
    def zeros(cls, shape: tuple[int, ...] = ()) -> Self:
        """Nothing counted yet, for `shape` independent streams."""
        return cls(shape)

    @property
    def categories(self) -> int:
        """Categories known so far, k."""
        return max((counts.shape[-1] for counts in self.groups.values()), default=1)

    def fold(self, group: int, counts_b: ArrayLike, counts_c: ArrayLike) -> None:
        """Add counts by category, ints [..., k], under the applied weight `group`."""
        arms = [np.asarray(counts_b, np.int64), np.asarray(counts_c, np.int64)]
        self.fold_pair(group, np.stack(arms, axis=-2))

    def fold_pair(self, group: int, pair: Ints) -> None:
        """The same of both arms' counts, int64[..., 2, k]."""
        self._found = None
        held = self.groups.get(group)
        if held is None:
            held = np.zeros((*self.shape, 2, pair.shape[-1]), np.int64)
        k = max(held.shape[-1], pair.shape[-1])
        self.groups[group] = padded(held, k) + padded(pair, k)

    def merge(self, other: Self) -> None:
        """Add another state."""
        for group, counts in other.groups.items():
            self.fold(group, counts[..., 0, :], counts[..., 1, :])

    def shares(self) -> Shares:
        """P, Q of baseline and candidate [..., k], and 1/n of each (inf without data).

        Groups are weighted by n_b n_c / (n_b + n_c); a group with one arm empty has no weight.
        """
        if self._found is None:
            self._found = (self._shares(), None)
        return self._found[0]

    def _shares(self) -> Shares:
        k = self.categories
        mixes: Floats = np.zeros((*self.shape, 2, k))
        inverse: Floats = np.zeros((*self.shape, 2))
        total: Floats = np.zeros(self.shape)
        for group in sorted(self.groups):
            counts = padded(self.groups[group], k)
            n = counts.sum(axis=-1).astype(np.float64)
            weight = n.prod(axis=-1) / np.maximum(n.sum(axis=-1), 1.0)
            scaled = weight[..., None] / np.maximum(n, 1.0)
            mixes += scaled[..., None] * counts
            inverse += weight[..., None] * scaled
            total += weight
        scale = np.where(total > 0, total, 1.0)[..., None]
        inverse = np.where(total[..., None] > 0, inverse / scale**2, np.inf)
        mixes = mixes / scale[..., None]
        return mixes[..., 0, :], mixes[..., 1, :], inverse[..., 0], inverse[..., 1]

    def estimates(self) -> JsdEstimate:
        """Plug-in, corrected, standard error, n; the rest follows from these."""
        shares = self.shares()
        known = self._found and self._found[1]
        if known is None:
            known = jsd_estimate(*shares)
            self._found = (shares, known)
        return known

    def estimate(self) -> Floats:
        """Bias-corrected JSD in nats, at least 0; NaN while either arm is empty."""
        at = self.estimates()
        shown: Floats = np.where(np.isfinite(self.shares()[2]), np.maximum(at.corrected, 0), np.nan)
        return shown

    def interval(self, alpha_low: ArrayLike, alpha_high: ArrayLike) -> tuple[Floats, Floats]:
        """(corrected - h, plug-in + h) at the two one-sided alphas, within [0, log 2] nats."""
        at = self.estimates()
        low = at.corrected - one_sided_asymptotic_radius(at.se, at.n, alpha_low, N_OPT)
        high = at.plug_in + one_sided_asymptotic_radius(at.se, at.n, alpha_high, N_OPT)
        top = np.log(2.0)
        low, high = np.where(at.enough, low, 0.0), np.where(at.enough, high, top)
        return np.clip(low, 0.0, top), np.clip(high, 0.0, top)

    def harm_gap(self, alpha: ArrayLike) -> Floats:
        """Lower bound of the JSD: corrected - h; -inf before 50 exposures per arm."""
        at = self.estimates()
        gap = at.corrected - one_sided_asymptotic_radius(at.se, at.n, alpha, N_OPT)
        return np.where(at.enough, gap, -np.inf)

    def exceeds(self, threshold: ArrayLike) -> Bools:
        """Whether the plug-in JSD lies above `threshold` nats: without that nothing is harm."""
        p, q, _, _ = self.shares()
        result: Bools = jensen_shannon_divergence(p, q) > np.asarray(threshold)
        return result

    def is_harm(self, threshold: ArrayLike, alpha: ArrayLike) -> Bools:
        """Whether the JSD is shown to exceed `threshold` nats."""
        result: Bools = self.harm_gap(alpha) > np.asarray(threshold)
        return result

    def is_similar(self, threshold: ArrayLike, alpha: ArrayLike) -> Bools:
        """Whether the JSD is shown to be below `threshold` nats: plug-in + h < threshold."""
        at = self.estimates()
        high = at.plug_in + one_sided_asymptotic_radius(at.se, at.n, alpha, N_OPT)
        result: Bools = at.enough & (high < np.asarray(threshold))
        return result

    def log_e_harm(self, threshold: ArrayLike, alpha: ArrayLike) -> Floats:
        """Log of 1/alpha' of the sequence, sharpest at `alpha`, against JSD <= threshold.

        It reaches log 1/alpha exactly when `is_harm` does; 0 before 50 exposures per arm.
        Asymptotic, so of the kind of an e-value and no proven one.
        """
        at = self.estimates()
        return _log_e(at.corrected - np.asarray(threshold), at, alpha)

    def log_e_safe(self, threshold: ArrayLike, alpha: ArrayLike) -> Floats:
        """The same against JSD >= threshold: reaches log 1/alpha when `is_similar` does."""
        at = self.estimates()
        return _log_e(np.asarray(threshold) - at.plug_in, at, alpha)

    def to_state(self) -> list[dict[str, Any]]:
        """JSON: one entry per applied weight, ascending; counts packed."""
        return [
            {"group": group, "counts": packed(self.groups[group])} for group in sorted(self.groups)
        ]

    @classmethod
    def from_state(cls, state: Sequence[Mapping[str, Any]], shape: tuple[int, ...] = ()) -> Self:
        """Read what `to_state` wrote."""
        sums = cls(shape)
        for entry in state:
            sums.groups[entry["group"]] = unpacked_ints(entry["counts"])
        return sums


def padded(counts: Ints, k: int) -> Ints:
    """The same counts with zeros appended up to k categories."""
    spare = k - counts.shape[-1]
    if spare == 0:
        return counts
    return np.concatenate([counts, np.zeros((*counts.shape[:-1], spare), np.int64)], axis=-1)


def _log_e(distance: Floats, at: JsdEstimate, alpha: ArrayLike) -> Floats:
    log_e = one_sided_asymptotic_log_e(distance, at.se, at.n, alpha, N_OPT)
    return np.where(at.enough, log_e, 0.0)
