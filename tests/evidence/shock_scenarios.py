"""How does the world misbehave? Series that are correlated in time, users that fail together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from streams.evidence.fixed import Floats, Ints


def autoregressive(
    rng: np.random.Generator, steps: int, rho: float, streams: int
) -> Iterator[Floats]:
    """AR(1) values [streams] of unit variance, step by step, begun in equilibrium."""
    value = rng.normal(size=streams)
    for _ in range(steps):
        yield value
        value = rho * value + np.sqrt(1 - rho**2) * rng.normal(size=streams)


def block_means(seed: int, rho: float, block: int, hours: int, streams: int) -> Iterator[Floats]:
    """Means over blocks of minutes of an AR(1) difference of two arms, [streams] each."""
    minutes = autoregressive(np.random.default_rng(seed), hours * 60, rho, streams)
    for _ in range(hours * 60 // block):
        yield np.mean([next(minutes) for _ in range(block)], axis=0)


@dataclass(frozen=True, kw_only=True)
class ArmShocks:
    """Event rates that move on a log scale, AR(1), in one arm at a time: no arm is worse."""

    seed: int
    streams: int
    correlation_s: float
    deviation: float
    rps: float
    """Requests per second and arm."""
    rate: float
    hours: float = 4.0
    step_s: int = 10

    def _rates(self, rng: np.random.Generator, steps: int) -> Iterator[Floats]:
        rho = float(np.exp(-self.step_s / self.correlation_s))
        for value in autoregressive(rng, steps, rho, self.streams):
            yield self.rate * np.exp(self.deviation * value - self.deviation**2 / 2)

    def baseline_blocks(self, blocks: int, block_s: int) -> tuple[Ints, Ints]:
        """Events and exposures of a baseline warm-up, [streams, blocks]."""
        rng, per = np.random.default_rng(self.seed + 1), block_s // self.step_s
        rates = self._rates(rng, blocks * per)
        exposures = np.full((self.streams, blocks), int(self.rps * block_s))
        requests = self.rps * self.step_s
        columns = [
            sum(rng.poisson(requests * next(rates)) for _ in range(per)) for _ in range(blocks)
        ]
        return np.stack(columns, axis=-1), exposures

    def strata(self) -> Iterator[tuple[Ints, Ints, Ints, Ints]]:
        """n_b, n_c, x_b, x_c of the steps, [streams] each."""
        rng, steps = np.random.default_rng(self.seed), int(self.hours * 3_600 / self.step_s)
        for rate_b, rate_c in zip(self._rates(rng, steps), self._rates(rng, steps), strict=True):
            n_b, n_c = rng.poisson(self.rps * self.step_s, (2, self.streams))
            x_b, x_c = rng.poisson(n_b * rate_b), rng.poisson(n_c * rate_c)
            yield n_b, n_c, np.minimum(x_b, n_b), np.minimum(x_c, n_c)


@dataclass(frozen=True, kw_only=True)
class Users:
    """Requests of users of 1 to 200 requests, each user with a rate of his own (beta)."""

    seed: int
    users: int
    """Per arm."""
    rate: float
    icc: float
    """Correlation of two requests of one user."""
    batches: int

    def requests(self) -> Iterator[tuple[tuple[Ints, Ints], tuple[Ints, Ints]]]:
        """Per batch (units, errors) of the baseline and of the candidate."""
        rng = np.random.default_rng(self.seed)
        arms = [self._arm(rng, first=0), self._arm(rng, first=self.users)]
        for batch in range(self.batches):
            yield tuple(
                (units[when == batch], failed[when == batch]) for units, failed, when in arms
            )

    def _arm(self, rng: np.random.Generator, first: int) -> tuple[Ints, Ints, Ints]:
        """Users come at any time and stay for a twentieth of it."""
        requests = rng.integers(1, 201, self.users)
        pool = 1.0 / self.icc - 1.0
        rates = rng.beta(self.rate * pool, (1 - self.rate) * pool, self.users)
        user = np.repeat(np.arange(self.users), requests)
        failed = (rng.random(user.size) < rates[user]).astype(int)
        start = rng.random(self.users) * 0.95
        at = start[user] + 0.05 * rng.random(user.size)
        return first + user, failed, (at * self.batches).astype(int)
