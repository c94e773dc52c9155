"""What is audited, and what can be found? Facts only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from streams.replay.records import StoredRecord
from streams.wire.signatures import Doubted


class Gap(StrEnum):
    """What is wrong with a rollout's record; codes that do not change."""

    # Of one decision:
    UNREADABLE = "unreadable"
    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown_key"
    BAD_SIGNATURE = "bad_signature"
    WRONG_ID = "wrong_id"
    # Of the chain:
    DROPPED = "dropped"
    SWAPPED = "swapped"
    DOUBLED = "doubled"
    FORKED = "forked"
    ALTERED = "altered"
    AFTER_END = "after_end"
    OTHER_SPEC = "other_spec"
    NO_SPEC = "no_spec"
    # Of its end:
    TRUNCATED = "truncated"
    BEYOND_STATE = "beyond_state"
    NO_STATE = "no_state"
    # Of what was done:
    NO_DECISION = "no_decision"
    RAISED_BEYOND = "raised_beyond"
    RAISED_EARLY = "raised_early"
    FENCE_BACK = "fence_back"
    NO_ACTOR = "no_actor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One gap, where it is, and what it means."""

    gap: Gap
    place: str
    """topic-partition@offset, the topic named without prefix."""
    sentence: str

    def __str__(self) -> str:
        return f"{self.place}: {self.gap}: {self.sentence}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """A decision as it stands in the log, and whether anybody vouches for it."""

    place: str
    offset: int
    at_ms: int
    record: Mapping[str, Any]
    body_hash: str
    """SHA-256 of its Avro body, hex: what the next one must name."""
    doubted: Doubted | None = None
    """Why no trusted key vouches for it; None where one does, or where none is known."""

    @property
    def seq(self) -> int:
        """Its number in the chain."""
        return int(self.record["seq"])


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLog:
    """All that the log holds of one rollout, in the order of offsets."""

    rollout: str
    decisions: tuple[Audited, ...]
    unusable: tuple[Finding, ...]
    """Decisions that cannot even be looked at."""
    routing: tuple[StoredRecord, ...]
    commands: tuple[StoredRecord, ...]
    rollouts: tuple[StoredRecord, ...]
    state: StoredRecord | None
    """The newest of `judge-state` before decisions were read: they hold all that it knows."""
    state_after: StoredRecord | None
    """The same after they were read: it knows all that they hold, while the judge goes on."""


def place_of(topic: str, stored: StoredRecord) -> str:
    """Where a record stands."""
    return f"{topic}-{stored.partition}@{stored.offset}"
