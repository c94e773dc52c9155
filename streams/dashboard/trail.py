"""Who did what to a rollout, when and why? Entries in the order of the clock of who wrote them."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator

from streams.actuator.ports import Segments
from streams.dashboard.answers.story import AuditEntry, Did
from streams.dashboard.shares import words
from streams.dashboard.told import FullCommand, FullDecision, FullRouting, FullSpec
from streams.judge.facts import RoutingPhase
from streams.spec.model import RolloutSpec

MOST = 2000
SOMEBODY = "somebody"


class Trail:
    """The audit trail of one rollout."""

    def __init__(self) -> None:
        self._entries: list[AuditEntry] = []
        self._count = 0
        self._seen: tuple[Segments, str] = ({}, "")
        """Weights and reason of the last look at the target."""

    def add(self, entry: AuditEntry) -> None:
        """Put an entry in its place; the oldest is forgotten."""
        self._count += 1
        numbered = entry.model_copy(update={"number": self._count})
        insort(self._entries, numbered, key=lambda each: (each.at_s, each.number))
        del self._entries[:-MOST]

    def newest_first(self) -> Iterator[AuditEntry]:
        """What is remembered."""
        return reversed(self._entries)

    @property
    def forgotten(self) -> int:
        """How many were added and are not remembered."""
        return self._count - len(self._entries)

    def route(self, record: FullRouting) -> None:
        """Touches of the target, and looks at it that say something new."""
        if record.phase is RoutingPhase.INTENT:
            return
        weights, reason = self._seen
        moved, said = record.applied_bp != weights, record.reason not in {"", reason}
        self._seen = record.applied_bp, record.reason
        if record.phase is not RoutingPhase.OBSERVED or moved or said:
            self.add(_routed(record))


def applied(record: FullSpec, spec: RolloutSpec) -> AuditEntry:
    """A person applied the spec."""
    versions = ", ".join(candidate.version for candidate in spec.candidates)
    return _entry(
        record.at_ms,
        Did.APPLIED,
        record.applied_by or SOMEBODY,
        "applied the rollout",
        f"{spec.service}: {spec.baseline} -> {versions}, spec {spec.spec_hash[:8]}",
        record.where,
    )


def decided(fact: FullDecision) -> AuditEntry:
    """The judge turned."""
    code, _, sentence = fact.reason.partition(": ")
    what = f"#{fact.seq} {fact.action}: {words(fact.weights_bp)}"
    return _entry(fact.at_ms, Did.DECIDED, "judge", what, sentence or code, fact.where)


def doubted(fact: FullDecision, why: str) -> AuditEntry:
    """A decision that is not believed."""
    what = f"#{fact.seq} {fact.action} is not believed"
    return _entry(fact.at_ms, Did.DOUBTED, "unknown", what, why, fact.where)


def commanded(command: FullCommand) -> AuditEntry:
    """A person said something."""
    of = "" if command.stage is None else f" stage {command.stage}"
    actor = command.actor or SOMEBODY
    what = f"{command.kind}{of}"
    return _entry(command.at_ms, Did.COMMANDED, actor, what, command.reason, command.where)


def _routed(record: FullRouting) -> AuditEntry:
    what = f"#{record.fence} {record.phase}: {words(record.applied_bp) or 'nothing known'}"
    actor = f"actuator ({record.router})"
    return _entry(record.at, Did.ROUTED, actor, what, record.reason, record.where)


def _entry(at_ms: int, did: Did, actor: str, what: str, reason: str, where: str) -> AuditEntry:
    return AuditEntry(
        number=0, at_s=at_ms / 1000, did=did, actor=actor, what=what, reason=reason, where=where
    )
