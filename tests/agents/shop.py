"""A shop: requests of two arms on a ramp, and sales that come later, in the world's time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from streams.spec.metric_facts import Harm, Metric, MetricKind
from streams.spec.model import RolloutSpec, Stage
from streams.spec.outcome_facts import Outcome, OutcomeKind
from tests.agents.pipeline import spec

MEAN_DELAY_S = 5.0
SALE = Outcome(name="sale", kind=OutcomeKind.RATE, window_s=4 * MEAN_DELAY_S, delivery_s=2.0)
FEWER = Metric(name="sale", kind=MetricKind.RATE, margin=0.02, harm=Harm.LESS, outcome="sale")
HALF = (Stage(weight_bp=5000, min_time_s=3600), Stage(weight_bp=10_000))
"""No more than half: only harm ends the rollout."""
Sent = tuple[int, str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Shop:
    """One service; equal arms, unless a test says otherwise."""

    seed: int
    seconds: float = 180.0
    rate: float = 20.0
    ramp: tuple[tuple[float, float], ...] = ((0.0, 0.5),)
    """From which second on the candidate has which share."""
    sales: tuple[float, float] = (0.3, 0.3)
    """Share of the requests that end in a sale, of the baseline and of the candidate."""
    delays_s: tuple[float, float] = (MEAN_DELAY_S, MEAN_DELAY_S)
    """Mean of the exponential delay."""

    @property
    def service(self) -> str:
        """Its name, and that of its rollout."""
        return f"shop-{self.seed}"

    @property
    def rollout(self) -> RolloutSpec:
        """Watched by its sales alone."""
        return spec(
            self.service,
            service=self.service,
            metrics=(FEWER,),
            outcomes=(SALE,),
            stages=HALF,
            report_every_s=5.0,
        )

    def weights(self, start_ms: int) -> Iterator[tuple[int, int, int]]:
        """Number, candidate's weight in basis points, and since when, step by step."""
        for number, (since_s, share) in enumerate(self.ramp):
            yield number, round(share * 10_000), start_ms + int(since_s * 1000)

    def log(self, start_ms: int) -> Iterator[Sent]:
        """Time, topic and event; sales rise and fall by a third, for both arms alike."""
        dice = np.random.default_rng(self.seed)
        count = int(self.seconds * self.rate)
        at_s = np.sort(dice.uniform(0, self.seconds, count))
        since, shares = np.array(self.ramp).T
        arm = (dice.random(count) < shares[np.searchsorted(since, at_s, side="right") - 1]) * 1
        moving = 1 + np.sin(2 * np.pi * at_s / 120) / 3
        sold = dice.random(count) < np.array(self.sales)[arm] * moving
        sold_s = at_s + dice.exponential(np.array(self.delays_s)[arm])
        requests_ms = start_ms + (at_s * 1000).astype(int)
        sales_ms = start_ms + (sold_s * 1000).astype(int)
        for number in range(count):
            request = f"{self.service}-{number}"
            at_ms, sale_ms = int(requests_ms[number]), int(sales_ms[number])
            yield at_ms, "predictions", self._request(request, at_ms, int(arm[number]))
            if sold[number]:
                yield sale_ms, "outcomes", self._sale(request, sale_ms)

    def _request(self, request: str, at_ms: int, arm: int) -> dict[str, Any]:
        return {
            "request_id": request,
            "service": self.service,
            "model_version": ("v1", "v2")[arm],
            "completed_at": at_ms,
            "latency_ms": 20.0,
            "status": "OK",
        }

    def _sale(self, request: str, at_ms: int) -> dict[str, Any]:
        return {
            "outcome_id": f"sale-{request}",
            "request_id": request,
            "service": self.service,
            "occurred_at": at_ms,
            "metric": "sale",
            "value": 1.0,
        }
