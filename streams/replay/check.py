"""Is each recorded decision what the log gives? Decision by decision, and where it differs.

Bodies are compared byte for byte. Where bytes differ the first field that differs is told, and by
how much e-values do: another build of numpy may move the last digits, a forger moves more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any

from streams.errors import LogError, StateError
from streams.judge.chain import decision_body
from streams.judge.decision_facts import Decision
from streams.judge.facts import PaneInput
from streams.judge.record import decision_to_record
from streams.judge.rollout import RolloutJudge
from streams.replay.cuts import Retrial
from streams.replay.records import RecordedDecision, Trail
from streams.replay.rollout import first_panes

E_VALUES_AGREE = 1e-9
"""Recomputed log e-values lie at most this far from the recorded ones."""


class Outcome(StrEnum):
    """What came of judging a decision again."""

    OK = "ok"
    DIFFERS = "differs"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first field in which a record and the judge differ."""

    field: str
    recorded: str
    judged: str

    def __str__(self) -> str:
        return f"{self.field}: recorded {self.recorded}, judged {self.judged}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One recorded decision, judged again."""

    recorded: RecordedDecision
    outcome: Outcome
    difference: Difference | None = None
    e_gap: float = 0.0
    """Largest distance of a recorded log e-value from the judged one."""
    why: str = ""
    """Why it could not be judged."""


def check(trail: Trail) -> list[Checked]:
    """Judge a rollout again and compare every decision.

    Raises:
        LogError: the spec, the first panes or a decision in between are missing.
    """
    return list(checks(trail))


def checks(trail: Trail) -> Iterator[Checked]:
    """`check`, decision by decision."""
    retrial = open_retrial(trail)
    why = ""
    for _, group in groupby(trail.decisions, key=lambda told: told.decision.seq):
        same = list(group)
        if not why:
            found, why = _judged(retrial, same[0].decision)
        if why:
            yield from (Checked(recorded=r, outcome=Outcome.NOT_JUDGED, why=why) for r in same)
        else:
            yield from (compare(recorded, found) for recorded in same)


def open_retrial(trail: Trail, judge: RolloutJudge | None = None) -> Retrial:
    """A fresh judge (or the one given) before the first cut of a rollout's decisions.

    Raises:
        LogError: see `check`.
    """
    decisions = [recorded.decision for recorded in trail.decisions]
    _consecutive(trail.rollout, decisions)
    spec, pane_ms = trail.spec, decisions[0].pane_ms
    first = min((cut.pane for cut in decisions[0].steps), default=decisions[0].cut.pane)
    panes = first_panes(spec, trail.panes, first)

    def pane_at(pane: int) -> PaneInput:
        if pane not in panes:
            raise StateError(f"pane {pane} is missing: `panes` ends with pane {max(panes)}")
        return panes[pane]

    return Retrial(judge or RolloutJudge(spec, pane_ms), pane_at, trail.routing, trail.commands)


def compare(recorded: RecordedDecision, judged: Decision | None) -> Checked:
    """One record beside what was judged at its cut."""
    if judged is None:
        none = Difference(field="decision", recorded=recorded.decision.action, judged="none")
        return Checked(recorded=recorded, outcome=Outcome.DIFFERS, difference=none)
    if recorded.body == decision_body(judged):
        return Checked(recorded=recorded, outcome=Outcome.OK)
    found = next(_differences(recorded.record, decision_to_record(judged)), None)
    order = Difference(field="bytes", recorded="another order of maps", judged="ascending")
    return Checked(
        recorded=recorded,
        outcome=Outcome.DIFFERS,
        difference=found or order,
        e_gap=_e_gap(recorded.decision, judged),
    )


def _judged(retrial: Retrial, recorded: Decision) -> tuple[Decision | None, str]:
    """What is decided at a recorded decision's cut, or why that cannot be told."""
    try:
        told = retrial.follow(recorded)
    except (StateError, ValueError) as problem:
        return None, str(problem)
    return (told[0] if told else None), ""


def _consecutive(rollout: str, decisions: Sequence[Decision]) -> None:
    have = {decision.seq for decision in decisions}
    lost = next((number for number in range(1, max(have)) if number not in have), None)
    if lost is not None:
        raise LogError(
            f"rollout `{rollout}` cannot be judged again: decision #{lost} is missing "
            f"(there are {len(have)}, the last is #{max(have)}), "
            "and with it the cuts that it names; restore it from an export"
        )


def _differences(recorded: Any, judged: Any, path: str = "") -> Iterator[Difference]:
    """Every leaf in which two records differ, in the order of the judged one's fields."""
    if isinstance(recorded, Mapping) and isinstance(judged, Mapping):
        for key in [*judged, *(key for key in recorded if key not in judged)]:
            below = f"{path}.{key}" if path else str(key)
            yield from _differences(recorded.get(key), judged.get(key), below)
    elif isinstance(recorded, list) and isinstance(judged, list) and len(recorded) == len(judged):
        for number, (left, right) in enumerate(zip(recorded, judged, strict=True)):
            yield from _differences(left, right, f"{path}[{number}]")
    elif recorded != judged:
        yield Difference(field=path, recorded=repr(recorded), judged=repr(judged))


def _e_gap(recorded: Decision, judged: Decision) -> float:
    pairs = zip(_log_e_values(recorded), _log_e_values(judged), strict=False)
    return max((abs(a - b) for a, b in pairs if math.isfinite(a - b)), default=0.0)


def _log_e_values(decision: Decision) -> list[float]:
    verdicts = [e for v in decision.verdicts for e in (v.log_e_harm, v.log_e_safe)]
    return verdicts + [health.log_e for health in decision.health]
