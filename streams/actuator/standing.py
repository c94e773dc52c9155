"""Where does a rollout stand for the actuator? Its state, and what people and silence make of it.

Everything that must survive a restart can be read back from `routing` and `commands`
(`restoring.py`); `acceptance.py` says which decisions change it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import assert_never

from streams.actuator.facts import CommandRead
from streams.actuator.ports import Segments
from streams.actuator.weights import differs, home, lower_of, rises
from streams.judge.facts import CommandKind

DRIFT_LOWER = "drift_lower"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The newest desired state that davy agreed to; its `seq` is the fence."""

    seq: int = 0
    decision_id: str = ""
    weights_bp: Segments
    terminal: bool = False
    """Nothing is raised any more after these weights."""
    rolled_back: bool = False
    holds: bool = False
    """The judge said hold: what it restates may be kept or lowered to, never raised to."""
    why: str = ""
    pane_end_ms: int = 0
    """Event time of the pane that the decision rests on; 0 where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that the planner needs to know of one rollout."""

    arms: tuple[str, ...]
    spec_hash: str
    accepted: Accepted | None = None
    link: tuple[int, str] | None = None
    """`seq` and hash of the last decision accepted: the next one must point at it."""
    paused: str = ""
    """Who paused, empty if nobody did."""
    paused_until_ms: int | None = None
    """When the pause ends by itself, wall clock; None: at `resume`."""
    drifted: str = ""
    """Why raising is frozen after a foreign change, until a person says resume."""
    drifted_at_ms: int = 0
    ceiling: Segments | None = None
    """After a raise was given up: no more than this until a newer decision."""
    granted_seq: int = -1
    """A person said resume while this decision was in force: it needs no lease."""
    given: Segments | None = None
    """What the target is known to have had last."""
    intent: Segments | None = None
    """What was about to be written and is not known to be there."""
    owned: bool = False
    """davy has written to the target for this rollout."""
    enforced: tuple[float, ...] = ()
    """When foreign raises were undone lately, monotonic seconds."""
    raised_at: float | None = None
    """When the last raise came into force, monotonic seconds."""

    @property
    def fence(self) -> int:
        """`seq` of the accepted decision; 0 before the first."""
        return 0 if self.accepted is None else self.accepted.seq

    @property
    def terminal(self) -> bool:
        """Whether nothing will be raised beyond the accepted weights."""
        return self.accepted is not None and self.accepted.terminal

    def is_settled(self, have: Segments) -> bool:
        """Whether a rollout that has ended is where its last decision wants it, and no less."""
        last = self.accepted
        return last is not None and last.terminal and not differs(have, last.weights_bp)

    @property
    def wanted(self) -> Segments | None:
        """The weights to work towards; None before the first decision."""
        if self.accepted is None or self.ceiling is None:
            return None if self.accepted is None else self.accepted.weights_bp
        return lower_of(self.ceiling, self.accepted.weights_bp)


def take_command(now: Standing, command: CommandRead) -> Standing:
    """What a person asks, as far as it concerns the target. `promote` is the judge's matter."""
    match command.kind:
        case CommandKind.PAUSE:
            who = command.actor or "somebody"
            return replace(now, paused=who, paused_until_ms=command.until_ms)
        case CommandKind.RESUME:
            return _resume(now, command.at_ms)
        case CommandKind.ABORT:
            return _abort(now, command.actor or "somebody")
        case CommandKind.PROMOTE | CommandKind.APPROVE:
            return now
        case _:
            assert_never(command.kind)


def _resume(now: Standing, at_ms: int) -> Standing:
    drifted = now.drifted if now.drifted_at_ms > at_ms else ""
    return replace(
        now,
        paused="",
        paused_until_ms=None,
        drifted=drifted,
        enforced=(),
        ceiling=None,
        granted_seq=now.fence,
        link=None,
    )


def lapsed(now: Standing, at_ms: int) -> Standing:
    """Without the pause whose time is over."""
    if not now.paused or now.paused_until_ms is None or at_ms < now.paused_until_ms:
        return now
    return replace(now, paused="", paused_until_ms=None)


def _abort(now: Standing, actor: str) -> Standing:
    """Back to the baseline and nothing raised again; the judge's own rollback follows."""
    last = now.accepted or Accepted(weights_bp=home(now.arms))
    if last.rolled_back:
        return now
    back = replace(
        last,
        weights_bp=home(now.arms, last.weights_bp),
        terminal=True,
        rolled_back=True,
        why=f"aborted by {actor}",
    )
    return replace(now, accepted=back, enforced=())


def stepped(now: Standing, at_s: float) -> Standing:
    """A raise came into force; a promotion's next steps need no judge, who has said his last."""
    goes_on = now.terminal and differs(now.given or {}, now.wanted)
    granted = now.fence if goes_on else now.granted_seq
    return replace(now, raised_at=at_s, granted_seq=granted)


def give_back(now: Standing, why: str) -> Standing:
    """The judge was silent for too long: to the baseline until a newer decision comes."""
    if now.accepted is None or not rises(home(now.arms), now.accepted.weights_bp):
        return now
    weights = home(now.arms, now.accepted.weights_bp)
    back = replace(now.accepted, weights_bp=weights, why=why)
    return replace(now, accepted=back, enforced=())
