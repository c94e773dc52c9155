"""What may a person ask of a rollout now, and how does it become a command? Pure functions."""

from __future__ import annotations

from collections.abc import Iterator

from streams.actuator.weights import differs
from streams.dashboard.answers.common import Trouble
from streams.dashboard.answers.story import CommandWanted
from streams.dashboard.pen import Command
from streams.judge.facts import CommandKind
from streams.verdicts.facts import Known


class NoAnswer(Exception):  # noqa: N818 - it is an answer
    """No answer but why, with the HTTP status."""

    def __init__(self, status: int, trouble: Trouble) -> None:
        super().__init__(trouble.reason)
        self.status, self.trouble = status, trouble


def allowed(known: Known) -> list[CommandKind]:
    """What may be asked now; nothing of a rollout that has ended and whose target is settled."""
    return list(_allowed(known))


def _allowed(known: Known) -> Iterator[CommandKind]:
    if known.ended and not is_moving(known):
        return
    if not known.standing.paused:
        yield CommandKind.PAUSE
    yield CommandKind.RESUME
    if not known.ended:
        if approvable(known):
            yield CommandKind.APPROVE
        yield CommandKind.PROMOTE
    yield CommandKind.ABORT


def is_moving(known: Known) -> bool:
    """Whether a rollout that was decided for good still raises its share, step by step.

    One whose last decision is older than what was read has settled.
    """
    target, decided = known.spec.target, known.standing.accepted is not None
    if target.dry_run or not decided or not (target.max_step_bp or target.dwell_s):
        return False
    last = known.routing
    return last is None or not last.terminal or differs(last.applied_bp, last.desired_bp)


def approvable(known: Known) -> list[int]:
    """Stages that wait for a person and were not begun."""
    now = -1 if known.told is None else known.told.stage
    stages = enumerate(known.spec.stages)
    return [index for index, stage in stages if stage.approval and index > now]


def command_of(known: Known, wanted: CommandWanted, user: str, now_ms: int) -> Command:
    """The command that is wanted, signed by who was authenticated, or by the name that is given.

    Raises:
        NoAnswer: nobody is named, or the rollout is past it.
    """
    actor = user or wanted.actor.strip()
    if not actor:
        raise _nobody(wanted)
    if wanted.command not in allowed(known):
        raise _too_late(known, wanted)
    until_ms = None if wanted.for_s is None else now_ms + round(wanted.for_s * 1000)
    return Command(
        rollout=known.spec.rollout,
        kind=wanted.command.name,
        actor=actor,
        reason=wanted.reason.strip(),
        at_ms=now_ms,
        stage=_stage(known, wanted),
        until_ms=until_ms if wanted.command in LAPSING else None,
    )


LAPSING = frozenset({CommandKind.PAUSE, CommandKind.APPROVE, CommandKind.PROMOTE})
"""What may end by itself."""


def _stage(known: Known, wanted: CommandWanted) -> int | None:
    if wanted.command is not CommandKind.APPROVE:
        return None
    stages = approvable(known)
    chosen = stages[0] if wanted.stage is None else wanted.stage
    if chosen not in stages:
        raise _not_waiting(known, chosen, stages)
    return chosen


def _not_waiting(known: Known, stage: int, waiting: list[int]) -> NoAnswer:
    told = ", ".join(map(str, waiting))
    trouble = Trouble(
        code="no_such_stage",
        reason=f"stage {stage} of `{known.spec.rollout}` waits for nobody; these do: {told}",
        where="stage",
        advice="choose one of them; `promote` gives all traffic on a person's word",
    )
    return NoAnswer(409, trouble)


def _nobody(wanted: CommandWanted) -> NoAnswer:
    trouble = Trouble(
        code="nobody_named",
        reason=f"{wanted.command} is asked by nobody: this server does not know who asks",
        where="actor",
        advice="name yourself; the trail keeps it",
    )
    return NoAnswer(422, trouble)


def _too_late(known: Known, wanted: CommandWanted) -> NoAnswer:
    may = ", ".join(allowed(known)) or "nothing: it has ended"
    trouble = Trouble(
        code="not_now",
        reason=f"{wanted.command} cannot be asked of `{known.spec.rollout}` now; what can: {may}",
        where="command",
        advice="look at the rollout once more; apply a new one to try again",
    )
    return NoAnswer(409, trouble)
