"""What do people make of an answer? Some time later they say the truth, and some buy.

They hear the answer through the proxy and know nothing of versions; what they say goes to
`outcomes` through the SDK, as a labelling job and a shop would send it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from typing import Any

from streams.publisher import Publisher

SERVICE = "digits"
REQUEST_ID = "x-request-id"  # Envoy gives every request one
LABEL, PURCHASE = "label", "purchase"
MEAN_DELAY_S = 0.4
LONGEST_DELAY_S = 1.8
BUYS, BUYS_ANYWAY = 0.5, 0.2
"""Chance to buy after a right answer with an offer, and after any other."""


class People:
    """Those who asked."""

    def __init__(self, publisher: Publisher, seed: int) -> None:
        self._publisher = publisher
        self._dice = random.Random(seed)

    def hear(self, request_id: str, answer: Mapping[str, Any], truth: int) -> None:
        """An answer has come; what follows from it comes when its time has come."""
        served = answer.get("digit") == str(truth) and "offer" in answer
        buys = self._dice.random() < (BUYS if served else BUYS_ANYWAY)
        loop = asyncio.get_running_loop()
        loop.call_later(self._delay_s(), self._label, request_id, truth)
        if buys:
            loop.call_later(self._delay_s(), self._purchase, request_id)

    def _delay_s(self) -> float:
        return min(self._dice.expovariate(1.0 / MEAN_DELAY_S), LONGEST_DELAY_S)

    def _label(self, request_id: str, truth: int) -> None:
        self._publisher.outcome(request_id=request_id, metric=LABEL, label=truth)

    def _purchase(self, request_id: str) -> None:
        self._publisher.outcome(request_id=request_id, metric=PURCHASE, value=1.0)
