"""Which events does the generator make up? Pure: dice and times come from outside.

Each request's id says who published it and as which of his: `p1-000042`.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.soak.rollouts import BASELINE, CANDIDATE, CLASSES, SERVICE

FUTURE_MS = 120_000
"""Further ahead of the broker's clock than is tolerated."""
LATE_MS = (2_000, 6_000)
DELAY_MS = 350
"""Longest time from an answer to its publication: less than the allowed lateness."""


class Odd(StrEnum):
    """What may be wrong with an event."""

    LATE = "late"
    REPEATED = "repeated"
    FUTURE = "future"
    UNKNOWN = "unknown"
    UNREADABLE = "unreadable"
    SENSELESS = "senseless"


SHARES = {
    Odd.LATE: 0.01,
    Odd.REPEATED: 0.01,
    Odd.FUTURE: 0.001,
    Odd.UNKNOWN: 0.01,
    Odd.UNREADABLE: 0.002,
    Odd.SENSELESS: 0.002,
}
SENSELESS = (
    {"latency_ms": float("nan")},
    {"latency_ms": float("inf")},
    {"latency_ms": -1.0},
    {"latency_ms": 1e308},
    {"score": float("nan")},
    {"score": 1e308},
    {"confidence": -0.5},
    {"service": ""},
    {"completed_at": -5},
)
"""What each of these changes; some make the event unusable, others one of its numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An event to publish."""

    topic: str
    key: str
    record: dict[str, Any]
    broken: bool = False
    """Published with its last bytes cut off."""
    again: bool = False
    """It was published before."""


@dataclass(slots=True, kw_only=True)
class Requests:
    """Made-up requests of one service."""

    dice: random.Random
    producers: int
    oddities: float = 1.0
    copies: bool = False
    """Whether candidates get copies instead of a share (shadow mode)."""
    labels: bool = False
    _next: list[int] = field(default_factory=list)
    _recent: deque[Made] = field(default_factory=lambda: deque(maxlen=400))

    def __post_init__(self) -> None:
        self._next = [0] * self.producers

    def request(self, now_ms: int, share: float) -> Iterator[tuple[int, Made]]:
        """One request: what is published of it, each with the time when it is due."""
        odd = self._odd()
        if odd is Odd.REPEATED and self._recent:
            again = self.dice.choice(self._recent)
            yield now_ms, Made(topic=again.topic, key=again.key, record=again.record, again=True)
            return
        chosen = self.dice.random() < share
        event = self._answer(now_ms, CANDIDATE if chosen and not self.copies else BASELINE)
        made = self._odder(event, odd, now_ms)
        if odd is None:
            self._recent.append(made)
        yield now_ms, made
        if self.copies and chosen:
            after_ms = self.dice.randrange(1, 600)
            copy = self._answer(now_ms + after_ms, CANDIDATE) | {"request_id": event["request_id"]}
            yield now_ms + after_ms, Made(topic="predictions", key=made.key, record=copy)
        if self.labels:
            yield from self._outcomes(event, now_ms)

    def _odd(self) -> Odd | None:
        drawn = self.dice.random()
        for odd, share in SHARES.items():
            drawn -= share * self.oddities
            if drawn < 0:
                return odd
        return None

    def _answer(self, now_ms: int, version: str) -> dict[str, Any]:
        dice = self.dice
        producer = dice.randrange(self.producers)
        number, self._next[producer] = self._next[producer], self._next[producer] + 1
        status = dice.choices(("OK", "ERROR", "TIMEOUT"), (0.97, 0.02, 0.01))[0]
        answered = status == "OK"
        tier = dice.choice(("free", "pro", "trial", None))
        return {
            "request_id": f"p{producer}-{number:06d}",
            "unit": None,
            "service": SERVICE,
            "model_version": version,
            "completed_at": now_ms - int(dice.random() ** 3 * DELAY_MS),
            "latency_ms": dice.lognormvariate(3.0, 0.4),
            "status": status,
            "predicted_class": self._class() if answered else None,
            "score": dice.random() if answered else None,
            "confidence": self._confidence() if answered else None,
            "segments": {} if tier is None else {"tier": tier},
            "llm": None,
        }

    def _confidence(self) -> float | None:
        """None beside labels: the join keeps it in so many levels as it has room for."""
        return self.dice.random() if not self.labels and self.dice.random() < 0.5 else None

    def _class(self) -> str:
        rare = self.dice.random() < 0.01
        return f"rare-{self.dice.randrange(6)}" if rare else self.dice.choice(CLASSES)

    def _odder(self, event: dict[str, Any], odd: Odd | None, now_ms: int) -> Made:
        match odd:
            case Odd.LATE:
                event["completed_at"] = now_ms - self.dice.randrange(*LATE_MS)
            case Odd.FUTURE:
                event["completed_at"] = now_ms + FUTURE_MS
            case Odd.UNKNOWN:
                other = {"model_version": f"v{self.dice.randrange(10, 99)}"}
                event |= self.dice.choice((other, {"service": "another"}))
            case Odd.SENSELESS:
                event |= self.dice.choice(SENSELESS)
            case _:
                pass
        broken = odd is Odd.UNREADABLE
        key = event["request_id"]
        return Made(topic="predictions", key=key, record=event, broken=broken)

    def _outcomes(self, event: dict[str, Any], now_ms: int) -> Iterator[tuple[int, Made]]:
        for metric, share in (("label", 0.7), ("bought", 0.2), ("paid", 0.2)):
            if self.dice.random() < share:
                yield from self._outcome(event, metric, now_ms)

    def _outcome(
        self, event: dict[str, Any], metric: str, now_ms: int
    ) -> Iterator[tuple[int, Made]]:
        dice = self.dice
        at_ms = now_ms + int(min(dice.expovariate(1 / 600), 4_000))
        guess = event["predicted_class"]
        right = guess in CLASSES and dice.random() < 0.9
        label = (
            (guess if right else dice.choice((*CLASSES, "unheard"))) if metric == "label" else None
        )
        value = {"label": None, "bought": 1.0}.get(metric, round(dice.lognormvariate(2, 1), 2))
        record = {
            "outcome_id": f"{metric}-{event['request_id']}",
            "request_id": event["request_id"],
            "unit": None,
            "service": event["service"],
            "occurred_at": at_ms,
            "metric": metric,
            "label": label,
            "value": value,
        }
        due_ms = at_ms + dice.randrange(1, 400)
        made = Made(topic="outcomes", key=event["request_id"], record=record)
        yield due_ms, made
        if dice.random() < 0.02 * self.oddities:
            yield due_ms + 50, Made(topic=made.topic, key=made.key, record=record, again=True)
        if dice.random() < 0.01 * self.oddities and metric == "label":
            other = record | {"outcome_id": f"x-{event['request_id']}", "label": CLASSES[0]}
            yield due_ms + 90, Made(topic=made.topic, key=made.key, record=other)
