"""Where did a rollout stand when its former actuator ended? As `routing` and `commands` tell it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from streams.actuator.facts import CommandRead, RoutingRecord
from streams.actuator.standing import DRIFT_LOWER, Accepted, Standing, take_command
from streams.actuator.weights import home, rises
from streams.judge.facts import RoutingPhase


def restore(
    now: Standing, records: Iterable[RoutingRecord], commands: Iterable[CommandRead] = ()
) -> Standing:
    """The standing after a restart: what `routing` tells, then what people asked.

    A record with an older fence than one before it comes from an actuator that had lost its
    partition: it is skipped.
    """
    for record in records:
        if record.phase is not RoutingPhase.REFUSED and record.fence >= now.fence:
            now = _restored(now, record)
    for command in commands:
        now = take_command(now, command)
    return replace(now, granted_seq=-1)


def _restored(now: Standing, record: RoutingRecord) -> Standing:
    if record.fence or record.desired_bp:
        accepted = Accepted(
            seq=record.fence,
            decision_id=record.decision_id,
            weights_bp=record.desired_bp,
            terminal=record.terminal,
            rolled_back=record.terminal and not rises(home(now.arms), record.desired_bp),
            # Whatever else is to be raised the judge restates in its next decision.
            holds=not (record.terminal or record.phase is RoutingPhase.INTENT),
        )
        now = replace(now, accepted=accepted)
    match record.phase:
        case RoutingPhase.INTENT:
            return replace(now, intent=record.applied_bp, owned=True, ceiling=None)
        case RoutingPhase.FAILED:
            seen = record.applied_bp or now.given or home(now.arms)
            return replace(now, ceiling=seen, given=seen, intent=None)
        case RoutingPhase.APPLIED | RoutingPhase.OBSERVED:
            return _seen(now, record)
        case RoutingPhase.REFUSED:
            return now
        case _:
            assert_never(record.phase)


def _seen(now: Standing, record: RoutingRecord) -> Standing:
    frozen = record.reason if record.reason.startswith(DRIFT_LOWER) else ""
    at_ms = record.at if not now.drifted else now.drifted_at_ms
    return replace(
        now,
        given=record.applied_bp,
        intent=None,
        ceiling=None,
        drifted=frozen,
        drifted_at_ms=at_ms if frozen else 0,
    )
