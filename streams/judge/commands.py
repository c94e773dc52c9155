"""What do people want of this rollout right now? Commands folded in log order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self, assert_never

from streams.figures import moment
from streams.judge.facts import CommandFact, CommandKind, RoutingFact

PROMOTE_MS = 3_600_000
"""How long a `promote` counts that does not say: it was asked in view of what there was then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """A person's yes to a stage."""

    by: str
    until_ms: int | None = None
    """When it lapses, event time; None: it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """Standing wishes; each text says who asked and why, empty means nobody did."""

    pause: str = ""
    pause_until_ms: int | None = None
    """When the pause ends by itself, event time; None: at `resume`."""
    promote: str = ""
    too_late: str = ""
    """Why that `promote` counts no more; empty while it does."""
    abort: str = ""
    approved: Mapping[int, Approval] = field(default_factory=dict)
    """Stage -> who said that it may begin."""

    def after(self, command: CommandFact, now_ms: int) -> Wishes:
        """The wishes once this command was read. A pause takes back an earlier `promote`.

        `now_ms`: the newest time that the log tells, see `heard_ms`.
        """
        asked = f"{command.actor}: {command.reason}" if command.reason else command.actor
        who = asked or "somebody"
        match command.kind:
            case CommandKind.PAUSE:
                return replace(self.answered(), pause=who, pause_until_ms=command.until_ms)
            case CommandKind.RESUME:
                return replace(self, pause="", pause_until_ms=None)
            case CommandKind.PROMOTE:
                return replace(self, promote=who, too_late=_too_late(command, now_ms))
            case CommandKind.ABORT:
                return replace(self, abort=who)
            case CommandKind.APPROVE:
                return self._approved(command, who)
            case _:
                assert_never(command.kind)

    def _approved(self, command: CommandFact, who: str) -> Wishes:
        """A yes to no stage in particular would count for one that nobody looked at: it is none."""
        if command.stage is None:
            return self
        yes = Approval(by=who, until_ms=command.until_ms)
        return replace(self, approved={**self.approved, command.stage: yes})

    def at(self, now_ms: int) -> Wishes:
        """The wishes that have not lapsed at this event time."""
        approved = {n: yes for n, yes in self.approved.items() if not _over(yes.until_ms, now_ms)}
        kept = self if len(approved) == len(self.approved) else replace(self, approved=approved)
        if kept.pause and _over(kept.pause_until_ms, now_ms):
            return replace(kept, pause="", pause_until_ms=None)
        return kept

    def answered(self) -> Wishes:
        """The wishes after a step: a `promote` is granted or refused once, never kept."""
        return replace(self, promote="", too_late="")

    def to_state(self) -> dict[str, Any]:
        """The wishes as JSON values."""
        state = asdict(self) | {
            "approved": {str(stage): asdict(yes) for stage, yes in sorted(self.approved.items())}
        }
        del state["too_late"]  # as empty as `promote` between two steps
        return state

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote."""
        approved = {int(stage): Approval(**yes) for stage, yes in state["approved"].items()}
        return cls(**{**state, "approved": approved})


def heard_ms(end_ms: int, routing: Iterable[RoutingFact], commands: Iterable[CommandFact]) -> int:
    """The newest time that a step's records tell, of events, of targets or of people.

    Panes alone stand still while nobody judges; whoever looks at the targets goes on then.
    """
    return max((end_ms, *(fact.at_ms for fact in routing), *(asked.at_ms for asked in commands)))


def _too_late(command: CommandFact, now_ms: int) -> str:
    """Why a `promote` that is heard now counts no more; empty if it does.

    A judge that was away must not act on it days later. No clock is asked but the log's, or a
    replay would come to something else.
    """
    until_ms = command.at_ms + PROMOTE_MS if command.until_ms is None else command.until_ms
    if not _over(until_ms, now_ms):
        return ""
    asked, until, now = (moment(each) for each in (command.at_ms, until_ms, now_ms))
    return f"that was at {asked} and counted until {until}; the log is at {now}: ask again"


def _over(until_ms: int | None, now_ms: int) -> bool:
    return until_ms is not None and now_ms >= until_ms
