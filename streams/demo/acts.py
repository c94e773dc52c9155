"""What happens in the demo, act by act, and how is each act to end?

An act is one rollout. Facts only: what was planned, what is seen now, what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from string import Template
from textwrap import indent
from typing import Any

import yaml

from streams.demo.faults import Fault
from streams.judge.decision_facts import Action, Decision
from streams.spec.model import ALL_SEGMENT, BASELINE, FULL_BP

SETTLED_SHARE = {"promoted": 1.0, "rolled back": 0.0}


class Outcome(StrEnum):
    """How an act can end."""

    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is awaited of each answer, and the guardrail that asks for it: lines of the spec."""

    outcomes: str = "# nothing is awaited of the answers"
    guardrail: str = ""
    share: str = "25%"
    """Of the middle stage."""


# Windows in seconds, as all times of the demo; four mean delays long, so that slow is not worse.
ASKED = {
    Fault.ACCURACY: Asked(
        outcomes="outcomes: {label: {kind: label, window: 3s, delivery: 1s}}",
        guardrail="accuracy: +150%",
        share="50%",  # that no label is missing takes some thousand requests to show
    ),
    Fault.CONVERSION: Asked(
        outcomes="outcomes: {purchase: {kind: rate, window: 2s, delivery: 500ms}}",
        guardrail="purchase: -30%",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One rollout of the demo and the outcome that it must have."""

    rollout: str
    baseline: str
    candidate: str
    fault: Fault
    expected: Outcome
    asked: Asked = Asked()

    def spec_text(self, template: str, route: Mapping[str, Any]) -> str:
        """The rollout spec as YAML; `route` is a router's name and its options."""
        return Template(template).substitute(
            rollout=self.rollout,
            baseline=self.baseline,
            candidate=self.candidate,
            route=indent(yaml.safe_dump(dict(route), sort_keys=False), "  ").rstrip(),
            outcomes=self.asked.outcomes,
            guardrail=self.asked.guardrail,
            share=self.asked.share,
        )


def acts(fault: Fault) -> tuple[Act, ...]:
    """First a good candidate, then one with the fault; both are asked what would show it."""
    asked = ASKED.get(fault, Asked())
    good = Act(
        rollout="digits-v2",
        baseline="v1",
        candidate="v2",
        fault=Fault.NONE,
        expected=Outcome.PROMOTED,
        asked=asked,
    )
    bad = Act(
        rollout="digits-v3",
        baseline="v2",
        candidate="v3",
        fault=fault,
        expected=Outcome.ROLLED_BACK,
        asked=asked,
    )
    return good, bad


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A decision and when it was in the log, in epoch milliseconds."""

    decision: Decision
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """All that can be seen of an act at one moment. Shares are in 0..1, None is not known yet."""

    act: Act
    elapsed_s: float
    told: tuple[Told, ...]
    applied: float | None
    """The candidate's share as the actuator found it at the target."""
    measured: float | None
    """The candidate's share of the answers that came through the proxy of late."""
    rate: float
    """Answers a second."""
    released: bool
    """Whether the judge has given up its lease, so that the route is free for the next rollout."""

    @property
    def last(self) -> Told | None:
        """The newest decision."""
        return self.told[-1] if self.told else None

    @property
    def outcome(self) -> Outcome:
        """What has been decided."""
        if self.last is None or not self.last.decision.terminal:
            return Outcome.UNDECIDED
        promoted = self.last.decision.action is Action.PROMOTE
        return Outcome.PROMOTED if promoted else Outcome.ROLLED_BACK

    @property
    def settled(self) -> bool:
        """Whether the outcome is decided for good, applied, and what the traffic really does."""
        share = SETTLED_SHARE.get(self.outcome)
        if share is None or not self.released:
            return False
        return self.applied == share and self.measured == share


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What came of an act."""

    view: View
    first_fault_ms: int | None
    """When the first faulty answer came out of the proxy."""
    last_answer_ms: int | None
    """When the candidate's last answer came out of the proxy."""

    @property
    def as_expected(self) -> bool:
        """Whether the traffic is where it should be, by the expected decision."""
        return self.view.settled and self.view.outcome is self.view.act.expected

    @property
    def fault_to_zero_s(self) -> float | None:
        """Seconds from the first faulty answer to the last: after it the measured share is 0."""
        if self.view.outcome is not Outcome.ROLLED_BACK or not self.view.settled:
            return None
        if self.first_fault_ms is None or self.last_answer_ms is None:
            return None
        return (self.last_answer_ms - self.first_fault_ms) / 1000


def candidate_share(weights_bp: dict[str, dict[str, int]]) -> float:
    """The candidates' share of all traffic, in 0..1, from weights by segment and arm.

    >>> candidate_share({"all": {"baseline": 9800, "candidate": 200}})
    0.02
    """
    return (FULL_BP - weights_bp[ALL_SEGMENT][BASELINE]) / FULL_BP
