"""What does the log hold of a rollout, read once? Panes are folded as they come, never held."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from streams import figures
from streams.audit.facts import AuditLog
from streams.audit.gather import audit_log_of, is_of
from streams.errors import LogError
from streams.replay.records import StoredRecord, Trail, trail_of
from streams.report.seen import Seen, seen_in
from streams.wire.signatures import TrustedKeys

Read = Callable[[str], Iterable[StoredRecord]]
"""Reads one partition of a topic, named without prefix, in the order of its offsets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """All that a report follows from."""

    trail: Trail
    """Without panes."""
    log: AuditLog
    signed: bool
    """Whether keys were at hand that vouch for decisions."""
    seen: Seen


def gather(rollout: str, read: Read, trusted: TrustedKeys | None) -> Recorded:
    """Read a rollout's records.

    Raises:
        LogError: there is nothing of it, no decision yet, or no spec; or records cannot be read.
    """
    kept: dict[str, tuple[StoredRecord, ...]] = {}

    def once(topic: str) -> tuple[StoredRecord, ...]:
        kept[topic] = tuple(stored for stored in read(topic) if is_of(rollout, stored))
        return kept[topic]

    log = audit_log_of(rollout, once, trusted)
    _check(log)
    trail = trail_of(rollout, lambda topic: kept.get(topic, ()))
    panes = (stored.record for stored in read("panes"))
    decisions = [recorded.decision for recorded in trail.decisions]
    return Recorded(
        trail=trail,
        log=log,
        signed=trusted is not None,
        seen=seen_in(trail.spec, panes, decisions),
    )


def _check(log: AuditLog) -> None:
    if log.decisions:
        return
    if log.unusable:
        raise LogError(
            f"none of the {len(log.unusable)} decisions of rollout `{log.rollout}` can be read "
            f"({log.unusable[0]}); `davy audit verify {log.rollout}` tells all that is wrong"
        )
    if not log.rollouts:
        raise LogError(
            f"there is nothing of rollout `{log.rollout}`; `davy rollout list` shows all"
        )
    applied = log.rollouts[-1]
    raise LogError(
        f"rollout `{log.rollout}` was applied by {applied.record['applied_by'] or 'somebody'} at "
        f"{figures.moment(applied.at_ms)}, and nothing was decided yet; "
        "is `davy worker` running, and do events arrive?"
    )
