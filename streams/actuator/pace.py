"""How far and how soon may a share go up? Limits of the target's own; nothing slows a lowering.

They hold whoever decided: a judge that is wrong, or a person who promotes, moves no more at once.
"""

from __future__ import annotations

from dataclasses import replace

from streams.actuator.ports import Capabilities, Segments
from streams.actuator.reconcile import Move, Plan
from streams.actuator.weights import raised_by, rises, settled
from streams.errors import TargetRejected
from streams.spec.model import Target


def paced(
    todo: Plan, have: Segments, target: Target, can: Capabilities, since_s: float | None
) -> Plan:
    """The part of a raise that may be done now; other plans as they are.

    Args:
        todo: what is to be done.
        have: what the target has.
        target: its `max_step_bp` and `dwell_s`.
        can: its resolution; a step that rounds to nothing is none.
        since_s: seconds since the last raise; None: there was none.
    """
    if todo.move is not Move.RAISE:
        return todo
    if since_s is not None and since_s < target.dwell_s:
        waits = f"dwell: {target.dwell_s - since_s:.0f} s to the next raise"
        return Plan(move=Move.KEEP, weights_bp=have, reason=waits)
    if target.max_step_bp is None:
        return todo
    step = raised_by(have, todo.weights_bp, target.max_step_bp)
    if _raises(have, step, can):
        return replace(todo, weights_bp=step)
    finer = "max_step: it is below the target's resolution; use a larger one in the next rollout"
    return Plan(move=Move.KEEP, weights_bp=have, reason=finer)


def _raises(have: Segments, step: Segments, can: Capabilities) -> bool:
    try:
        return rises(have, settled(step, can.largest_weight, can.total))
    except TargetRejected:
        return False
