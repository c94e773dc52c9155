"""Which rollout and candidate does a question mean, and what is the answer? No HTTP in here.

A question that names no revision, or another one than the rollout's, gets no verdict: what was
found of one revision says nothing of another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from streams.verdicts.facts import Known, Question, Ruling


class Cause(StrEnum):
    """Why there is no verdict."""

    NOT_READ = "not_read"
    UNKNOWN_ROLLOUT = "unknown_rollout"
    WRONG_REVISION = "wrong_revision"
    NOBODY_NAMED = "nobody_named"
    SEVERAL_MEANT = "several_meant"


class NoVerdict(Exception):  # noqa: N818 - it is an answer
    """The question cannot be answered."""

    def __init__(self, cause: Cause, sentence: str) -> None:
        super().__init__(sentence)
        self.cause, self.sentence = cause, sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A ruling, of whom it is, and what it rests on."""

    known: Known
    arm: str
    weight_bp: int
    ruling: Ruling
    now: float
    """When it was given, monotonic seconds."""


class Log(Protocol):
    """Who has read the log."""

    def unread(self, partition: int | None = None) -> str:
        """Why nothing may be answered from a partition, or from any; empty where it may."""
        ...


class Rollouts(Protocol):
    """Who knows rollouts."""

    def get(self, rollout: str) -> Known | None:
        """By id."""
        ...

    def of_service(self, service: str, revision: str) -> tuple[Known, ...]:
        """Those of a service whose candidate goes by this revision: who lives, else the newest."""
        ...


Rule = Callable[[Known, str, int, float], Ruling]
"""From what is known, the candidate's arm, the share in basis points and the monotonic time."""


def ask(
    question: Question,
    rollouts: Rollouts,
    log: Log,
    rule: Rule,
    now: float,
    *,
    also_called: Sequence[str] = (),
    any_revision: bool = False,
) -> Answered:
    """The answer to a question.

    Args:
        question: who is meant, and what is asked.
        rollouts: what is known.
        log: whether it is all there is.
        rule: how it is judged.
        now: monotonic seconds.
        also_called: further names of the rollout's one candidate that the asker vouches for.
        any_revision: the revision is not looked at.

    Raises:
        NoVerdict: nobody is meant, or the log was not read.
    """
    known = _found(question, rollouts, log)
    if unread := log.unread(known.partition):
        raise NoVerdict(Cause.NOT_READ, unread)
    arm = known.spec.arm_of(question.revision)
    single = len(known.spec.candidates) == 1
    if arm is None and single and (any_revision or question.revision in also_called):
        arm = known.spec.candidates[0].name
    if arm is None:
        raise NoVerdict(Cause.WRONG_REVISION, _other_revision(known, question.revision))
    return Answered(
        known=known,
        arm=arm,
        weight_bp=question.weight_bp,
        ruling=rule(known, arm, question.weight_bp, now),
        now=now,
    )


def _found(question: Question, rollouts: Rollouts, log: Log) -> Known:
    if not question.rollout and not question.service:
        sentence = "name a `rollout`, or a `service` whose rollout the revision tells"
        raise NoVerdict(Cause.NOBODY_NAMED, sentence)
    by_id = rollouts.get(question.rollout) if question.rollout else None
    if by_id is not None:
        return by_id
    # One of another partition may be meant, so all of the log must be known.
    if unread := log.unread():
        raise NoVerdict(Cause.NOT_READ, unread)
    found = () if question.rollout else rollouts.of_service(question.service, question.revision)
    if len(found) > 1:
        names = ", ".join(known.spec.rollout for known in found)
        sentence = f"rollouts {names} live, all of this revision; ask by `rollout`"
        raise NoVerdict(Cause.SEVERAL_MEANT, sentence)
    if not found:
        raise NoVerdict(Cause.UNKNOWN_ROLLOUT, _unknown(question))
    return found[0]


def _unknown(question: Question) -> str:
    if question.rollout:
        return f"there is no rollout `{question.rollout}`; `davy rollout list` shows those that are"
    return (
        f"service `{question.service}` has no rollout of revision `{question.revision}`; begin it: "
        f"`davy rollout apply FILE --revision {question.revision or 'REVISION'}`"
    )


def _other_revision(known: Known, revision: str) -> str:
    spec = known.spec
    names = [spec.revision, *(candidate.version for candidate in spec.candidates)]
    ours = " or ".join(f"`{name}`" for name in names if name)
    asked = f"asked for revision `{revision}`" if revision else "the question names no revision"
    return (
        f"{asked}, rollout `{spec.rollout}` is about {ours}; what was found of one revision says "
        "nothing of another: name it, or begin a rollout for it (`davy rollout apply FILE "
        f"--revision {revision or 'REVISION'}`)"
    )
