"""What goes wrong between a request and its count? Late errors, duplicates, users, rebalances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from streams.evidence.fixed import Bools, Floats, Ints
from streams.spec.model import FULL_BP
from tests.statistics.traffic import Canary

LONGEST = 200
"""Requests of the busiest user."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Disturbed:
    """A canary whose requests are counted otherwise than they were sent."""

    inner: Canary

    @property
    def streams(self) -> int:
        """How many."""
        return self.inner.streams

    @property
    def columns(self) -> int:
        """Exposures and errors."""
        return self.inner.columns

    @property
    def weight_bp(self) -> Ints:
        """The candidate's applied weight, [panes]."""
        return self.inner.weight_bp


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LateErrors(Disturbed):
    """Failed requests are counted `late_s` after they began, successful ones at once."""

    late_s: int = 30

    def counts(self) -> Iterator[Ints]:
        """Requests by the second in which they end."""
        under_way: list[Ints] = []
        for counts in self.inner.counts():
            errors = counts[..., 1]
            under_way.append(errors)
            ended = under_way.pop(0) if len(under_way) > self.late_s else np.zeros_like(errors)
            yield np.stack([counts[..., 0] - errors + ended, ended], axis=-1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Repeated(Disturbed):
    """A part of all requests is counted twice, and a part only some panes later."""

    twice: float = 0.01
    strayed: float = 0.05
    stray_s: int = 5

    def counts(self) -> Iterator[Ints]:
        """Requests by the second in which they are counted."""
        rng = np.random.default_rng(self.inner.seed + 1)
        later = [np.zeros((self.streams, 2, 2), np.int64) for _ in range(self.stray_s)]
        for counts in self.inner.counts():
            whole = self._outcomes(counts)
            whole += rng.binomial(whole, self.twice)
            strays = rng.binomial(whole, self.strayed)
            place = int(rng.integers(self.stray_s))
            later[place] += strays
            now = whole - strays + later.pop(0)
            later.append(np.zeros_like(now))
            yield np.stack([now.sum(axis=-1), now[..., 1]], axis=-1)

    @staticmethod
    def _outcomes(counts: Ints) -> Ints:
        """Successes and errors, int64[streams, 2, 2]."""
        return np.stack([counts[..., 0] - counts[..., 1], counts[..., 1]], axis=-1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Users:
    """Users send 1 to 200 requests, one a second, that fail together; the unit is the user.

    As `streams.evidence.units` counts: a user is exposed in every pane in which he sends while he
    has not erred, and errs once. His own error rate is drawn from a beta law with mean `rate` and
    intra-class correlation `icc`.
    """

    seed: int
    streams: int
    weight_bp: Ints
    users_s: float
    rate: float
    icc: float
    columns: int = 2

    def counts(self) -> Iterator[Ints]:
        """Users at risk, and those who err, by second."""
        rng, size = np.random.default_rng(self.seed), self.streams * 2
        due = np.zeros((LONGEST + 1, size), np.int64)
        leaving, at_risk = np.zeros_like(due), np.zeros(size, np.int64)
        for pane, weight_bp in enumerate(self.weight_bp):
            split = np.array([FULL_BP - weight_bp, weight_bp]) / FULL_BP
            arrivals = rng.poisson(self.users_s * split, (self.streams, 2)).ravel()
            owner, now = np.repeat(np.arange(size), arrivals), pane % (LONGEST + 1)
            stays, errs = self._lives(rng, owner.size)
            np.add.at(leaving, ((pane + stays) % (LONGEST + 1), owner), 1)
            last = (pane + stays[errs] - 1) % (LONGEST + 1)
            np.add.at(due, (last, owner[errs]), 1)
            at_risk += arrivals - leaving[now]
            counts = np.stack([at_risk, due[now]], axis=-1).reshape(self.streams, 2, 2)
            due[now] = leaving[now] = 0
            yield counts

    def _lives(self, rng: np.random.Generator, users: int) -> tuple[Ints, Bools]:
        """Seconds at risk of each user, and whether an error ends them."""
        spread = (1 - self.icc) / self.icc
        own: Floats = rng.beta(self.rate * spread, (1 - self.rate) * spread, users)
        first_error = rng.geometric(np.clip(own, 1e-9, 1.0))
        requests = np.floor(np.exp(rng.uniform(0, np.log(LONGEST + 1), users)))
        stays = np.minimum(first_error, requests).astype(np.int64)
        return stays, first_error <= requests
