"""What goes wrong between a request and its count? Late errors, duplicates, users, rebalances."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from streams.evidence.fixed import Floats, Ints
from streams.spec.model import FULL_BP
from tests.statistics.traffic import Canary


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LateErrors:
    """Failed requests are counted `late_s` after they began, successful ones at once."""

    inner: Canary
    late_s: int = 30

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

    def counts(self) -> Iterator[Ints]:
        """Requests by the second in which they end."""
        under_way: list[Ints] = []
        for counts in self.inner.counts():
            errors = counts[..., 1]
            under_way.append(errors)
            ended = under_way.pop(0) if len(under_way) > self.late_s else np.zeros_like(errors)
            yield np.stack([counts[..., 0] - errors + ended, ended], axis=-1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Repeated:
    """A part of all requests is counted twice, and a part only some panes later."""

    inner: Canary
    twice: float = 0.01
    strayed: float = 0.05
    stray_s: int = 5

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

    A user is an exposure in his first pane and an event in the pane of his first error. His own
    error rate is drawn from a beta law with mean `rate` and intra-class correlation `icc`.
    """

    seed: int
    streams: int
    weight_bp: Ints
    users_s: float
    rate: float
    icc: float
    columns: int = 2

    def counts(self) -> Iterator[Ints]:
        """Users by second."""
        rng = np.random.default_rng(self.seed)
        due = np.zeros((200, self.streams * 2), np.int64)
        for pane, weight_bp in enumerate(self.weight_bp):
            split = np.array([FULL_BP - weight_bp, weight_bp]) / FULL_BP
            arrivals = rng.poisson(self.users_s * split, (self.streams, 2))
            owner = np.repeat(np.arange(self.streams * 2), arrivals.ravel())
            wait = self._first_error(rng, owner.size)
            fails = wait < due.shape[0]
            np.add.at(due, ((pane + wait[fails]) % due.shape[0], owner[fails]), 1)
            now = due[pane % due.shape[0]].copy()
            due[pane % due.shape[0]] = 0
            yield np.stack([arrivals, now.reshape(self.streams, 2)], axis=-1)

    def _first_error(self, rng: np.random.Generator, users: int) -> Ints:
        """Seconds from a user's first request to his first error; 200 and more: none."""
        spread = (1 - self.icc) / self.icc
        own: Floats = rng.beta(self.rate * spread, (1 - self.rate) * spread, users)
        wait = rng.geometric(np.clip(own, 1e-9, 1.0)) - 1
        requests = np.floor(np.exp(rng.uniform(0, np.log(201), users)))
        return np.where(wait < requests, np.minimum(wait, 200), 200).astype(np.int64)
