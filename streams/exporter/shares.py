"""What share of its limit did a pod use between two readings? Pure; times are arguments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from streams.exporter.pages import Reading
from streams.wire.resource_columns import MAX_INTERVAL_MS, MAX_SHARE


@dataclass(frozen=True, slots=True, kw_only=True)
class Whose:
    """Which service and version a pod belongs to, and what it may use where no page tells."""

    service: str
    patterns: tuple[tuple[str, str], ...] = ()
    """Pod name pattern -> model version, the first that fits; with a `/`: `namespace/pod`."""
    cpu_limit: float | None = None
    """Cores."""
    memory_limit: float | None = None
    """Bytes."""

    def version(self, pod: str, otherwise: str) -> str:
        """Model version of a pod, or the target's own; empty where nobody says."""
        name = pod.rpartition("/")[2]
        found = (
            version
            for pattern, version in self.patterns
            if fnmatchcase(pod if "/" in pattern else name, pattern)
        )
        return next(found, otherwise)

    def limited(self, reading: Reading) -> Reading:
        """The reading with limits filled in."""
        return replace(
            reading,
            cpu_limit=reading.cpu_limit or self.cpu_limit,
            memory_limit=reading.memory_limit or self.memory_limit,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A reading and when it was taken."""

    reading: Reading
    at_s: float
    """By a clock that only goes forward."""


def shares(before: Seen | None, now: Seen) -> dict[str, float | int] | None:
    """Shares by resource, and `interval_ms`; None where the two tell nothing together.

    A counter that fell began again at 0, as Prometheus' own `increase` has it. A share above
    MAX_SHARE cannot be (a limit that changed, a page of another pod): it is left out.
    """
    if before is None:
        return None
    interval_ms = round((now.at_s - before.at_s) * 1000)
    if not 1 <= interval_ms <= MAX_INTERVAL_MS:
        return None
    told = {
        "cpu": _ratio(_used_s(before.reading.cpu_s, now.reading.cpu_s), _capacity_s(now, before)),
        "memory": _ratio(now.reading.memory, now.reading.memory_limit),
        "gpu": now.reading.gpu,
    }
    known: dict[str, float | int] = {
        name: share for name, share in told.items() if share is not None and share <= MAX_SHARE
    }
    return known | {"interval_ms": interval_ms} if known else None


def _used_s(before: float | None, now: float | None) -> float | None:
    if before is None or now is None:
        return None
    return now - before if now >= before else now


def _capacity_s(now: Seen, before: Seen) -> float | None:
    limit = now.reading.cpu_limit
    return None if limit is None else limit * (now.at_s - before.at_s)


def _ratio(part: float | None, whole: float | None) -> float | None:
    return part / whole if part is not None and whole else None


def sample_of(
    pod: str, whose: Whose, version: str, sampled_ms: int, told: dict[str, float | int]
) -> dict[str, Any]:
    """The Avro record `davy.ResourceSample`."""
    absent: dict[str, Any] = dict.fromkeys(("cpu", "memory", "gpu"))
    about = {"pod": pod, "service": whose.service, "model_version": version}
    return absent | about | {"sampled_at": sampled_ms} | told
