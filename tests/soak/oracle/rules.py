"""What counts? The rules of a source partition in plain words, one event at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from streams.spec.model import RolloutSpec

LONGEST_MS = 1e7
YEAR_2200_MS = 7_258_118_400_000
NEVER = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The deployment's settings, as far as they say what counts."""

    pane_ms: int
    lateness_ms: int
    future_ms: int
    largest: int
    """Bytes of an event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """From where to where a rollout counts on a source partition."""

    rollout: str
    spec_hash: str
    first_offset: int
    outcomes_offset: int
    from_pane: int
    until_offset: int | None = None


@dataclass(slots=True, kw_only=True)
class Watermark:
    """The clock of one partition: the highest event time so far, in log order."""

    rules: Rules
    highest_ms: int = NEVER

    def see(self, at_ms: int) -> None:
        """An event that is not from the future has come."""
        self.highest_ms = max(self.highest_ms, at_ms)

    @property
    def at_ms(self) -> int:
        """Older events are late."""
        return self.highest_ms - self.rules.lateness_ms

    @property
    def closed(self) -> int:
        """The last pane whose end the watermark has reached."""
        if self.highest_ms < 0:
            return NEVER
        return max(NEVER, self.at_ms // self.rules.pane_ms - 1)


@dataclass(slots=True, kw_only=True)
class Counters:
    """What became of the records of a partition."""

    accepted: int = 0
    late: int = 0
    dead: int = 0
    unknown: int = 0
    duplicates: int = 0
    invalid_scores: int = 0

    def told(self) -> dict[str, int]:
        """By the names that markers and progress use."""
        return {name: getattr(self, name) for name in self.__slots__}


def sensible(event: dict[str, Any]) -> bool:
    """Whether a decoded prediction can count at all."""
    latency = event["latency_ms"]
    return bool(
        event["service"]
        and event["model_version"]
        and event["request_id"]
        and 0 < event["completed_at"] < YEAR_2200_MS
        and math.isfinite(latency)
        and 0 <= latency <= LONGEST_MS
    )


def share(event: dict[str, Any], name: str) -> float | None:
    """A score or confidence that makes sense, else None."""
    value = event[name]
    return value if value is not None and 0 <= value <= 1 else None


def senseless_shares(event: dict[str, Any]) -> int:
    """How many scores and confidences were given and make no sense."""
    return sum(event[n] is not None and share(event, n) is None for n in ("score", "confidence"))


def slices(spec: RolloutSpec, event: dict[str, Any]) -> list[str]:
    """Every segment that a request of this rollout belongs to."""
    found = ["all"]
    said = event["segments"]
    for dimension in spec.segments:
        value = said.get(dimension.name)
        known = value if value in dimension.values else "other"
        found.append(f"{dimension.name}={known}")
    if spec.joint:
        found.append(",".join(found[1:]))
    return found


def targeted(spec: RolloutSpec, event: dict[str, Any]) -> bool:
    """Whether the rollout's targeting rules let it count."""
    return not spec.targeting or event["segments"].get("targeted") == "yes"


@dataclass(slots=True, kw_only=True)
class Repeats:
    """Requests that may still come again: by service, version and id, the latest event time."""

    seen: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def repeated(self, event: dict[str, Any], watermark_ms: int) -> bool:
        """Whether an event repeats one that the watermark has not passed; remembers it."""
        key = (event["service"], event["model_version"], event["request_id"])
        before = self.seen.get(key)
        at_ms = event["completed_at"]
        self.seen[key] = at_ms if before is None else max(before, at_ms)
        return before is not None and before >= watermark_ms
