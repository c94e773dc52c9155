"""What is told, and of which rollout? Facts only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streams.actuator.ports import Segments
from streams.notify_settings import Severity, Transition
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP

ENDINGS = frozenset({Transition.PROMOTED, Transition.ROLLED_BACK})
"""How a rollout can end; told as soon as it is decided."""
_CRITICAL = frozenset(
    {
        Transition.TARGET_REFUSED,
        Transition.FOREIGN_RAISE,
        Transition.DECISION_REFUSED,
        Transition.TAKEN_BACK,
    }
)
_WARNING = frozenset(
    {
        Transition.HELD,
        Transition.INVALID,
        Transition.SILENT,
        Transition.APPROVAL_NEEDED,
        Transition.ROLLED_BACK,
        Transition.FOREIGN_CHANGE,
        Transition.JUDGE_SILENT,
    }
)
TROUBLES = (_CRITICAL | _WARNING) - {Transition.ROLLED_BACK}
"""What lasts until it is told that it is over."""
_OF_THE_JUDGE = frozenset(
    {Transition.HELD, Transition.INVALID, Transition.SILENT, Transition.APPROVAL_NEEDED}
)
ENDED_BY = {
    Transition.PROMOTED: _OF_THE_JUDGE,
    Transition.ROLLED_BACK: _OF_THE_JUDGE,
    Transition.SETTLED: TROUBLES,
}
"""What is over without a word of its own: a target may still refuse the weights of the end."""


def severity_of(transition: Transition) -> Severity:
    """How much a transition matters.

    >>> severity_of(Transition.ROLLED_BACK)
    <Severity.WARNING: 'warning'>
    """
    if transition in _CRITICAL:
        return Severity.CRITICAL
    return Severity.WARNING if transition in _WARNING else Severity.INFO


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a record stands; `topic` without prefix."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}-{self.offset}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The rollout, as its spec tells; service and versions are empty where no spec is known."""

    rollout: str
    service: str = ""
    route: str = ""
    baseline: str = ""
    """The baseline's model version."""
    candidates: Mapping[str, str] = field(default_factory=dict)
    """Candidate's arm -> its model version."""
    stages: int = 0
    spec_hash: str = ""
    dry_run: bool = False
    """Whether somebody else moves the traffic and davy only looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a record has to tell; `ended` is what is over, with RECOVERED alone."""

    transition: Transition
    code: str
    sentence: str
    ended: Transition | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One transition of one rollout, complete for a hook."""

    key: str
    """The same for the same transition, however often it is delivered."""
    transition: Transition
    subject: Subject
    at_ms: int
    """When the record was written, milliseconds since the epoch."""
    place: Place
    code: str
    """Reason code."""
    sentence: str
    ended: Transition | None = None
    """Which transition is over, with RECOVERED."""
    decision_id: str = ""
    """Empty where no decision is behind it."""
    seq: int = 0
    stage: int = -1
    """Index of the stage; -1 before the first and where it is not known."""
    weights_bp: Segments = field(default_factory=dict)
    """Segment -> arm -> basis points: decided, or at the target, as the transition says."""
    actor: str = ""
    """Which person, where one asked."""

    @property
    def severity(self) -> Severity:
        """How much it matters."""
        return severity_of(self.transition)

    @property
    def shares_bp(self) -> dict[str, int]:
        """Candidate -> basis points of all requests."""
        arms = self.weights_bp.get(ALL_SEGMENT, {})
        return {arm: share for arm, share in sorted(arms.items()) if arm != BASELINE}

    @property
    def outcome(self) -> Transition | None:
        """Which of ENDINGS has come true; None for all else, and while the target may refuse it.

        The target's last weights say it. Where davy only looks it is what was decided: whoever
        moves the traffic makes the candidate the stable one, whose share is the baseline's.
        """
        if self.subject.dry_run:
            return self.transition if self.transition in ENDINGS else None
        if self.transition is not Transition.SETTLED:
            return None
        if FULL_BP in self.shares_bp.values():
            return Transition.PROMOTED
        kept = (arms[arm] for arms in self.weights_bp.values() for arm in arms if arm != BASELINE)
        return None if any(kept) else Transition.ROLLED_BACK

    @property
    def winner(self) -> str:
        """Model version of the candidate that was promoted; empty with any other transition."""
        shares = self.shares_bp
        if Transition.PROMOTED not in {self.transition, self.outcome} or not shares:
            return ""
        return self.subject.candidates.get(max(shares, key=lambda arm: shares[arm]), "")


def told_key(told: Told, subject: Subject, decision_id: str, place: Place) -> str:
    """The idempotency key: a decision makes each transition once, other records are named.

    A rollout settles once, under whichever decision: an abort is at the target before the judge
    has decided it, and then again under his decision. Letters, digits, `-` and `_` alone, so that
    it can stand in headers and names.
    """
    settled = told.transition is Transition.SETTLED
    if settled and subject.spec_hash:
        return f"{subject.spec_hash}-{told.transition}"
    if decision_id and (settled or place.topic == "decisions"):
        kind = f"{told.transition}-{told.ended}" if told.ended else str(told.transition)
        return f"{decision_id}-{kind}"
    whose = decision_id or "".join(c if c.isalnum() else "_" for c in subject.rollout)
    return f"{whose}-{told.transition}-{place}"
