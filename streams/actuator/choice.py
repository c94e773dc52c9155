"""What is the next step at the target, with every limit that holds for it?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from streams.actuator.claim import UNCLAIMED
from streams.actuator.lease import Silence
from streams.actuator.pace import paced
from streams.actuator.ports import Capabilities, FenceKind, Observed
from streams.actuator.reconcile import Move, Plan, plan, preparation
from streams.actuator.standing import Standing
from streams.spec.model import RolloutSpec


def chosen(
    now: Standing,
    seen: Observed,
    silence: Silence,
    can: Capabilities,
    spec: RolloutSpec,
    *,
    at_s: float,
    claimed: Callable[[], bool],
    overwrites: bool,
) -> Plan:
    """The one thing to do now.

    Args:
        now: where the rollout stands.
        seen: what the target has.
        silence: what the judge's silence means.
        can: what the target can.
        spec: for its targeting rules and its target's limits.
        at_s: monotonic seconds.
        claimed: whether the claim on the rollout is proven, which may cost a question to the
            broker: asked only before a raise; without it nothing is raised.
        overwrites: a write of another process may be under way, which one of ours must stop.

    Raises:
        TargetRejected: a raise is below the target's resolution.
    """
    todo = _prepared(now, seen, can, spec) or plan(now, seen, silence, can)
    since_s = None if now.raised_at is None else at_s - now.raised_at
    todo = paced(todo, seen.weights_bp, spec.target, can, since_s)
    if todo.move is Move.RAISE and not claimed():
        todo = Plan(move=Move.KEEP, weights_bp=seen.weights_bp, reason=UNCLAIMED)
    if todo.move is Move.KEEP and overwrites and now.wanted is not None:
        return replace(todo, move=Move.LOWER, weights_bp=seen.weights_bp)
    return todo


def _prepared(now: Standing, seen: Observed, can: Capabilities, spec: RolloutSpec) -> Plan | None:
    """What targeting rules need before the first decision; once where no fence is seen."""
    if not spec.targeting or (now.owned and can.fence is not FenceKind.NATIVE):
        return None
    return preparation(now, seen, spec.rollout)
