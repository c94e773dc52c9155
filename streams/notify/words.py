"""How is a transition told to people, and to programs?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, assert_never

from streams.notify.facts import Notice
from streams.notify_settings import Severity, Transition
from streams.spec.formats import format_weight

LONGEST = 2000
"""Characters of a sentence that a chat shows."""


def title(notice: Notice) -> str:
    """One line: what happened to which rollout."""
    return f"{notice.subject.rollout}: {_happened(notice)}"


def sentence(notice: Notice) -> str:
    """Why, as davy says it; cut where it would fill a screen."""
    text = notice.sentence or notice.code
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."


def facts(notice: Notice) -> Iterator[tuple[str, str]]:
    """What a person looks at next: label and value."""
    subject = notice.subject
    if subject.service:
        versions = ", ".join(subject.candidates.values())
        yield "service", f"{subject.service} ({subject.baseline} -> {versions})"
    if notice.stage >= 0 and subject.stages:
        yield "stage", f"{notice.stage + 1} of {subject.stages}"
    if notice.shares_bp:
        shares = notice.shares_bp.items()
        yield "share", ", ".join(f"{arm} {format_weight(share)}" for arm, share in shares)
    if notice.seq:
        yield "decision", f"#{notice.seq} {notice.decision_id}"
    if notice.actor:
        yield "asked by", notice.actor


def moment(at_ms: int) -> str:
    """A time as RFC 3339, in UTC.

    >>> moment(1700000000123)
    '2023-11-14T22:13:20.123Z'
    """
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_record(notice: Notice) -> dict[str, Any]:
    """The whole notice for programs: what `webhook` sends, and what templates can name."""
    subject = notice.subject
    return {
        "type": f"davy.rollout.{notice.transition}",
        "timestamp": moment(notice.at_ms),
        "data": {
            "key": notice.key,
            "transition": str(notice.transition),
            "severity": str(notice.severity),
            "ended": str(notice.ended) if notice.ended else None,
            "outcome": str(notice.outcome) if notice.outcome else None,
            "title": title(notice),
            "code": notice.code,
            "sentence": notice.sentence,
            "rollout": subject.rollout,
            "service": subject.service,
            "route": subject.route,
            "baseline": subject.baseline,
            "candidates": dict(subject.candidates),
            "winner": notice.winner,
            "spec_hash": subject.spec_hash,
            "decision_id": notice.decision_id,
            "seq": notice.seq,
            "stage": notice.stage,
            "stages": subject.stages,
            "weights_bp": {name: dict(arms) for name, arms in notice.weights_bp.items()},
            "actor": notice.actor,
            "place": str(notice.place),
        },
    }


def symbol(severity: Severity) -> str:
    """What a chat puts before the line."""
    match severity:
        case Severity.INFO:
            return "\N{INFORMATION SOURCE}\N{VARIATION SELECTOR-16}"
        case Severity.WARNING:
            return "\N{WARNING SIGN}\N{VARIATION SELECTOR-16}"
        case Severity.CRITICAL:
            return "\N{POLICE CARS REVOLVING LIGHT}"
        case _:
            assert_never(severity)


def _happened(notice: Notice) -> str:
    if notice.transition is Transition.RECOVERED and notice.ended is not None:
        return f"no longer {_PHRASES[notice.ended]}"
    if notice.transition is Transition.STAGE_ADVANCED:
        return f"stage {notice.stage + 1} has begun"
    if notice.transition is Transition.PROMOTED and notice.winner:
        return f"{notice.winner} is promoted"
    return _PHRASES[notice.transition]


_PHRASES = {
    Transition.STARTED: "started",
    Transition.STAGE_ADVANCED: "in its next stage",
    Transition.HELD: "held",
    Transition.INVALID: "without verdicts that can be trusted",
    Transition.SILENT: "without traffic in an arm",
    Transition.APPROVAL_NEEDED: "waiting for an approval",
    Transition.DRIFTED: "on a baseline that changed",
    Transition.RECOVERED: "well again",
    Transition.PROMOTED: "promoted",
    Transition.ROLLED_BACK: "rolled back",
    Transition.SETTLED: "at its last weights",
    Transition.COMMANDED: "asked by a person",
    Transition.TARGET_REFUSED: "without its weights at the target",
    Transition.FOREIGN_RAISE: "raised by somebody else",
    Transition.FOREIGN_CHANGE: "changed by somebody else",
    Transition.DECISION_REFUSED: "sent a decision that is refused",
    Transition.JUDGE_SILENT: "not hearing its judge",
    Transition.TAKEN_BACK: "taken back, its judge is silent",
}
