"""Bundled real images, two real models that answer them, and what came of it, as two logs.

The images and labels are scikit-learn's `digits`; times are compressed. Among the events is all
that goes wrong: repeated, contradicting, stray, late and senseless outcomes, late predictions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

SERVICE = "digits"
CLASSES = tuple(map(str, range(10)))
UNSURE = "unsure"
"""What a model answers that will not decide: no class that a label could be."""
VERSIONS = ("v1", "v2")
Event = dict[str, Any]
Sent = tuple[float, str, Event]
"""When it is sent, in milliseconds of the world; topic; event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What one model says to every image that it was not trained with."""

    predicted: tuple[str, ...]
    confidence: tuple[float, ...]


@cache
def answered() -> tuple[tuple[str, ...], dict[str, Answers]]:
    """True classes of the images, and answers by version: neighbours, and a weaker naive Bayes."""
    images, labels = load_digits(return_X_y=True)
    seen, fresh, seen_labels, truth = train_test_split(
        images, labels, train_size=600, random_state=11, stratify=labels
    )
    models = (KNeighborsClassifier(3), GaussianNB())
    return tuple(map(str, truth.tolist())), {
        version: _answers(model.fit(seen, seen_labels).predict_proba(fresh))
        for version, model in zip(VERSIONS, models, strict=True)
    }


def _answers(shares: np.ndarray) -> Answers:
    best = shares.max(axis=1)
    predicted = np.where(best < 0.7, UNSURE, shares.argmax(axis=1).astype(str))
    return Answers(predicted=tuple(predicted.tolist()), confidence=tuple(best.tolist()))


@dataclass(kw_only=True)
class World:
    """Images are asked about again and again; each answer may have a label, a sale and a sum."""

    start_ms: int
    seconds: float = 60.0
    rate: float = 60.0
    seed: int = 3
    dice: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.dice = np.random.default_rng(self.seed)

    @property
    def end_ms(self) -> int:
        """Event time of the last prediction."""
        return self.start_ms + int(self.seconds * 1000)

    def log(self) -> list[Sent]:
        """All events in the order in which they are sent."""
        truth, answers = answered()
        times = np.sort(self.dice.uniform(0, self.seconds * 1000, int(self.seconds * self.rate)))
        sent: list[Sent] = []
        for number, at in enumerate(times.astype(int).tolist()):
            image, version = number % len(truth), VERSIONS[int(self.dice.integers(2))]
            event = self._prediction(number, self.start_ms + at, version)
            if event["status"] == "OK":
                event["predicted_class"] = answers[version].predicted[image]
                event["confidence"] = answers[version].confidence[image]
            sent += self._predictions(event)
            for outcome in self._outcomes(number, event, truth[image]):
                sent += self._ways(outcome)
        return sorted(sent, key=lambda each: each[0])

    def _chance(self, share: float) -> bool:
        return bool(self.dice.random() < share)

    def _prediction(self, number: int, at_ms: int, version: str) -> Event:
        return {
            "request_id": f"r{self.seed}-{number}",
            "service": SERVICE,
            "model_version": version,
            "completed_at": at_ms,
            "latency_ms": float(self.dice.lognormal(3.0, 0.4)),
            "status": "ERROR" if self._chance(0.01) else "OK",
            "predicted_class": None,
            "confidence": None,
        }

    def _predictions(self, event: Event) -> list[Sent]:
        """The prediction, sometimes late; sent twice, asked again later, or asked of both arms."""
        at_ms = event["completed_at"] + self.dice.exponential(60.0)
        if self._chance(0.01):
            at_ms += self.dice.uniform(1500, 6000)
        sent = [(at_ms, "predictions", event)]
        if self._chance(0.03):
            sent.append((at_ms + self.dice.exponential(150.0), "predictions", event))
        if self._chance(0.01):
            again = event | {"completed_at": event["completed_at"] + 2500}
            sent.append((at_ms + 2500, "predictions", again))
        if self._chance(0.01):
            other = VERSIONS[event["model_version"] == VERSIONS[0]]
            shadow = event | {"model_version": other, "predicted_class": "0"}
            sent.append((at_ms + 5, "predictions", shadow))
        return sent

    def _outcomes(self, number: int, event: Event, truth: str) -> list[Event]:
        right = event["predicted_class"] == truth
        sum_of = round(float(self.dice.lognormal(3.0, 0.8)), 4)
        said = []
        if self._chance(0.9):
            said.append(self._outcome(number, event, 3000.0, metric="label", label=truth))
        if self._chance(0.3 if right else 0.1):
            said.append(self._outcome(number, event, 2000.0, metric="sale", value=1.0))
            said.append(self._outcome(number, event, 2500.0, metric="revenue", value=sum_of))
        elif self._chance(0.2):
            said.append(self._outcome(number, event, 2000.0, metric="sale", value=0.0))
        return [self._spoilt(each) for each in said]

    def _outcome(self, number: int, event: Event, delay_ms: float, **said: Any) -> Event:
        delay = self.dice.exponential(delay_ms) - (1500 if self._chance(0.03) else 0)
        return {
            "outcome_id": f"{said['metric']}-{number}",
            "request_id": event["request_id"],
            "service": SERVICE,
            "occurred_at": event["completed_at"] + int(delay),
            "label": None,
            "value": None,
        } | said

    def _spoilt(self, outcome: Event) -> Event:
        """Most are as they should be."""
        kinds: list[Event] = [
            {},
            {"request_id": f"stray-{outcome['outcome_id']}"},
            {"label": "10"} if outcome["metric"] == "label" else {"value": -1.5},
            {"value": float("nan")},
            {"label": None, "value": 1.0}
            if outcome["metric"] == "label"
            else {"label": "7", "value": None},
            {"metric": ""},
            {"metric": "unheard-of"},
            {"service": "another"},
            {"occurred_at": outcome["occurred_at"] - 90_000},
        ]
        shares = [0.9, 0.02, 0.02, 0.01, 0.01, 0.01, 0.01, 0.01, 0.01]
        return outcome | kinds[int(self.dice.choice(len(kinds), p=shares))]

    def _ways(self, outcome: Event) -> list[Sent]:
        """Delivered once, or again, or again with a new id; sometimes another says otherwise."""
        at_ms = outcome["occurred_at"] + self.dice.exponential(300.0)
        if self._chance(0.03):
            at_ms += self.dice.uniform(5000, 40_000)
        sent = [(at_ms, "outcomes", outcome)]
        later = at_ms + self.dice.exponential(1500.0)
        if self._chance(0.04):
            sent.append((later, "outcomes", outcome))
        if self._chance(0.03):
            renamed = {"outcome_id": f"again-{outcome['outcome_id']}"}
            sent.append((later + 1, "outcomes", outcome | renamed))
        if self._chance(0.04):
            other = {"outcome_id": f"other-{outcome['outcome_id']}"} | _otherwise(outcome)
            sent.append((later + 2, "outcomes", outcome | other))
        return sent


def _otherwise(outcome: Event) -> Event:
    if outcome["label"] is not None:
        return {"label": "3" if outcome["label"] != "3" else "5"}
    return {"value": 1.0 - outcome["value"]} if outcome["metric"] == "sale" else {"value": 0.125}
