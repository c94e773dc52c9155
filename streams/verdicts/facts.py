"""What is asked of the verdict server, what does it know, and what does it answer? Facts only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from streams.actuator.facts import DecisionFact, RoutingRecord
from streams.actuator.lease import LeaseWatch, Silence, judge_state
from streams.actuator.standing import Standing
from streams.judge.decision_facts import Verdict
from streams.spec.model import FULL_BP, RolloutSpec


class Result(StrEnum):
    """The three answers."""

    PASSED = "pass"
    FAILED = "fail"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldDecision(DecisionFact):
    """A decision with what is told of it to people."""

    reason: str
    """Code, then a sentence: `min_time: stage 0 needs ...`."""
    stage: int
    at_ms: int
    """When it was written, by the clock of who wrote it."""
    verdicts: tuple[Verdict, ...]
    """The evidence on the whole of the traffic; slices are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the log tells of one rollout. Changed only by the functions of `course.py`."""

    spec: RolloutSpec
    partition: int
    """Of all the topics whose key is the rollout."""
    applied_ms: int = 0
    """When its spec was written."""
    standing: Standing
    told: ToldDecision | None = None
    """The decision in force, in full."""
    refused: str = ""
    """Why the newest decision is not believed; empty where it is."""
    lease: LeaseWatch
    last_lease_ms: int = 0
    """When the last signed lease that counted was issued."""
    routing: RoutingRecord | None = None
    """The newest that tells what the target has."""
    routed_at: float | None = None
    """When that was heard live, monotonic seconds."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will be decided."""
        return self.standing.terminal or self.lease.ended

    def silence(self, now: float) -> Silence:
        """What it means that the judge was heard when it was; `now` in monotonic seconds."""
        return self.lease.silence(now)

    def judge(self, now: float) -> str:
        """Whether the judge is heard: live, frozen, rolled_back; ended when it need not be."""
        return judge_state(self.lease, now, terminal=self.standing.terminal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a controller asks."""

    rollout: str = ""
    """The rollout's id; or leave it to `service` and `revision` to find it."""
    service: str = ""
    revision: str = ""
    """What the controller calls the candidate's revision: a pod hash, a checksum."""
    weight_bp: int = FULL_BP
    """Which share it wants to give to the candidate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The answer and why: a code that does not change, and a sentence."""

    result: Result
    code: str
    sentence: str
