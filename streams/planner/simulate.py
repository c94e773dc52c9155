"""When is harm found, and when is a good candidate shown to be one? Seeded streams side by side.

Panes are drawn one by one at first; later, when a stratum is a small part of all that was seen,
several at once: a stretch is at most a fiftieth of the time since the stage began.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Self

import numpy as np

from streams.evidence.budget import log_threshold
from streams.evidence.fixed import Bools, Floats
from streams.evidence.onset import start_block
from streams.evidence.strata import StratumSums, target_exposures
from streams.planner.facts import HORIZON_S, Behaviour, Leg, Traffic
from streams.planner.lanes import Lane, Question, open_lane
from streams.planner.requests import Requests
from streams.spec.metric_facts import Metric
from streams.spec.model import FULL_BP

GROWTH = 0.02
"""A stretch of panes is at most this share of the time since the stage began ..."""
STRATUM_PARTS = 4
"""... or the panes that fill a quarter of a stratum, whichever is more."""
FOR_GOOD = 3.0
"""So many times the log e-value that is needed, in every stream, does not go away again."""


class Canaries:
    """Many rollouts side by side: open strata and each metric's evidence."""

    def __init__(
        self,
        metrics: Sequence[Metric],
        question: Question,
        traffic: Traffic,
        streams: int,
        alpha_promote: float,
    ) -> None:
        self._metrics, self.traffic, self.streams = tuple(metrics), traffic, streams
        self._question, self._alpha_promote = question, alpha_promote
        self._panes = 0
        self._requests = Requests(metrics, traffic, streams)
        self.candidate_requests = np.zeros(streams, np.int64)
        self.enter()

    def enter(self) -> None:
        """Evidence starts afresh; what latency has learnt of the baseline stays."""
        args = self._question, self.streams, self._alpha_promote
        self.lanes: dict[str, Lane] = {m.name: open_lane(m, *args) for m in self._metrics}
        self._stratum = StratumSums.zeros(self._requests.columns, (self.streams,))
        self.candidate_requests = np.zeros(self.streams, np.int64)

    def advance(self, leg: Leg, panes: int, candidate: Behaviour, rng: np.random.Generator) -> None:
        """Let panes pass under a stage's weights; full strata are folded."""
        self._panes += panes
        weights = np.array([leg.baseline_bp, leg.candidate_bp]) / FULL_BP
        mean = self.traffic.rps * self.traffic.pane_s * panes * weights
        exposures = rng.poisson(mean, (self.streams, 2))
        self.candidate_requests += exposures[:, 1]
        self._stratum.add(self._requests.draw(exposures, candidate, rng))
        full = self._stratum.closes(leg.candidate_bp)
        if full.any():
            self._fold(full, leg.candidate_bp)

    def drop(self, name: str) -> None:
        """Leave a metric out from now on."""
        del self.lanes[name]
        self._requests.drop(name)

    def close(self, leg: Leg) -> None:
        """A weight change closes what is open."""
        self._fold(np.ones(self.streams, np.bool_), leg.candidate_bp)

    def _fold(self, full: Bools, weight_bp: int) -> None:
        counts = self._stratum.take(full)
        block = int(start_block((self._panes - 1) * self.traffic.pane_s))
        for name, lane in self.lanes.items():
            lane.fold(counts[..., self._requests.places[name]], full, weight_bp, block)


def stretches(leg: Leg, traffic: Traffic, seconds: float, stop_s: float = 0.0) -> Iterator[int]:
    """How many panes to draw at once until `seconds` are over; none goes across `stop_s`."""
    per_pane = traffic.rps * traffic.pane_s * (leg.baseline_bp + leg.candidate_bp) / FULL_BP
    needed = target_exposures(leg.candidate_bp) / STRATUM_PARTS / max(per_pane, 1e-9)
    first, end = max(1, math.floor(needed)), math.ceil(seconds / traffic.pane_s)
    stop, passed = math.ceil(stop_s / traffic.pane_s), 0
    while passed < end:
        until = stop if passed < stop else end
        panes = min(max(first, int(GROWTH * passed)), until - passed, end - passed)
        passed += panes
        yield panes


class Race:
    """When each metric's harm is found first, seconds [streams] since the race began."""

    def __init__(self, alpha_shares: Mapping[str, float], streams: int) -> None:
        self._limits = {name: log_threshold(share) for name, share in alpha_shares.items()}
        self._found = {name: np.full(streams, np.inf) for name in alpha_shares}

    def look(self, canaries: Canaries, now_s: float) -> bool:
        """Look at every metric; whether every stream's harm is found."""
        for name, found in self._found.items():
            crossed = canaries.lanes[name].log_e() >= self._limits[name]
            found[crossed & np.isinf(found)] = now_s
        return bool(np.isfinite(self.found_s).all())

    @property
    def found_s(self) -> Floats:
        """By whichever metric comes first."""
        earliest: Floats = np.min(list(self._found.values()), axis=0)
        return earliest

    @property
    def first(self) -> str:
        """The metric that comes first most often; empty if none ever does."""
        found = self.found_s
        wins = {
            n: int((f[np.isfinite(found)] == found[np.isfinite(found)]).sum())
            for n, f in self._found.items()
        }
        best = max(wins, key=lambda name: wins[name])
        return best if wins[best] else ""


def run_harm(
    canaries: Canaries,
    legs: Sequence[Leg],
    candidate: Behaviour,
    alpha_shares: Mapping[str, float],
    rng: np.random.Generator,
) -> Race:
    """Go through stages with a bad candidate; the last of them stays until harm is found."""
    race, now_s = Race(alpha_shares, canaries.streams), 0.0
    for leg in legs:
        limit_s = HORIZON_S if leg is legs[-1] else leg.lasts_s
        for panes in stretches(leg, canaries.traffic, limit_s, leg.lasts_s):
            canaries.advance(leg, panes, candidate, rng)
            now_s += panes * canaries.traffic.pane_s
            if race.look(canaries, now_s):
                return race
        canaries.close(leg)
    return race


def run_clean(
    canaries: Canaries, leg: Leg, seconds: float, candidate: Behaviour, rng: np.random.Generator
) -> None:
    """Let a stage pass with a good candidate."""
    for panes in stretches(leg, canaries.traffic, seconds):
        canaries.advance(leg, panes, candidate, rng)
    canaries.close(leg)


class Proof:
    """When each metric, and all of them at once, are shown harmless; seconds [streams]."""

    def __init__(self, names: Sequence[str], streams: int, alpha_promote: float) -> None:
        self._limit = log_threshold(alpha_promote)
        self.shown_s = {name: np.full(streams, np.inf) for name in names}
        self.all_s: Floats = np.full(streams, np.inf)
        self.settled = False
        """Whether nothing but time is missing, in every stream."""

    def look(self, canaries: Canaries, now_s: float, ready: Bools) -> bool:
        """Look at every metric; `ready` are the streams that lack nothing else."""
        together = np.ones(ready.shape, np.bool_)
        for name in tuple(canaries.lanes):
            shown, log_e = self.shown_s[name], canaries.lanes[name].log_e()
            safe = log_e >= self._limit
            shown[safe & np.isinf(shown)] = now_s
            together &= safe
            if log_e.min() >= FOR_GOOD * self._limit:
                canaries.drop(name)
        self.settled = bool(together.all())
        self.all_s[together & ready & np.isinf(self.all_s)] = now_s
        return bool(np.isfinite(self.all_s).all())

    @classmethod
    def of(cls, canaries: Canaries, alpha_promote: float) -> Self:
        """A proof of every metric of the canaries."""
        return cls(list(canaries.lanes), canaries.streams, alpha_promote)


def run_good(
    canaries: Canaries,
    leg: Leg,
    proof: Proof,
    least: tuple[float, float, int],
    candidate: Behaviour,
    rng: np.random.Generator,
) -> None:
    """A good candidate in the last stage; `least`: guard s, min time s, min exposures."""
    guard_s, min_time_s, min_exposures = least
    if guard_s > 0:
        run_clean(canaries, leg, guard_s, candidate, rng)
        canaries.enter()
    now_s = guard_s
    stop_s = max(0.0, min_time_s - guard_s)
    pane_s = canaries.traffic.pane_s
    for stretch in stretches(leg, canaries.traffic, HORIZON_S - guard_s, stop_s):
        rest = math.ceil((min_time_s - now_s) / pane_s)
        panes = max(stretch, rest) if proof.settled else stretch
        canaries.advance(leg, panes, candidate, rng)
        now_s += panes * pane_s
        ready = (canaries.candidate_requests >= min_exposures) & (now_s >= min_time_s)
        if proof.look(canaries, now_s, ready):
            return
